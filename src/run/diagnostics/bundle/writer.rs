//! Writes a bundle's files: redacted, readable only by the user, and up to the size limit.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Bundle;
use crate::readiness::redact::Redactor;

/// Room reserved for the summary, which is written again at the end with the list of omissions.
const FOR_SUMMARY: u64 = 256 << 10;

pub(super) const SUMMARY: &str = "summary.txt";
const CUT: &str = "… what was before is cut …\n";

/// Writes files below one folder.
pub(super) struct Writer {
    folder: PathBuf,
    redactor: Redactor,
    state: Mutex<State>,
}

struct State {
    left: u64,
    written: u64,
    omitted: Vec<String>,
}

impl Writer {
    pub(super) fn create(folder: &Path, redactor: Redactor, bytes: u64) -> std::io::Result<Writer> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let left = bytes.saturating_sub(FOR_SUMMARY.min(bytes / 2));
        let state = Mutex::new(State { left, written: 0, omitted: Vec::new() });
        Ok(Writer { folder: folder.into(), redactor, state })
    }

    /// Writes the summary in its current state.
    pub(super) fn summary(&self, text: &str) -> std::io::Result<u64> {
        let omitted: String = self.state().omitted.iter().map(|what| format!("\n  {what}")).collect();
        let lacks = if omitted.is_empty() { String::new() } else { format!("\n\nnot in this bundle:{omitted}") };
        let text = format!("{}{lacks}\n", text.trim_end());
        let text = self.redactor.text(&text);
        let kept = tail(&text, FOR_SUMMARY as usize, false);
        write(&self.folder.join(SUMMARY), kept)?;
        Ok(kept.len() as u64)
    }

    /// Writes a text; if it exceeds the room that is left, only its end.
    pub(super) fn write(&self, path: &str, text: &str) {
        let text = self.redactor.text(text);
        let room = {
            let mut state = self.state();
            let room = state.left.min(text.len() as u64);
            state.left -= room;
            room as usize
        };
        if room < text.len() {
            self.omit(path, "the bundle is full");
        }
        let kept = tail(&text, room, true);
        if kept.is_empty() {
            return;
        }
        let cut = if kept.len() < text.len() && kept.len() > CUT.len() { CUT } else { "" };
        // The truncation mark replaces part of the text, so that the size stays the same.
        let kept = tail(kept, room - cut.len(), true);
        match write(&self.folder.join(path), &format!("{cut}{kept}")) {
            Ok(()) => self.state().written += (cut.len() + kept.len()) as u64,
            Err(error) => self.omit(path, &error.to_string()),
        }
    }

    /// Records that something is missing, and why.
    pub(super) fn omit(&self, what: &str, why: &str) {
        self.state().omitted.push(format!("{what}: {why}"));
    }

    /// Returns whether anything more can be written.
    pub(super) fn has_room(&self) -> bool {
        self.state().left > 0
    }

    /// Returns the redactor that masks objects' secrets by field; texts are masked when they are written.
    pub(super) fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    pub(super) fn finish(self, summary: &str) -> std::io::Result<Bundle> {
        let length = self.summary(summary)?;
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(Bundle { folder: self.folder, bytes: state.written + length, omitted: state.omitted })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns at most `most` bytes of the end of `text`, or of its beginning.
fn tail(text: &str, most: usize, end: bool) -> &str {
    if text.len() <= most {
        return text;
    }
    if end {
        let from = (text.len() - most..=text.len()).find(|at| text.is_char_boundary(*at));
        &text[from.unwrap_or(text.len())..]
    } else {
        let to = (0..=most).rev().find(|at| text.is_char_boundary(*at));
        &text[..to.unwrap_or_default()]
    }
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    if let Some(folder) = path.parent() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let mut options = fs_err::OpenOptions::new();
    options.create(true).write(true).truncate(true);
    fs_err::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer(folder: &Path, bytes: u64) -> Writer {
        let redactor = Redactor::default();
        redactor.learn(["hunter2222"]);
        Writer::create(folder, redactor, bytes).unwrap()
    }

    fn size(folder: &Path) -> u64 {
        let entries = std::fs::read_dir(folder).unwrap().flatten();
        entries
            .map(|entry| if entry.path().is_dir() { size(&entry.path()) } else { entry.metadata().unwrap().len() })
            .sum()
    }

    #[test]
    fn nothing_grows_beyond_its_bounds() {
        let folder = tempfile::tempdir().unwrap();
        let writer = writer(folder.path(), 2000);
        for number in 0..20 {
            writer.write(&format!("logs/{number}.log"), &"ünfug\n".repeat(50));
        }
        assert!(!writer.has_room());
        let bundle = writer.finish("3 of 5 not ready").unwrap();
        assert!(bundle.omitted.iter().any(|what| what == "logs/19.log: the bundle is full"), "{:?}", bundle.omitted);
        assert_eq!(bundle.bytes, size(folder.path()));
        let written = bundle.bytes - std::fs::metadata(folder.path().join(SUMMARY)).unwrap().len();
        assert!((900..=1000).contains(&written), "{written}");
        let summary = std::fs::read_to_string(folder.path().join(SUMMARY)).unwrap();
        assert!(summary.starts_with("3 of 5 not ready\n\nnot in this bundle:\n  logs/"), "{summary}");
    }

    #[test]
    fn of_what_is_cut_the_end_stays() {
        let folder = tempfile::tempdir().unwrap();
        let writer = writer(folder.path(), 400);
        writer.write("a.log", &(0..100).map(|n| format!("line {n}\n")).collect::<String>());
        let text = std::fs::read_to_string(folder.path().join("a.log")).unwrap();
        assert!(text.starts_with(CUT) && text.ends_with("line 99\n") && text.len() <= 200, "{text}");
    }

    #[test]
    fn no_file_has_a_secret_and_nobody_else_may_read_them() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("b");
        let writer = writer(&below, 1 << 20);
        writer.summary("it said hunter2222").unwrap();
        writer.write("x/y.log", "hunter2222!");
        writer.omit("z", "hunter2222");
        let bundle = writer.finish("it said hunter2222").unwrap();
        let read = |path: &str| std::fs::read_to_string(bundle.folder.join(path)).unwrap();
        assert_eq!(
            (read("x/y.log"), read(SUMMARY)),
            ("***!".into(), "it said ***\n\nnot in this bundle:\n  z: ***\n".into())
        );
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&below), mode(&below.join("x/y.log"))), (0o700, 0o600));
    }
}
