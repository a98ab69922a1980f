//! Locks that keep tests apart, across threads and processes: of the environment, and of each of its components.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use super::scope::{Locks, Mode};

/// A test's locks on the environment and its components, released when this value is dropped or the process exits for
/// any reason.
#[derive(Debug)]
pub struct EnvironmentLock {
    held: Vec<File>,
}

impl EnvironmentLock {
    /// Releases the locks now, even if a reference to this value is never dropped.
    pub(super) fn end(&self) {
        for file in &self.held {
            // If this fails, it is released when the process exits.
            let _ = file.unlock();
        }
    }

    /// Takes `locks` in the folder of an environment, and waits for tests that hold, or wait for, locks that exclude
    /// them. Every test takes its locks in the same order, the environment's first and then by name, so that no two wait
    /// for each other.
    pub(super) async fn take(folder: &Path, locks: &Locks) -> io::Result<EnvironmentLock> {
        let environment = (folder.join("door.lock"), folder.join("room.lock"), locks.environment);
        let components = locks.components.iter().map(|(name, mode)| {
            (folder.join(format!("component-{name}.door.lock")), folder.join(format!("component-{name}.lock")), *mode)
        });
        let all: Vec<_> = std::iter::once(environment).chain(components).collect();
        let taken = tokio::task::spawn_blocking(move || {
            let held =
                all.into_iter().map(|(door, room, mode)| enter(&door, &room, mode)).collect::<io::Result<_>>()?;
            Ok(EnvironmentLock { held })
        });
        taken.await.map_err(io::Error::other)?
    }
}

/// Takes a fair cross-process read-write lock: a writer holds the file at `door` while it waits, so that new readers queue
/// behind it.
fn enter(door: &Path, room: &Path, mode: Mode) -> io::Result<File> {
    let (door, room) = (open(door)?, open(room)?);
    door.lock()?;
    match mode {
        Mode::Shared => room.lock_shared()?,
        Mode::Exclusive => room.lock()?,
    }
    Ok(room)
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).truncate(false).write(true).open(path)
}

#[cfg(test)]
mod tests;
