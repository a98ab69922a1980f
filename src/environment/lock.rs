//! Tests that disturb what others use take their turn alone, across threads and processes.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

/// A test's turn. It ends when this is dropped, or when the process ends, however it ends.
#[derive(Debug)]
pub struct EnvironmentLock {
    room: File,
}

impl EnvironmentLock {
    /// Ends it now, though something may hold it for ever.
    pub(super) fn end(&self) {
        // What cannot be unlocked is when the process ends.
        let _ = self.room.unlock();
    }

    /// A turn beside others; waits for tests that take, or already wait for, a turn alone.
    pub(super) async fn shared(folder: &Path) -> io::Result<EnvironmentLock> {
        take(folder, File::lock_shared).await
    }

    /// A turn alone; waits until all others are over, and lets no other begin meanwhile.
    pub(super) async fn alone(folder: &Path) -> io::Result<EnvironmentLock> {
        take(folder, File::lock).await
    }
}

/// Fair cross-process read-write lock: a writer holds `door.lock` while it waits, so that new
/// readers queue behind it.
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
        // Until the one who wants it alone stands in the door.
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
