//! Records of clusters, each in a folder of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{ClusterError, Expiry, Lease, Owned, PortMap, remains};
use crate::host::folders::{self, Folders, Lock};
use crate::host::setup::Engine;
use crate::readiness::{Applied, Probe};
use crate::suite::config::{ImageSource, ProviderKind};
use crate::suite::manifests::ImageMap;
use crate::suite::name::ClusterName;

/// The record of a cluster. It holds no secrets; the kubeconfig beside it does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The cluster's name.
    pub name: ClusterName,
    /// The suite file that it was created from.
    pub suite: PathBuf,
    /// Namespace of its components.
    pub namespace: String,
    /// The provider that created it.
    pub provider: ProviderKind,
    /// Kubeconfig context, if not the file's current one.
    pub context: Option<String>,
    /// Engine that runs its nodes.
    pub engine: Option<Engine>,
    /// Its node containers.
    pub nodes: Vec<Node>,
    /// Addresses of the components' ports.
    pub ports: PortMap,
    /// The engine's folder of images, if it is mounted in the nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layers: Option<PathBuf>,
    /// Where the images of its deployment came from, if `auto` has chosen that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images: Option<ImageSource>,
    /// kind's configuration and the requested ports, which are fixed once a cluster is created.
    pub shape: String,
    /// When it was created.
    pub created: Timestamp,
    /// Its lease; `None` when the cluster is not ours to remove.
    #[serde(default)]
    pub lease: Option<Lease>,
    /// Its deployment; set once everything was ready.
    pub deployment: Option<Deployment>,
}

impl Record {
    /// Returns the namespaces of the objects of `component`, or of all components: the suite's first, then others by
    /// name.
    #[must_use]
    pub fn namespaces(&self, component: Option<&str>) -> Vec<String> {
        let components = self.deployment.iter().flat_map(|deployment| &deployment.objects);
        let objects = components.filter(|(name, _)| component.is_none_or(|it| it == *name)).flat_map(|(_, it)| it);
        let others: BTreeSet<&str> = objects
            .filter_map(|applied| applied.object.namespace.as_deref())
            .filter(|namespace| *namespace != self.namespace)
            .collect();
        std::iter::once(self.namespace.as_str()).chain(others).map(str::to_owned).collect()
    }
}

/// A node's container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Its name, which the next cluster of the same name reuses.
    pub name: String,
    /// Its container id, which is unique.
    pub id: String,
}

/// The deployed components of a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// Digest of the plan.
    pub plan: String,
    /// Images by component.
    pub images: BTreeMap<String, ImageMap>,
    /// Objects by component.
    pub objects: BTreeMap<String, Vec<Applied>>,
    /// Probes that must succeed, by component.
    #[serde(default)]
    pub probes: BTreeMap<String, Vec<Probe>>,
}

/// Reads and writes the record of a cluster. Holds the cluster's lock, so no other run works on it meanwhile.
#[derive(Debug)]
pub struct Records {
    pub(super) name: ClusterName,
    pub(super) folders: Folders,
    pub(super) folder: PathBuf,
    _lock: Lock,
}

impl Records {
    /// Locks the folder of cluster `name` for this run.
    ///
    /// # Errors
    /// [`ClusterError::Busy`] when another run holds the lock; also when the state folder cannot be used or is another
    /// user's.
    pub fn lock(folders: &Folders, name: &ClusterName) -> Result<Records, ClusterError> {
        folders.own_state().make().map_err(locking(name))?;
        // Not in the cluster's folder, which is deleted while the lock is held.
        let lock = Lock::try_take(&folders.locks().join(name.as_str())).map_err(locking(name))?;
        let lock = lock.ok_or_else(|| ClusterError::Busy { name: name.to_string() })?;
        Records::new(folders, name, lock)
    }

    /// Locks the folder like [`Records::lock`], but waits while another run holds the lock. Returns `None` if the state
    /// folder does not exist (any more); it is not created for this.
    ///
    /// # Errors
    /// When the lock cannot be taken at all.
    pub async fn wait(folders: &Folders, name: &ClusterName) -> Result<Option<Records>, ClusterError> {
        match Lock::wait(folders.locks().join(name.as_str())).await {
            Ok(lock) => Records::new(folders, name, lock).map(Some),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(locking(name)(error)),
        }
    }

    fn new(folders: &Folders, name: &ClusterName, lock: Lock) -> Result<Records, ClusterError> {
        let folder = folders.cluster(name);
        if folder.is_symlink() {
            let text = format!("{} is a symbolic link; the harness makes none: remove it", folder.display());
            return Err(locking(name)(std::io::Error::other(text)));
        }
        Ok(Records { name: name.clone(), folders: folders.clone(), folder, _lock: lock })
    }

    /// Returns the cluster's own folder.
    #[must_use]
    pub fn folder(&self) -> &std::path::Path {
        &self.folder
    }

    /// Returns the path of the cluster's own kubeconfig.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.join(KUBECONFIG)
    }

    /// Resolves when no process [uses](Records::use_it) the cluster any more; `None` if there is nothing to wait for.
    /// Only an expired time to live waits for users.
    pub(crate) fn wait_for_users(&self, why: Expiry) -> Option<impl Future<Output = Result<(), ClusterError>> + use<>> {
        self.in_use().filter(|_| why == Expiry::TimeOver)
    }

    /// Resolves when no process [uses](Records::use_it) the cluster any more; `None` if none does.
    pub(crate) fn in_use(&self) -> Option<impl Future<Output = Result<(), ClusterError>> + use<>> {
        let (path, name) = (use_lock(&self.folders, &self.name), self.name.clone());
        let is_used = path.exists() && matches!(Lock::try_take(&path), Ok(None));
        is_used.then_some(async move { Lock::wait(path).await.map(drop).map_err(locking(&name)) })
    }

    /// Prevents removal of the cluster when its time to live is over, for as long as the returned lock lives. Any
    /// number of processes can hold it.
    ///
    /// # Errors
    /// When the lock cannot be taken.
    pub(crate) async fn use_it(&self) -> Result<Lock, ClusterError> {
        Lock::share(use_lock(&self.folders, &self.name)).await.map_err(locking(&self.name))
    }

    /// Returns the record; `None` when there is none.
    ///
    /// # Errors
    /// When it cannot be read. A record written by another version counts as none.
    pub fn read(&self) -> Result<Option<Record>, ClusterError> {
        read(&self.folder, &self.name)
    }

    /// Writes `record`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, record: &Record) -> Result<(), ClusterError> {
        let failed = || ClusterError::file(format!("remembering cluster {}", record.name));
        let text = serde_json::to_string_pretty(record).map_err(std::io::Error::other).map_err(failed())?;
        folders::publish(&self.folder.join(FILE), &text).map_err(failed())
    }

    /// Returns what `record` and the ids recorded while nodes were created prove to be ours; `None` for a cluster
    /// without nodes.
    #[must_use]
    pub fn owned(&self, record: &Record) -> Option<Owned> {
        Owned::recorded(record, &self.folder)
    }

    /// Deletes the record and the kubeconfig, but not what [remains](Records::remains) on other engines.
    ///
    /// # Errors
    /// When its folder cannot be removed.
    pub fn forget(&self) -> Result<(), ClusterError> {
        // The lock file is left behind by killed processes that used the cluster.
        let _ = Lock::try_take(&use_lock(&self.folders, &self.name));
        let remains = self.remains();
        if !remains.is_empty() {
            return self.keep_remains(&remains);
        }
        self.folders.own_state().remove(self.name.as_str()).map_err(ClusterError::file("forgetting the cluster"))
    }

    /// Returns the names of all clusters of which any file is left, valid or not. Links, and folders whose names are
    /// not valid for a cluster, are ignored.
    ///
    /// # Errors
    /// When the state folder cannot be read.
    pub fn names(folders: &Folders) -> Result<Vec<ClusterName>, ClusterError> {
        let failed = || ClusterError::file("listing what is remembered of clusters");
        if !folders.state.exists() {
            return Ok(Vec::new());
        }
        folders.own_state().make().map_err(failed())?;
        let mut names = Vec::new();
        for entry in fs_err::read_dir(&folders.state).map_err(failed())? {
            let entry = entry.map_err(failed())?;
            let name = entry.file_name().into_string().ok().and_then(|name| ClusterName::new(name).ok());
            let is_folder = entry.file_type().is_ok_and(|found| found.is_dir());
            let has = |file: &&str| entry.path().join(file).exists();
            let is_a_clusters = is_folder && [FILE, KUBECONFIG, remains::FILE, super::create::CONFIG].iter().any(has);
            names.extend(name.filter(|_| is_a_clusters));
        }
        names.sort();
        Ok(names)
    }

    /// Returns the record of cluster `name`, without taking its lock.
    ///
    /// # Errors
    /// As [`Records::read`].
    pub fn peek(folders: &Folders, name: &ClusterName) -> Result<Option<Record>, ClusterError> {
        read(&folders.cluster(name), name)
    }
}

/// Returns the lock file shared by the processes that use the cluster. It differs from every cluster's own lock.
fn use_lock(folders: &Folders, name: &ClusterName) -> PathBuf {
    folders.locks().join(format!("{name}.use"))
}

fn locking(name: &ClusterName) -> impl Fn(std::io::Error) -> ClusterError + '_ {
    move |source| ClusterError::File { what: format!("locking cluster {name}"), source }
}

const FILE: &str = "cluster.json";
const KUBECONFIG: &str = "kubeconfig";

fn read(folder: &std::path::Path, name: &ClusterName) -> Result<Option<Record>, ClusterError> {
    let path = folder.join(FILE);
    let checked = fs_err::metadata(&path).and_then(|found| folders::check_owner(&path, &found));
    match checked.and_then(|()| fs_err::read_to_string(&path)) {
        // A record copied here from another cluster's folder does not describe this one.
        Ok(text) => Ok(serde_json::from_str(&text).ok().filter(|record: &Record| record.name == *name)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ClusterError::File { what: "reading what is remembered of the cluster".into(), source }),
    }
}

#[cfg(test)]
mod tests;
