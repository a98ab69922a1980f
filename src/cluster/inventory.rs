//! Inventory of the objects that an environment applied to an existing cluster; `down` removes them by this list.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use kube::ResourceExt;
use kube::core::{DynamicObject, ObjectMeta};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ClusterError, Records};
use crate::cluster::{Adopted, Ownership, Target};
use crate::host::exec;
use crate::host::folders;
use crate::readiness::ObjectRef;
use crate::suite::manifests::{ENVIRONMENT_ANNOTATION, MANAGED_BY};

const FILE: &str = "objects.json";

/// The objects of an environment in an existing cluster.
///
/// Stored in a file of its own beside the record, readable only by the user, because the earlier state of an adopted
/// Secret holds its data. The record, which is printed and copied into bundles, never does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectInventory {
    /// Identity of the cluster, which stays the same when addresses and context names change.
    pub cluster: String,
    /// Identity of the environment: the annotation on created objects, and part of its field manager's name.
    pub environment: String,
    /// The namespace of objects that name none.
    pub namespace: String,
    /// The id of the run, if the environment is one of several of its suite in the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The objects, including those about to be applied.
    pub objects: Vec<InventoryObject>,
}

/// An object of an environment, from before it is applied until it is deleted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InventoryObject {
    /// Its name.
    pub object: ObjectRef,
    /// Its component; `None` for the suite's namespace.
    pub component: Option<String>,
    /// Its uid; `None` until it is known to exist.
    pub uid: Option<String>,
    /// Its earlier state, if it existed before: it is adopted, and never deleted.
    pub before: Option<Value>,
    /// Whether it is kept when the run that added it fails or is killed.
    pub kept: bool,
}

impl ObjectInventory {
    /// Returns an empty inventory for a new environment called `name`.
    #[must_use]
    pub fn new(name: &str, namespace: &str, cluster: String) -> ObjectInventory {
        let environment = format!("{name}.{}", exec::run_id());
        ObjectInventory { cluster, environment, namespace: namespace.into(), run: None, objects: Vec::new() }
    }

    /// Returns the field manager of what the environment applies. It is unique per environment: with a shared one,
    /// giving back fields would take them from every environment.
    #[must_use]
    pub fn manager(&self) -> String {
        format!("{MANAGED_BY}.{}", self.environment)
    }

    /// Returns the entry of `object`.
    #[must_use]
    pub fn find(&self, object: &ObjectRef) -> Option<&InventoryObject> {
        self.objects.iter().find(|entry| self.is_same(&entry.object, object))
    }

    /// Records that `object` is about to be applied as part of `component`, with its current state. Returns whether
    /// this call adopts it.
    pub fn expect(&mut self, component: Option<&str>, object: ObjectRef, found: Option<&DynamicObject>) -> bool {
        let uid = found.and_then(ResourceExt::uid);
        // The same object may be recorded under another API version.
        let known = |entry: &InventoryObject| self.is_same(&entry.object, &object) || uid.is_some() && entry.uid == uid;
        let at = self.objects.iter().position(known).unwrap_or_else(|| {
            let entry =
                InventoryObject { object: object.clone(), component: None, uid: None, before: None, kept: false };
            self.objects.push(entry);
            self.objects.len() - 1
        });
        let environment = &self.environment;
        let Some(entry) = self.objects.get_mut(at) else { return false };
        (entry.object, entry.component) = (object, component.map(str::to_owned));
        let Some(found) = found else {
            (entry.uid, entry.before, entry.kept) = (None, None, false);
            return false;
        };
        if uid.is_some() && entry.uid == uid {
            return false;
        }
        let ours = entry.uid.is_none() && entry.before.is_none() && is_marked(&found.metadata, environment);
        entry.uid = uid;
        if !ours {
            entry.before = Some(trimmed(found));
            entry.kept = false;
        }
        !ours
    }

    /// Records that an applied object existed before, with its state at that time.
    pub fn adopt(&mut self, component: Option<&str>, object: &ObjectRef, found: Option<&DynamicObject>) {
        self.forget(object);
        let Some(found) = found else { return };
        let object = ObjectRef { namespace: found.metadata.namespace.clone(), ..object.clone() };
        self.objects.push(InventoryObject {
            object,
            component: component.map(str::to_owned),
            uid: found.uid(),
            before: Some(trimmed(found)),
            kept: false,
        });
    }

    /// Records the uid of an applied object.
    pub fn applied(&mut self, object: &ObjectRef, metadata: &ObjectMeta) {
        let Some(at) = self.objects.iter().position(|entry| self.is_same(&entry.object, object)) else { return };
        let entry = &mut self.objects[at];
        entry.uid = metadata.uid.clone();
        entry.object.namespace = metadata.namespace.clone();
    }

    /// Removes the entry of `object`.
    pub fn forget(&mut self, object: &ObjectRef) {
        if let Some(at) = self.objects.iter().position(|entry| self.is_same(&entry.object, object)) {
            self.objects.remove(at);
        }
    }

    /// Sets whether all objects are kept when their run ends.
    pub fn keep(&mut self, kept: bool) {
        self.objects.iter_mut().for_each(|entry| entry.kept = kept);
    }

    /// Returns what removes an entry's object safely: its name and why it may be removed.
    #[must_use]
    pub fn target(&self, entry: &InventoryObject) -> Target {
        let ownership = match (&entry.before, &entry.uid) {
            (Some(before), uid) => Ownership::Adopted(Box::new(Adopted {
                uid: uid.clone().unwrap_or_default(),
                manager: self.manager(),
                before: before.clone(),
            })),
            (None, Some(uid)) => Ownership::Uid(uid.clone()),
            (None, None) => Ownership::Mark(self.environment.clone()),
        };
        Target { object: entry.object.clone(), ownership }
    }

    /// Returns whether two references name the same object, regardless of the API version.
    fn is_same(&self, one: &ObjectRef, other: &ObjectRef) -> bool {
        let place = |object: &ObjectRef| object.namespace.clone().unwrap_or_else(|| self.namespace.clone());
        one.name == other.name
            && one.kind == other.kind
            && one.gvk().group == other.gvk().group
            && place(one) == place(other)
    }
}

/// Returns whether an object has the annotation of `environment`.
pub(crate) fn is_marked(metadata: &ObjectMeta, environment: &str) -> bool {
    let annotations = metadata.annotations.as_ref();
    annotations.and_then(|all| all.get(ENVIRONMENT_ANNOTATION)).is_some_and(|it| it == environment)
}

/// Returns the part of an object's state that can be restored; its status belongs to its controller.
fn trimmed(object: &DynamicObject) -> Value {
    let mut value = serde_json::to_value(object).unwrap_or_default();
    if let Some(fields) = value.as_object_mut() {
        fields.remove("status");
    }
    value
}

/// The inventory on disk. Every change is written before it is acted upon, so that the reaper of a killed run can read
/// it.
#[derive(Debug)]
pub struct InventoryFile {
    path: PathBuf,
    content: Mutex<ObjectInventory>,
}

impl InventoryFile {
    /// Creates the inventory file in the cluster's folder.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create(records: &Records, inventory: ObjectInventory) -> Result<InventoryFile, ClusterError> {
        let file = InventoryFile { path: records.folder().join(FILE), content: Mutex::new(inventory) };
        file.change(|_| ())?;
        Ok(file)
    }

    /// Opens the inventory in the cluster's folder; `None` when the file does not exist.
    ///
    /// # Errors
    /// When it cannot be read. It does not count as missing then: the objects that it lists would never be removed.
    pub fn open(records: &Records) -> Result<Option<InventoryFile>, ClusterError> {
        let path = records.folder().join(FILE);
        let failed = |source| ClusterError::File { what: "reading which objects were applied".into(), source };
        let text = match fs_err::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            text => text.map_err(failed)?,
        };
        let content = serde_json::from_str(&text).map_err(|error| failed(error.into()))?;
        Ok(Some(InventoryFile { path, content: Mutex::new(content) }))
    }

    /// Returns the run of the environment whose inventory is in `folder`; reads it without the lock.
    #[must_use]
    pub fn run_in(folder: &Path) -> Option<String> {
        let text = fs_err::read_to_string(folder.join(FILE)).ok()?;
        serde_json::from_str::<ObjectInventory>(&text).ok()?.run
    }

    /// Returns the environment whose inventory is in `folder`; reads it without the lock.
    pub(crate) fn environment_in(folder: &Path) -> Option<String> {
        let text = fs_err::read_to_string(folder.join(FILE)).ok()?;
        serde_json::from_str::<ObjectInventory>(&text).ok().map(|inventory| inventory.environment)
    }

    /// Returns a copy of the current inventory.
    #[must_use]
    pub fn content(&self) -> ObjectInventory {
        self.lock().clone()
    }

    /// Changes the inventory in memory and on disk.
    ///
    /// # Errors
    /// When it cannot be written; the change in memory stays.
    pub fn change<T>(&self, change: impl FnOnce(&mut ObjectInventory) -> T) -> Result<T, ClusterError> {
        let mut content = self.lock();
        let result = change(&mut content);
        let failed = |source| ClusterError::File { what: "writing down which objects are applied".into(), source };
        let text = serde_json::to_string(&*content).map_err(|error| failed(error.into()))?;
        folders::publish(&self.path, &text).map_err(failed)?;
        Ok(result)
    }

    fn lock(&self) -> MutexGuard<'_, ObjectInventory> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
