//! Leftovers of clusters on engines that were unreachable at removal.

use std::path::Path;

use super::{ClusterError, Owned, Records};
use crate::host::folders::{self, Folders, OwnFolder};
use crate::host::resilience::Resilience;
use crate::suite::name::ClusterName;

/// Name of the file that lists the leftovers, in the cluster's folder.
pub(super) const FILE: &str = "remains.json";

impl Records {
    /// Returns the containers of this name on engines that were unreachable when they were to be removed.
    #[must_use]
    pub fn remains(&self) -> Vec<Owned> {
        remains(&self.folder)
    }

    /// Deletes what is kept of the cluster, except `owned`, which could not be removed yet.
    ///
    /// # Errors
    /// When `owned` cannot be recorded.
    pub fn forget_but(&self, owned: Owned) -> Result<(), ClusterError> {
        let mut all = self.remains();
        all.push(owned);
        self.keep_remains(&all)
    }

    /// Retries removing leftovers on other engines. Returns the errors of those that remain.
    ///
    /// # Errors
    /// When the remaining ones cannot be recorded.
    pub async fn remove_remains(&self, resilience: &Resilience) -> Result<Vec<ClusterError>, ClusterError> {
        let (mut left, mut errors) = (Vec::new(), Vec::new());
        for owned in self.remains() {
            let removed = match owned.is_reachable().await {
                Ok(()) => owned.remove(&self.folders, resilience).await,
                silent => silent,
            };
            if let Err(error) = removed {
                left.push(owned);
                errors.push(error);
            }
        }
        if left.is_empty() {
            let own = OwnFolder::of(&self.folders, &self.name);
            own.remove(FILE).map_err(ClusterError::file("forgetting what remained of the cluster"))?;
        } else {
            let text = serde_json::to_string_pretty(&left).unwrap_or_default();
            let failed = ClusterError::file("remembering what remains of the cluster");
            folders::publish(&self.folder.join(FILE), &text).map_err(failed)?;
        }
        Ok(errors)
    }

    /// Records the leftovers, and deletes everything else that is kept of the cluster. The file exists throughout,
    /// because `gc` lists clusters without a lock.
    pub(super) fn keep_remains(&self, remains: &[Owned]) -> Result<(), ClusterError> {
        let failed = || ClusterError::file("remembering what remains of the cluster");
        let text = serde_json::to_string_pretty(remains).map_err(std::io::Error::other).map_err(failed())?;
        folders::publish(&self.folder.join(FILE), &text).map_err(failed())?;
        let own = OwnFolder::of(&self.folders, &self.name);
        for entry in fs_err::read_dir(&self.folder).map_err(failed())?.flatten().filter(|it| it.file_name() != FILE) {
            own.remove(entry.file_name()).map_err(failed())?;
        }
        Ok(())
    }

    /// Returns whether leftovers of cluster `name` remain on an unreachable engine.
    #[must_use]
    pub fn has_remains(folders: &Folders, name: &ClusterName) -> bool {
        !remains(&folders.cluster(name)).is_empty()
    }
}

fn remains(folder: &Path) -> Vec<Owned> {
    let text = std::fs::read_to_string(folder.join(FILE)).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}
