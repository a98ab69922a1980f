//! What an environment put into a cluster that is not ours: the list by which it is taken out again.

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

/// The objects of an environment in a cluster that is not ours.
///
/// It has a file of its own beside the record, which only the user can read, because the earlier state of an adopted
/// Secret holds its data. The record, which is printed and copied into bundles, never does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectInventory {
    /// Identity of the cluster, which outlives addresses and contexts' names.
    pub cluster: String,
    /// Identity of the environment: the annotation on what it created, and part of its field manager's name.
    pub environment: String,
    /// Where objects are that name no namespace.
    pub namespace: String,
    /// The objects, those to come included.
    pub objects: Vec<InventoryObject>,
}

/// An object of an environment, from before it is applied until it is gone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InventoryObject {
    /// Its name.
    pub object: ObjectRef,
    /// Its component; none for the suite's namespace.
    pub component: Option<String>,
    /// The identity that the API server gave it; none until it is known to exist.
    pub uid: Option<String>,
    /// Its state when it was found, if it was there before: it is adopted, and never deleted.
    pub before: Option<Value>,
    /// Whether it stays when the run that added it fails or is killed.
    pub kept: bool,
}

impl ObjectInventory {
    /// That of a new environment called `name`.
    #[must_use]
    pub fn new(name: &str, namespace: &str, cluster: String) -> ObjectInventory {
        let environment = format!("{name}.{}", exec::run_id());
        ObjectInventory { cluster, environment, namespace: namespace.into(), objects: Vec::new() }
    }

    /// The field manager of what the environment applies. Each has its own, or the fields that one gives back would be
    /// taken from all.
    #[must_use]
    pub fn manager(&self) -> String {
        format!("{MANAGED_BY}.{}", self.environment)
    }

    /// The entry of `object`.
    #[must_use]
    pub fn find(&self, object: &ObjectRef) -> Option<&InventoryObject> {
        self.objects.iter().find(|entry| self.is_same(&entry.object, object))
    }

    /// Notes that `object` is to be applied as part of `component`, and how it was found. Returns whether it is adopted
    /// by this call.
    pub fn expect(&mut self, component: Option<&str>, object: ObjectRef, found: Option<&DynamicObject>) -> bool {
        let uid = found.and_then(ResourceExt::uid);
        // The same object may be known by another API version.
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

    /// Notes that an object that was applied turned out to be another's, as it was found.
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

    /// Notes the uid of an object that was applied.
    pub fn applied(&mut self, object: &ObjectRef, metadata: &ObjectMeta) {
        let Some(at) = self.objects.iter().position(|entry| self.is_same(&entry.object, object)) else { return };
        let entry = &mut self.objects[at];
        entry.uid = metadata.uid.clone();
        entry.object.namespace = metadata.namespace.clone();
    }

    /// Takes `object` off the list.
    pub fn forget(&mut self, object: &ObjectRef) {
        if let Some(at) = self.objects.iter().position(|entry| self.is_same(&entry.object, object)) {
            self.objects.remove(at);
        }
    }

    /// Lets everything stay, or nothing, when its run ends.
    pub fn keep(&mut self, kept: bool) {
        self.objects.iter_mut().for_each(|entry| entry.kept = kept);
    }

    /// How an object of the list is removed.
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

    /// Whether two names are the same object's, in whatever version.
    fn is_same(&self, one: &ObjectRef, other: &ObjectRef) -> bool {
        let place = |object: &ObjectRef| object.namespace.clone().unwrap_or_else(|| self.namespace.clone());
        one.name == other.name
            && one.kind == other.kind
            && one.gvk().group == other.gvk().group
            && place(one) == place(other)
    }
}

/// Whether an object bears the annotation of `environment`.
pub(crate) fn is_marked(metadata: &ObjectMeta, environment: &str) -> bool {
    let annotations = metadata.annotations.as_ref();
    annotations.and_then(|all| all.get(ENVIRONMENT_ANNOTATION)).is_some_and(|it| it == environment)
}

/// What of an object's state can be given back. Its status is its controller's.
fn trimmed(object: &DynamicObject) -> Value {
    let mut value = serde_json::to_value(object).unwrap_or_default();
    if let Some(fields) = value.as_object_mut() {
        fields.remove("status");
    }
    value
}

/// The inventory on disk: every change is written before it is acted upon, so that the reaper of a killed run knows of it.
#[derive(Debug)]
pub struct InventoryFile {
    path: PathBuf,
    content: Mutex<ObjectInventory>,
}

impl InventoryFile {
    /// Begins one in the cluster's folder.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create(records: &Records, inventory: ObjectInventory) -> Result<InventoryFile, ClusterError> {
        let file = InventoryFile { path: records.folder().join(FILE), content: Mutex::new(inventory) };
        file.change(|_| ())?;
        Ok(file)
    }

    /// The one in the cluster's folder; none when there is none.
    ///
    /// # Errors
    /// When it cannot be read. It is not taken for lost then: what it lists would never be removed.
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

    /// The environment whose inventory is in `folder`, read without its lock.
    pub(crate) fn environment_in(folder: &Path) -> Option<String> {
        let text = fs_err::read_to_string(folder.join(FILE)).ok()?;
        serde_json::from_str::<ObjectInventory>(&text).ok().map(|inventory| inventory.environment)
    }

    /// What it says now.
    #[must_use]
    pub fn content(&self) -> ObjectInventory {
        self.lock().clone()
    }

    /// Changes it, here and on disk.
    ///
    /// # Errors
    /// When it cannot be written; the change holds in memory all the same.
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
