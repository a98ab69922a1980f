//! Watches files, and tells which of them have changed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// How long nothing must happen before a change counts: editors write a file in several steps.
const QUIET: Duration = Duration::from_millis(100);

/// The files that an environment is made of, as they were.
#[derive(Debug)]
pub(super) struct Files(BTreeMap<PathBuf, Option<(SystemTime, u64)>>);

impl Files {
    pub(super) fn of(paths: BTreeSet<PathBuf>) -> Files {
        let state = |path: &PathBuf| {
            let found = fs_err::metadata(path).ok()?;
            Some((found.modified().ok()?, found.len()))
        };
        Files(paths.into_iter().map(|path| (path.clone(), state(&path))).collect())
    }

    pub(super) fn paths(&self) -> BTreeSet<PathBuf> {
        self.0.keys().cloned().collect()
    }

    /// Returns the files that have changed, appeared or gone, if there are any, and all as they are now. `now` are the
    /// files of today; `None` when they are not known, since a file that lists them cannot be read.
    pub(super) fn changed(&self, now: Option<BTreeSet<PathBuf>>) -> Option<(BTreeSet<PathBuf>, Files)> {
        let now = Files::of(now.unwrap_or_else(|| self.paths()));
        let paths = self.0.keys().chain(now.0.keys());
        let changed: BTreeSet<_> = paths.filter(|path| self.0.get(*path) != now.0.get(*path)).cloned().collect();
        (!changed.is_empty()).then_some((changed, now))
    }
}

/// Hears of events in the folders of files.
pub(super) struct Watch {
    events: mpsc::UnboundedReceiver<()>,
    _watcher: RecommendedWatcher,
}

impl Watch {
    /// Watches the folders of these files from now on.
    ///
    /// # Errors
    /// A folder cannot be watched, as text.
    pub(super) fn start(files: &BTreeSet<PathBuf>) -> Result<Watch, String> {
        let (sender, events) = mpsc::unbounded_channel();
        let hear = move |event: notify::Result<notify::Event>| {
            // Reading a file is an event too. Without a receiver there is nothing to tell.
            if event.map_or(true, |event| !event.kind.is_access()) {
                let _ = sender.send(());
            }
        };
        let unusable = |error: notify::Error| format!("files cannot be watched: {error}");
        let mut watcher = notify::recommended_watcher(hear).map_err(unusable)?;
        let folders: BTreeSet<_> = files.iter().filter_map(|file| file.parent()).filter(|it| it.is_dir()).collect();
        for folder in folders {
            watcher.watch(folder, RecursiveMode::NonRecursive).map_err(unusable)?;
        }
        Ok(Watch { events, _watcher: watcher })
    }

    /// Resolves some time after the next event, when nothing has happened for a moment.
    pub(super) async fn event(&mut self) {
        if self.events.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
        self.quiet().await;
    }

    /// Resolves when nothing has happened for a moment.
    pub(super) async fn quiet(&mut self) {
        while let Ok(Some(())) = timeout(QUIET, self.events.recv()).await {}
    }

    /// Returns whether something has happened since: a file may be half written.
    pub(super) fn has_heard(&self) -> bool {
        !self.events.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_changed_a_new_and_a_lost_file_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        ["a", "b"].iter().for_each(|name| fs_err::write(path(name), "").unwrap());
        let paths = |names: &[&str]| names.iter().map(|name| path(name)).collect::<BTreeSet<_>>();
        let files = Files::of(paths(&["a", "b"]));
        let changed = |names| files.changed(Some(paths(names))).map(|(changed, _)| changed);
        assert_eq!(changed(&["a", "b"]), None);
        let mut watch = Watch::start(&files.paths()).unwrap();
        fs_err::write(path("a"), "more").unwrap();
        fs_err::write(path("c"), "").unwrap();
        fs_err::remove_file(path("b")).unwrap();
        timeout(Duration::from_secs(10), watch.event()).await.expect("an event");
        assert_eq!(changed(&["a", "c"]), Some(paths(&["a", "b", "c"])));
        let now = files.changed(Some(paths(&["a", "c"]))).unwrap().1;
        assert_eq!(now.paths(), paths(&["a", "c"]));
        assert!(!watch.has_heard(), "it has waited until all was quiet");
    }
}
