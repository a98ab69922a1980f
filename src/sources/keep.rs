//! Rendered files, kept in the cache under a hash of what decides what is in them.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::SourceCause;
use super::expand::{expand, settings};
use crate::host::folders::{self, Folders};
use crate::suite::hash::Content;
use crate::suite::plan::{Origin, Plan, SourceId};

/// The folder of the cache.
const KEPT_IN: &str = "rendered";

/// Files that were not used for this long are deleted.
const KEPT_UNUSED: Duration = Duration::from_secs(60 * 24 * 3600);

/// The kept files.
pub(super) struct Kept<'a>(&'a Folders);

impl<'a> Kept<'a> {
    pub(super) fn new(folders: &'a Folders) -> Kept<'a> {
        Kept(folders)
    }

    /// Returns the file for `key`, whether it is there or not.
    pub(super) fn file(&self, key: &str) -> PathBuf {
        self.0.cache.join(KEPT_IN).join(format!("{key}.yaml"))
    }

    /// Returns whether `file` is there, and notes that it is used.
    pub(super) fn has(&self, file: &Path) -> bool {
        touch(file)
    }

    /// Writes `file`, readable by this user only: values of the environment may be secrets.
    pub(super) fn keep(&self, file: &Path, text: &str) -> io::Result<()> {
        folders::publish(file, text)
    }

    /// Deletes files that have not been used for a long time. What cannot be deleted is left for the next time.
    pub(super) fn throw_away(&self) {
        delete_unused(self.0, KEPT_IN);
    }
}

/// Notes that a kept file or folder is used; returns whether it is there.
pub(super) fn touch(path: &Path) -> bool {
    fs_err::File::open(path).and_then(|file| file.file().set_modified(SystemTime::now())).is_ok()
}

/// Deletes what has not been used for a long time from a folder of the cache.
pub(super) fn delete_unused(folders: &Folders, kept_in: &'static str) {
    let own = folders.own_cache(kept_in);
    for entry in fs_err::read_dir(folders.cache.join(kept_in)).into_iter().flatten().flatten() {
        let used = entry.metadata().and_then(|found| found.modified());
        if used.is_ok_and(|used| used.elapsed().is_ok_and(|age| age > KEPT_UNUSED)) {
            let _ = own.remove(entry.file_name());
        }
    }
}

/// Returns the hash of everything that decides what a source is rendered to; `None` of plain files. Of a program it
/// only identifies the program: what it prints is known when it has run. Versions of tools do not count.
pub(super) fn key(plan: &Plan, id: &SourceId, origin: &Origin<'_>) -> Result<Option<String>, SourceCause> {
    let mut content = Content::default();
    content.add("source", origin.to_string().as_bytes());
    match origin {
        Origin::Plain(_) => return Ok(None),
        Origin::Kustomization(_) => {}
        Origin::Url(_, sha256) => content.add("sha256", sha256.unwrap_or_default().to_lowercase().as_bytes()),
        Origin::Command(command) => {
            content.add("root", plan.root().as_os_str().as_encoded_bytes());
            command.iter().for_each(|word| content.add("word", word.as_bytes()));
        }
        Origin::Inline(text) => content.add("text", expand(plan, text)?.as_bytes()),
        Origin::Chart(chart) => {
            content.add("component", id.component.as_bytes());
            content.add("namespace", namespace(plan, id).as_bytes());
            let options = [&chart.repo, &chart.version, &chart.release];
            options.iter().for_each(|option| content.add("option", option.as_deref().unwrap_or_default().as_bytes()));
            settings(plan, chart)?.iter().for_each(|setting| content.add("setting", setting.as_bytes()));
        }
    }
    for file in origin.inputs(plan.root())? {
        content.add_file(file.strip_prefix(plan.root()).unwrap_or(&file), &file)?;
    }
    Ok(Some(content.tag()))
}

/// Returns the namespace of a source's component.
pub(super) fn namespace<'a>(plan: &'a Plan, id: &SourceId) -> &'a str {
    let own = plan.component(&id.component).and_then(|component| component.namespace.as_deref());
    own.unwrap_or(&plan.suite().namespace)
}
