//! Locks that let a test run exclusively, across threads and processes.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

/// A test's lock on the environment, released when it is dropped or the process exits for any reason.
#[derive(Debug)]
pub struct EnvironmentLock {
    room: File,
}

impl EnvironmentLock {
    /// Releases the lock now, even if a reference to it is never dropped.
    pub(super) fn end(&self) {
        // If this fails, it is released when the process exits.
        let _ = self.room.unlock();
    }

    /// Takes a shared lock; waits for tests that hold, or wait for, an exclusive one.
    pub(super) async fn shared(folder: &Path) -> io::Result<EnvironmentLock> {
        take(folder, File::lock_shared).await
    }

    /// Takes an exclusive lock; waits until all others are released, and blocks new ones meanwhile.
    pub(super) async fn alone(folder: &Path) -> io::Result<EnvironmentLock> {
        take(folder, File::lock).await
    }
}

/// Takes a fair cross-process read-write lock: a writer holds `door.lock` while it waits, so that new readers queue
/// behind it.
async fn take(folder: &Path, enter: fn(&File) -> io::Result<()>) -> io::Result<EnvironmentLock> {
    let (door, room) = (open(&folder.join("door.lock"))?, open(&folder.join("room.lock"))?);
    let entered = tokio::task::spawn_blocking(move || {
        door.lock()?;
        enter(&room)?;
        Ok(EnvironmentLock { room })
    });
    entered.await.map_err(io::Error::other)?
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).truncate(false).write(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_alone_or_many_and_nobody_starves() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (
            EnvironmentLock::shared(folder.path()).await.unwrap(),
            EnvironmentLock::shared(folder.path()).await.unwrap(),
        );
        let path = folder.path().to_owned();
        let mut alone = tokio::spawn(async move { EnvironmentLock::alone(&path).await });
        // Until the writer holds `door.lock`.
        let door = open(&folder.path().join("door.lock")).unwrap();
        while door.try_lock().is_ok() {
            door.unlock().unwrap();
            tokio::task::yield_now().await;
        }
        let path = folder.path().to_owned();
        let late = tokio::spawn(async move { EnvironmentLock::shared(&path).await });
        drop(a);
        assert!(futures::poll!(&mut alone).is_pending(), "another is still there");
        assert!(!late.is_finished(), "who came later waits");
        drop(b);
        let alone = alone.await.unwrap().unwrap();
        assert!(!late.is_finished(), "alone is alone");
        drop(alone);
        late.await.unwrap().unwrap();
    }
}
