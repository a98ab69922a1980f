//! The suites of this process, and the owners of its clusters.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use super::Environment;

/// An environment shared by tests, and the thread that runs it.
pub(super) struct Shared {
    pub(super) environment: Result<Environment, String>,
    pub(super) end: Mutex<Option<(oneshot::Sender<()>, JoinHandle<()>)>>,
}

/// A suite requested by a test of this process.
pub(super) struct Entry {
    path: PathBuf,
    /// Whether another suite was requested before.
    pub(super) later: bool,
    pub(super) shared: OnceLock<Shared>,
}

/// Every suite requested by a test of this process.
static SUITES: Mutex<Vec<&'static Entry>> = Mutex::new(Vec::new());
/// The suites of this process's clusters, by the clusters' names.
static CLUSTERS: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());

/// Returns every suite so far.
pub(super) fn entries() -> Vec<&'static Entry> {
    lock(&SUITES).clone()
}

/// Returns the suite at `path`, identified by its file, however its path is written.
pub(super) fn entry(path: &Path) -> &'static Entry {
    let path = path.canonicalize().or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.into());
    let mut entries = lock(&SUITES);
    if let Some(known) = entries.iter().find(|entry| entry.path == path) {
        return known;
    }
    let entry = Entry { path, later: !entries.is_empty(), shared: OnceLock::new() };
    let entry: &'static Entry = Box::leak(Box::new(entry));
    entries.push(entry);
    entry
}

/// Claims cluster `name` for the suite at `path`, unless another suite of this process has it.
///
/// # Errors
/// Names the suite that has it.
pub(super) fn claim(name: &str, path: &Path) -> Result<(), String> {
    let path = path.canonicalize().unwrap_or_else(|_| path.into());
    let mut clusters = lock(&CLUSTERS);
    let owner = clusters.entry(name.to_owned()).or_insert_with(|| path.clone());
    if *owner == path {
        return Ok(());
    }
    Err(format!(
        "cluster {name} is that of {} already, so {} cannot have it: give one of them another `suite` name, and do not set \
         KIND_HARNESS_NAME for tests of two suites",
        owner.display(),
        path.display()
    ))
}

/// Locks a mutex, ignoring poisoning: the guarded data is never left half changed.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suite_is_known_by_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["a.yaml", "b.yaml"] {
            std::fs::write(path(name), "").unwrap();
        }
        std::os::unix::fs::symlink(path("a.yaml"), path("link.yaml")).unwrap();
        let a = entry(&path("a.yaml"));
        assert!(std::ptr::eq(a, entry(&path("link.yaml"))));
        assert!(std::ptr::eq(a, entry(&path("./a.yaml"))));
        assert!(!std::ptr::eq(a, entry(&path("b.yaml"))));
        assert!(entry(&path("b.yaml")).later, "its report does not replace that of the first one");
        assert!(!std::ptr::eq(a, entry(&path("missing.yaml"))), "one that is missing is told of when it is read");
    }

    #[test]
    fn two_suites_cannot_have_one_cluster() {
        let (a, b) = (Path::new("/suites/a.yaml"), Path::new("/suites/b.yaml"));
        assert_eq!(claim("claimed-1", a), Ok(()));
        assert_eq!(claim("claimed-1", a), Ok(()), "the same suite may have it again");
        assert_eq!(claim("claimed-2", b), Ok(()));
        let told = claim("claimed-1", b).unwrap_err();
        assert!(told.starts_with("cluster claimed-1 is that of /suites/a.yaml already, so /suites/b.yaml"), "{told}");
    }
}
