//! Folders of the harness: large files in the user's cache, and a cluster's own files in the user's state folder.

mod lock;
mod output;
mod own;
mod staging;

use std::path::{Path, PathBuf};

pub(crate) use lock::Lock;
pub use output::{append_output, update_output, write_output};
pub(crate) use own::{OwnFolder, check_owner};
pub(crate) use staging::StagingDir;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::suite::name::ClusterName;

/// The user's folders that the harness writes to. It never writes to the suite's folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Folders {
    /// Image build caches, tools, and findings about the host. May be deleted at any time.
    pub cache: PathBuf,
    /// One folder per living cluster: kubeconfig, endpoints, lock.
    pub state: PathBuf,
}

/// Neither the XDG variables nor `HOME` name the user's folders.
#[derive(Debug, Error)]
#[error("cannot tell where to keep files: HOME is not set; set it, or XDG_CACHE_HOME and XDG_STATE_HOME")]
pub struct NoHome;

impl Folders {
    /// Returns `$XDG_CACHE_HOME/kind-harness` and `$XDG_STATE_HOME/kind-harness`, with their usual defaults below
    /// `$HOME`.
    ///
    /// # Errors
    /// When the environment names no home.
    pub fn of_user() -> Result<Folders, NoHome> {
        Folders::from_env(|name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from))
    }

    fn from_env(var: impl Fn(&str) -> Option<PathBuf>) -> Result<Folders, NoHome> {
        let below = |xdg: &str, default: &str| {
            let folder = var(xdg).filter(|path| path.is_absolute());
            folder.or_else(|| Some(var("HOME")?.join(default))).map(|path| path.join("kind-harness")).ok_or(NoHome)
        };
        Ok(Folders { cache: below("XDG_CACHE_HOME", ".cache")?, state: below("XDG_STATE_HOME", ".local/state")? })
    }

    /// Returns the folder for bundles of failed runs.
    #[must_use]
    pub fn bundles(&self) -> PathBuf {
        self.state.join("bundles")
    }

    /// Returns the folder of the files of past runs. No cluster can have its name.
    #[must_use]
    pub fn runs(&self) -> PathBuf {
        self.state.join(".runs")
    }

    /// Returns the folder of the clusters' locks.
    #[must_use]
    pub fn locks(&self) -> PathBuf {
        self.state.join("locks")
    }

    /// Returns the lock of the run that creates nodes: only one run at a time takes host ports and creates the network.
    pub(crate) fn nodes_lock(&self) -> PathBuf {
        self.state.join("nodes.lock")
    }

    /// Returns the file with the ids of the networks that an engine created for clusters of this state folder, one per
    /// line.
    pub(crate) fn networks(&self, engine: &str) -> PathBuf {
        self.state.join(format!("networks.{engine}"))
    }

    /// Returns the folder of cluster `name`.
    #[must_use]
    pub fn cluster(&self, name: &ClusterName) -> PathBuf {
        self.state.join(name.as_str())
    }

    /// Returns the state folder, to remove clusters' folders from.
    pub(crate) fn own_state(&self) -> OwnFolder {
        OwnFolder::at(self.state.clone())
    }

    /// Returns the folder of bundles, to remove old ones from.
    pub(crate) fn own_bundles(&self) -> OwnFolder {
        OwnFolder::at(self.bundles())
    }

    /// Returns the folder of past runs, to remove old ones from.
    pub(crate) fn own_runs(&self) -> OwnFolder {
        OwnFolder::at(self.runs())
    }

    /// Returns a folder of the cache, to remove entries that are rebuilt or no longer used.
    pub(crate) fn own_cache(&self, folder: &'static str) -> OwnFolder {
        OwnFolder::at(self.cache.join(folder))
    }
}

/// Writes `text` atomically: a reader sees the old file or the new one. Only the user may read it.
///
/// # Errors
/// When the folder cannot be created or the file cannot be written; the error names the path.
pub fn publish(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    let folder = path.parent().unwrap_or(Path::new("."));
    fs_err::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cluster_is_called_like_a_folder_of_the_harness() {
        let folders = Folders { cache: "/c".into(), state: "/s".into() };
        for own in
            [folders.bundles(), folders.locks(), folders.nodes_lock(), folders.networks("podman"), folders.runs()]
        {
            let name = own.file_name().unwrap().to_str().unwrap();
            assert!(ClusterName::new(name).is_err(), "{name}");
        }
    }

    #[test]
    fn xdg_wins_over_home_and_a_relative_path_is_not_believed() {
        let folders = Folders::from_env(|name| match name {
            "XDG_CACHE_HOME" => Some("/xdg".into()),
            "XDG_STATE_HOME" => Some("relative".into()),
            _ => Some("/home/u".into()),
        });
        let folders = folders.unwrap();
        assert_eq!(folders.cache, Path::new("/xdg/kind-harness"));
        assert_eq!(folders.state, Path::new("/home/u/.local/state/kind-harness"));
        assert!(Folders::from_env(|_| None).is_err());
    }
}
