//! The journal of a wait, in order: written to a recording, or kept for a replay.

mod change;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

use super::command::Command;
use super::masked;
use super::recording::{Brought, FORM, Line, WatchName, What};
use super::watch::Update;
use super::{AllReady, Judgement, NotReady, ObjectRef, Settings};
pub use change::{Change, Ended};

/// Writes a recording.
#[derive(Debug)]
pub struct Recorder(BufWriter<File>);

impl Recorder {
    /// Creates a recording in a new file, readable only by the user (on Unix).
    ///
    /// # Errors
    /// When the file cannot be created.
    pub fn create(path: &Path) -> std::io::Result<Recorder> {
        let mut options = fs_err::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        fs_err::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        Ok(Recorder(BufWriter::new(options.open(path)?.into_file())))
    }
}

/// Writes events to a recording, or keeps results for a replay.
pub(crate) struct Journal {
    began: Instant,
    recorder: Option<Recorder>,
    /// Whether there was an input since the last judgement.
    open: bool,
    api: Option<(Instant, String)>,
    /// Results; only in a replay.
    kept: Option<(Vec<Change>, Vec<Ended>)>,
}

impl Journal {
    pub(crate) fn new(recorder: Option<Recorder>, namespace: &str, settings: &Settings, began: Instant) -> Journal {
        let mut journal = Journal { began, recorder, open: false, api: None, kept: None };
        let settings = Box::new(settings.clone());
        journal.write(began, || What::Began { form: FORM, namespace: namespace.to_owned(), settings });
        journal
    }

    /// Starts keeping results, for a replay.
    pub(super) fn keep(&mut self) {
        self.kept = Some(Default::default());
    }

    pub(crate) fn take(&mut self) -> (Vec<Change>, Vec<Ended>) {
        self.kept.take().unwrap_or_default()
    }

    pub(crate) fn command(&mut self, command: &Command, now: Instant) {
        let began = self.began;
        self.write(now, || match command {
            Command::Expect { component, applied, probes, at } => What::Expect {
                component: component.clone(),
                applied: applied.clone(),
                probes: probes.clone(),
                from: seconds(at.saturating_duration_since(began)),
            },
            Command::Plan { needs } => What::Plan { needs: needs.clone() },
            Command::Wait { names, deadline, .. } => What::Wait {
                components: names.clone(),
                deadline: deadline.map(|deadline| seconds(deadline.saturating_duration_since(began))),
            },
        });
    }

    pub(crate) fn update(&mut self, watch: impl FnOnce() -> WatchName, update: &Update, now: Instant) {
        self.write(now, || What::Update {
            watch: watch(),
            is: match update {
                Update::Listing => Brought::Listing,
                Update::Put(view) => Brought::Put(view.json.clone()),
                Update::Removed(view) => Brought::Removed(view.json.clone()),
                Update::Listed => Brought::Listed,
                Update::Failed { forbidden, error } => Brought::Failed { forbidden: *forbidden, error: error.clone() },
            },
        });
    }

    pub(crate) fn answer(&mut self, component: &str, probe: usize, answer: &Result<(), String>, now: Instant) {
        let trouble = answer.as_ref().err();
        self.write(now, || What::Answer { component: component.to_owned(), probe, trouble: trouble.cloned() });
    }

    pub(crate) fn api(&mut self, trouble: Option<(Instant, String)>, now: Instant) {
        if self.recorder.is_none() || self.api == trouble {
            return;
        }
        self.api.clone_from(&trouble);
        let began = self.began;
        let told = trouble.map(|(since, error)| (seconds(since.saturating_duration_since(began)), error));
        self.write(now, || What::Api { unreachable: told });
    }

    /// Returns whether changes of verdicts are recorded or kept.
    pub(crate) fn wants_verdicts(&self) -> bool {
        self.recorder.is_some() || self.kept.is_some()
    }

    /// Records changes of a component's verdicts.
    pub(crate) fn verdicts(&mut self, component: &str, changed: Vec<(Option<ObjectRef>, Judgement)>, now: Instant) {
        let at = now.saturating_duration_since(self.began);
        for (object, judgement) in changed {
            let change = Change { at, component: component.to_owned(), object, judgement };
            self.write(now, || What::Verdict(serde_json::to_value(&change).unwrap_or_default()));
            if let Some((changes, _)) = &mut self.kept {
                changes.push(change);
            }
        }
    }

    pub(crate) fn ended(&mut self, components: Option<&[String]>, answer: Result<&AllReady, &NotReady>, now: Instant) {
        if !self.wants_verdicts() {
            return;
        }
        let how = match answer {
            Ok(_) => "ready",
            Err(NotReady::Failed { .. }) => "failed",
            Err(NotReady::Deadline { .. }) => "deadline",
            Err(NotReady::Gone { .. }) => "gone",
            Err(NotReady::Forbidden { .. }) => "forbidden",
        };
        let why = answer.err().and_then(|why| why.to_string().lines().next().map(str::to_owned));
        let at = now.saturating_duration_since(self.began);
        let ended = Ended { at, components: components.map(<[String]>::to_vec), how, why };
        self.write(now, || What::Ended(serde_json::to_value(&ended).unwrap_or_default()));
        if let Some((_, waits)) = &mut self.kept {
            waits.push(ended);
        }
    }

    /// Records that all inputs have been judged. Flushes the file, so that a killed run leaves a usable recording.
    pub(crate) fn judged(&mut self, now: Instant) {
        if std::mem::take(&mut self.open) {
            self.write(now, || What::Judged);
        }
        if self.recorder.as_mut().is_some_and(|recorder| recorder.0.flush().is_err()) {
            self.recorder = None;
        }
    }

    fn write(&mut self, now: Instant, what: impl FnOnce() -> What) {
        let Some(recorder) = &mut self.recorder else { return };
        let line = Line { at: seconds(now.saturating_duration_since(self.began)), what: what() };
        self.open |= !matches!(line.what, What::Began { .. } | What::Verdict(_) | What::Ended(_) | What::Judged);
        // A full disk must not end a run, which does not need its recording.
        if masked::line(&line).and_then(|line| recorder.0.write_all(line.as_bytes())).is_err() {
            self.recorder = None;
        }
    }
}

/// Returns seconds, to the microsecond.
fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e6
}
