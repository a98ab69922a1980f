//! Staging of work that may be interrupted.

use std::io;
use std::path::{Path, PathBuf};

use super::{Folders, Lock, OwnFolder};

/// A staging folder for one artifact, which is published once it is complete. While it is held, no other process builds
/// the same artifact, and leftovers of an interrupted attempt are removed.
#[derive(Debug)]
pub(crate) struct StagingDir {
    own: OwnFolder,
    folder: PathBuf,
    _lock: Lock,
}

impl StagingDir {
    /// Takes the folder for `thing`; if another process builds it, calls `is_waiting` and waits. After a wait, check
    /// whether it exists now.
    pub(crate) async fn take(folders: &Folders, thing: &str, is_waiting: impl FnOnce()) -> io::Result<StagingDir> {
        let aside = folders.cache.join("aside");
        let lock = Lock::take(aside.join(format!("{thing}.lock")), is_waiting).await?;
        let own = folders.own_cache("aside");
        own.remove(thing)?;
        let folder = aside.join(thing);
        fs_err::create_dir_all(&folder)?;
        Ok(StagingDir { own, folder, _lock: lock })
    }

    /// Returns the folder to work in.
    pub(crate) fn path(&self) -> &Path {
        &self.folder
    }

    /// Moves the folder to `place`, unless that exists already.
    pub(crate) fn publish(self, place: &Path) -> io::Result<()> {
        if place.exists() {
            return Ok(());
        }
        fs_err::create_dir_all(place.parent().unwrap_or(Path::new(".")))?;
        fs_err::rename(&self.folder, place)
    }
}

impl Drop for StagingDir {
    fn drop(&mut self) {
        // If this fails, a later run removes it.
        let _ = self.own.remove(self.folder.file_name().unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_interrupted_is_begun_anew_and_what_is_whole_appears_at_once() {
        let home = tempfile::tempdir().unwrap();
        let folders = Folders { cache: home.path().into(), state: home.path().into() };
        // The state after SIGKILL.
        fs_err::create_dir_all(home.path().join("aside/tool")).unwrap();
        fs_err::write(home.path().join("aside/tool/half"), "").unwrap();

        let waits = || panic!("nobody else is there");
        let aside = StagingDir::take(&folders, "tool", waits).await.unwrap();
        assert_eq!(fs_err::read_dir(aside.path()).unwrap().count(), 0);
        fs_err::write(aside.path().join("tool"), "whole").unwrap();
        let place = home.path().join("tools/tool-1");
        aside.publish(&place).unwrap();
        assert_eq!(fs_err::read_to_string(place.join("tool")).unwrap(), "whole");
        assert_eq!(fs_err::read_dir(home.path().join("aside")).unwrap().count(), 0, "nothing is left");

        let second = StagingDir::take(&folders, "tool", waits).await.unwrap();
        second.publish(&place).unwrap();
        assert_eq!(fs_err::read_to_string(place.join("tool")).unwrap(), "whole", "the first stays");
    }
}
