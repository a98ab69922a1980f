//! What we remember of a cluster, in a folder of its own.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{ClusterError, Lease, PortMap};
use crate::config::{ImageMap, ProviderKind};
use crate::folders::{self, Folders, Lock};
use crate::object::Applied;
use crate::ready::Probe;
use crate::setup::Engine;

/// What we remember of a cluster. It holds no secrets; the kubeconfig beside it does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The cluster's name.
    pub name: String,
    /// The suite file that it was made from.
    pub suite: PathBuf,
    /// Namespace of its components.
    pub namespace: String,
    /// Who made it.
    pub provider: ProviderKind,
    /// Kubeconfig context, when it is not the file's current one.
    pub context: Option<String>,
    /// Engine that runs its nodes.
    pub engine: Option<Engine>,
    /// Its node containers.
    pub nodes: Vec<Node>,
    /// Where the components' ports are reached.
    pub ports: PortMap,
    /// Kind's configuration and the ports as they were asked for: what a cluster cannot change any more.
    pub shape: String,
    /// When it was created.
    pub created: Timestamp,
    /// Whose it is; none when it is not ours to remove.
    #[serde(default)]
    pub lease: Option<Lease>,
    /// What runs in it, once everything in it was ready.
    pub deployment: Option<Deployment>,
}

/// A node's container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Its name, which the next cluster of the same name has again.
    pub name: String,
    /// Its identity, which no other container has.
    pub id: String,
}

/// What runs in a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// Digest of the plan.
    pub plan: String,
    /// Images, component by component.
    pub images: BTreeMap<String, ImageMap>,
    /// Objects, component by component.
    pub objects: BTreeMap<String, Vec<Applied>>,
    /// What must be answered, component by component.
    #[serde(default)]
    pub probes: BTreeMap<String, Vec<Probe>>,
}

/// Reads and writes records. While it lives, no other run works on the same cluster.
#[derive(Debug)]
pub struct Records {
    folder: PathBuf,
    _lock: Lock,
}

impl Records {
    /// Takes the folder of cluster `name` for this run.
    ///
    /// # Errors
    /// [`ClusterError::Busy`] when another run has it.
    pub fn lock(folders: &Folders, name: &str) -> Result<Records, ClusterError> {
        // Not in the cluster's folder: that one is deleted while the lock is held.
        let lock = Lock::try_take(&folders.locks().join(name)).map_err(locking(name))?;
        let lock = lock.ok_or_else(|| ClusterError::Busy { name: name.into() })?;
        Ok(Records { folder: folders.cluster(name), _lock: lock })
    }

    /// The same, and waits while another run has it. None where the folder of all clusters is
    /// not there (any more): it is not made again for this.
    ///
    /// # Errors
    /// When the lock cannot be had at all.
    pub async fn wait(folders: &Folders, name: &str) -> Result<Option<Records>, ClusterError> {
        match Lock::wait(folders.locks().join(name)).await {
            Ok(lock) => Ok(Some(Records { folder: folders.cluster(name), _lock: lock })),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(locking(name)(error)),
        }
    }

    /// The cluster's own folder.
    #[must_use]
    pub fn folder(&self) -> &std::path::Path {
        &self.folder
    }

    /// The cluster's own kubeconfig.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.join(KUBECONFIG)
    }

    /// What is remembered; none when there is no such cluster.
    ///
    /// # Errors
    /// When it cannot be read. A record that another version wrote counts as none.
    pub fn read(&self) -> Result<Option<Record>, ClusterError> {
        read(&self.folder)
    }

    /// Remembers `record`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, record: &Record) -> Result<(), ClusterError> {
        let failed = || ClusterError::file(format!("remembering cluster {}", record.name));
        let text = serde_json::to_string_pretty(record).map_err(std::io::Error::other).map_err(failed())?;
        folders::publish(&self.folder.join(FILE), &text).map_err(failed())
    }

    /// Forgets the cluster, kubeconfig included.
    ///
    /// # Errors
    /// When its folder cannot be removed.
    pub fn forget(&self) -> Result<(), ClusterError> {
        match fs_err::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(ClusterError::file("forgetting the cluster")(error))
            }
            _ => Ok(()),
        }
    }

    /// The names of all clusters that something is kept of, whatever it is worth.
    ///
    /// # Errors
    /// When the state folder cannot be read.
    pub fn names(folders: &Folders) -> Result<Vec<String>, ClusterError> {
        let failed = || ClusterError::file("listing what is remembered of clusters");
        if !folders.state.exists() {
            return Ok(Vec::new());
        }
        let mut names = Vec::new();
        for entry in fs_err::read_dir(&folders.state).map_err(failed())? {
            let path = entry.map_err(failed())?.path();
            let is_a_clusters = [FILE, KUBECONFIG, super::kind::CONFIG].iter().any(|file| path.join(file).exists());
            names.extend(path.file_name().filter(|_| is_a_clusters).map(|name| name.to_string_lossy().into_owned()));
        }
        names.sort();
        Ok(names)
    }

    /// What is remembered of cluster `name`, by somebody who only looks.
    ///
    /// # Errors
    /// As [`Records::read`].
    pub fn peek(folders: &Folders, name: &str) -> Result<Option<Record>, ClusterError> {
        read(&folders.cluster(name))
    }
}

fn locking(name: &str) -> impl Fn(std::io::Error) -> ClusterError {
    move |source| ClusterError::File { what: format!("locking cluster {name}"), source }
}

const FILE: &str = "cluster.json";
const KUBECONFIG: &str = "kubeconfig";

fn read(folder: &std::path::Path) -> Result<Option<Record>, ClusterError> {
    match fs_err::read_to_string(folder.join(FILE)) {
        Ok(text) => Ok(serde_json::from_str(&text).ok()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ClusterError::File { what: "reading what is remembered of the cluster".into(), source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_runs_never_work_on_one_cluster() {
        let home = tempfile::tempdir().unwrap();
        let folders = Folders { cache: home.path().into(), state: home.path().into() };
        let first = Records::lock(&folders, "a").unwrap();
        assert!(matches!(Records::lock(&folders, "a"), Err(ClusterError::Busy { .. })));
        Records::lock(&folders, "b").unwrap();
        drop(first);
        Records::lock(&folders, "a").unwrap();
    }

    #[test]
    fn what_is_written_is_read_and_forgotten() {
        let home = tempfile::tempdir().unwrap();
        let folders = Folders { cache: home.path().into(), state: home.path().into() };
        let records = Records::lock(&folders, "a").unwrap();
        assert_eq!(records.read().unwrap(), None);
        let record = Record {
            name: "a".into(),
            suite: "e2e.yaml".into(),
            namespace: "ns".into(),
            provider: ProviderKind::Kind,
            context: None,
            engine: None,
            nodes: vec![Node { name: "a-control-plane".into(), id: "1f".into() }],
            ports: PortMap::default(),
            shape: String::new(),
            created: Timestamp::UNIX_EPOCH,
            lease: None,
            deployment: None,
        };
        records.write(&record).unwrap();
        assert_eq!(Records::peek(&folders, "a").unwrap(), Some(record));
        records.forget().unwrap();
        records.forget().unwrap();
        assert_eq!(records.read().unwrap(), None);
    }
}
