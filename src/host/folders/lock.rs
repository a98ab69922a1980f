//! Locks between processes.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use tokio::sync::oneshot;

/// A lock on a file that exists while the lock is held. The system releases it when its holder exits for any reason.
#[derive(Debug)]
pub(crate) struct Lock {
    path: PathBuf,
    file: File,
}

impl Lock {
    /// Takes the lock at `path`, creating its folder if needed; `None` while another holder has it.
    pub(crate) fn try_take(path: &Path) -> io::Result<Option<Lock>> {
        fs_err::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
        take(path, try_lock)
    }

    /// Takes the lock at `path` like [`Lock::try_take`], but blocks the thread while another holder has it.
    pub(crate) fn hold(path: &Path) -> io::Result<Lock> {
        fs_err::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
        take(path, |file| file.lock().map(|()| true))?.ok_or_else(|| io::ErrorKind::WouldBlock.into())
    }

    /// Takes the lock at `path` like [`Lock::try_take`], but waits for other holders; calls `is_waiting` if it has to
    /// wait.
    pub(crate) async fn take(path: PathBuf, is_waiting: impl FnOnce()) -> io::Result<Lock> {
        if let Some(lock) = Lock::try_take(&path)? {
            return Ok(lock);
        }
        is_waiting();
        Lock::wait(path).await
    }

    /// Waits for the lock at `path`. Its folder must exist.
    pub(crate) async fn wait(path: PathBuf) -> io::Result<Lock> {
        wait(path, File::lock).await
    }

    /// Takes a shared lock at `path`; `None` while another holder has it exclusively.
    pub(crate) fn try_share(path: &Path) -> io::Result<Option<Lock>> {
        fs_err::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
        take(path, |file| locked(file.try_lock_shared()))
    }

    /// Takes a shared lock at `path`; waits while another process holds it exclusively. Its folder must exist.
    pub(crate) async fn share(path: PathBuf) -> io::Result<Lock> {
        wait(path, File::lock_shared).await
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // The file is removed only under an exclusive lock, so no other holder loses it. A leftover file is harmless.
        if matches!(try_lock(&self.file), Ok(true)) {
            let _ = fs_err::remove_file(&self.path);
        }
    }
}

fn try_lock(file: &File) -> io::Result<bool> {
    locked(file.try_lock())
}

fn locked(tried: Result<(), TryLockError>) -> io::Result<bool> {
    match tried {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

async fn wait(path: PathBuf, lock: fn(&File) -> io::Result<()>) -> io::Result<Lock> {
    let (done, taken) = oneshot::channel();
    // Not a thread of the runtime, which would wait for it at shutdown. If the caller is dropped, the lock is released
    // again.
    std::thread::spawn(move || done.send(take(&path, |file| lock(file).map(|()| true))));
    let taken = taken.await.map_err(io::Error::other)??;
    taken.ok_or_else(|| io::ErrorKind::WouldBlock.into())
}

/// Opens the file at `path`, creating it if needed. Links are not followed: their target must be neither locked nor
/// removed.
fn open(path: &Path) -> io::Result<File> {
    let about = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    if path.parent().is_some_and(Path::is_symlink) {
        return Err(about(io::Error::other("its folder is a symbolic link; the harness makes none: remove it")));
    }
    let flags = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
    let options = std::fs::OpenOptions::new().write(true).create(true).truncate(false).custom_flags(flags).open(path);
    options.map_err(|error| match path.is_symlink() {
        true => about(io::Error::other("is a symbolic link; the harness makes none: remove it")),
        false => about(error),
    })
}

fn take(path: &Path, lock: impl Fn(&File) -> io::Result<bool>) -> io::Result<Option<Lock>> {
    loop {
        let file = open(path)?;
        if !lock(&file)? {
            return Ok(None);
        }
        // The last holder may have removed the file meanwhile; a lock on a removed file excludes no other process.
        if file.metadata().ok().map(|file| file.ino()) == fs_err::metadata(path).ok().map(|file| file.ino()) {
            return Ok(Some(Lock { path: path.into(), file }));
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn one_has_it_until_that_one_lets_go() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("locks/a");
        let first = Lock::try_take(&path).unwrap().unwrap();
        assert!(Lock::try_take(&path).unwrap().is_none());
        let mut second = std::pin::pin!(Lock::wait(path.clone()));
        assert!((&mut second).now_or_never().is_none());
        drop(first);
        let second = second.await.unwrap();
        assert!(Lock::try_take(&path).unwrap().is_none(), "it holds a file that was removed");
        drop(second);
        assert!(Lock::try_take(&path).unwrap().is_some());
    }

    #[tokio::test]
    async fn those_who_share_it_keep_out_only_who_wants_it_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let (first, second) = (Lock::share(path.clone()).await.unwrap(), Lock::share(path.clone()).await.unwrap());
        assert!(Lock::try_take(&path).unwrap().is_none());
        drop(first);
        assert!(Lock::try_take(&path).unwrap().is_none(), "the second still has it");
        let third = Lock::try_share(&path).unwrap().unwrap();
        drop(second);
        assert!(Lock::try_take(&path).unwrap().is_none(), "the third has the same file");
        drop(third);
        assert!(!path.exists());
        let alone = Lock::try_take(&path).unwrap();
        assert!(alone.is_some() && Lock::try_share(&path).unwrap().is_none());
    }

    #[tokio::test]
    async fn who_gave_up_waiting_does_not_have_it_later() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let first = Lock::try_take(&path).unwrap();
        assert!(Lock::wait(path.clone()).now_or_never().is_none());
        drop(first);
        let taken = tokio::time::timeout(std::time::Duration::from_secs(10), Lock::wait(path)).await;
        assert!(taken.unwrap().is_ok());
    }
}
