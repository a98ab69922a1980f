//! Where the harness keeps things: heavy ones in the user's cache, a cluster's own in the user's state folder.

mod lock;
mod output;
mod own;
mod staging;

use std::path::{Path, PathBuf};

pub(crate) use lock::Lock;
pub use output::write_output;
pub(crate) use own::{OwnFolder, check_owner};
pub(crate) use staging::StagingDir;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::suite::name::ClusterName;

/// Folders of the user's that the harness writes to. Nothing is ever written into the suite's folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Folders {
    /// Images' intermediate results, tools, what was found out about the host. May be deleted at any time.
    pub cache: PathBuf,
    /// One folder per living cluster: kubeconfig, endpoints, lock.
    pub state: PathBuf,
}

/// Neither the XDG variables nor `HOME` say where the user's folders are.
#[derive(Debug, Error)]
#[error("cannot tell where to keep files: HOME is not set; set it, or XDG_CACHE_HOME and XDG_STATE_HOME")]
pub struct NoHome;

impl Folders {
    /// `$XDG_CACHE_HOME/kind-harness` and `$XDG_STATE_HOME/kind-harness`, with their usual defaults below `$HOME`.
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

    /// Where bundles of failed runs are kept.
    #[must_use]
    pub fn bundles(&self) -> PathBuf {
        self.state.join("bundles")
    }

    /// Where clusters are locked.
    #[must_use]
    pub fn locks(&self) -> PathBuf {
        self.state.join("locks")
    }

    /// Locked by the run that makes nodes: host ports and the network are taken by one run at a time.
    pub(crate) fn nodes_lock(&self) -> PathBuf {
        self.state.join("nodes.lock")
    }

    /// The ids of the networks that an engine made for clusters of this state folder, a line each.
    pub(crate) fn networks(&self, engine: &str) -> PathBuf {
        self.state.join(format!("networks.{engine}"))
    }

    /// The folder of cluster `name`.
    #[must_use]
    pub fn cluster(&self, name: &ClusterName) -> PathBuf {
        self.state.join(name.as_str())
    }

    /// The state folder, to remove clusters' folders from.
    pub(crate) fn own_state(&self) -> OwnFolder {
        OwnFolder::at(self.state.clone())
    }

    /// The folder of bundles, to remove old ones from.
    pub(crate) fn own_bundles(&self) -> OwnFolder {
        OwnFolder::at(self.bundles())
    }

    /// A folder of the cache, to remove from it what is begun anew or no longer used.
    pub(crate) fn own_cache(&self, folder: &'static str) -> OwnFolder {
        OwnFolder::at(self.cache.join(folder))
    }
}

/// Writes `text` so that a reader sees the old file or the new one, never half of it. Only the user may read it.
///
/// # Errors
/// When the folder cannot be made or the file cannot be written; the error names the path.
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
        for own in [folders.bundles(), folders.locks(), folders.nodes_lock(), folders.networks("podman")] {
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
