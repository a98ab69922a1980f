//! Replays a recorded wait: the same rules over the same events, with a clock of its own.

use std::io::BufRead;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::command::Command;
use super::journal::{Change, Ended};
use super::recording::{Brought, FORM, Line, What};
use super::tracker::Tracker;
use super::view::View;
use super::watch::Update;

/// The results of a replay.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Replay {
    /// Every changed verdict, in order.
    pub verdicts: Vec<Change>,
    /// The results of the waits, in order.
    pub waits: Vec<Ended>,
}

/// Why a recording cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// It cannot be read.
    #[error("it cannot be read")]
    Read(#[from] std::io::Error),
    /// A line is not one of a recording.
    #[error("line {line} is no line of a recording")]
    Line {
        /// The line number, from 1.
        line: usize,
        /// The parse error.
        #[source]
        source: serde_json::Error,
    },
    /// The first line does not name the format, or was written by another version of this program.
    #[error("it does not begin as a recording of this version does")]
    Form,
}

/// Judges a recording again, at the times of its events; takes no time itself.
///
/// # Errors
/// It is not a recording, or one of another version. A truncated last line, as left by a killed run, is no error.
pub fn replay(recording: impl BufRead) -> Result<Replay, ReplayError> {
    let mut lines = read(recording)?.into_iter();
    let Some(Line { what: What::Began { form: FORM, namespace, settings }, .. }) = lines.next() else {
        return Err(ReplayError::Form);
    };
    let began = Instant::now();
    let mut tracker = Tracker::new(None, &namespace, std::sync::Arc::new(()), *settings, None, began);
    tracker.keep();
    let mut clock = Clock { began, now: began, wake: None, waits: Vec::new() };
    for line in lines {
        let moment = clock.moment(line.at);
        clock.advance(&mut tracker, Some(moment));
        clock.apply_event(&mut tracker, line.what);
    }
    clock.judge(&mut tracker);
    clock.advance(&mut tracker, None);
    let (verdicts, waits) = tracker.changes();
    Ok(Replay { verdicts, waits })
}

fn read(recording: impl BufRead) -> Result<Vec<Line>, ReplayError> {
    let mut lines = Vec::new();
    let mut broken = None;
    for (index, line) in recording.lines().enumerate() {
        let line = line?;
        if let Some(error) = broken.take() {
            return Err(error);
        }
        match serde_json::from_str::<Line>(&line) {
            // The recorded results are not read: they are computed again.
            Ok(Line { what: What::Verdict(_) | What::Ended(_), .. }) => {}
            Ok(line) => lines.push(line),
            Err(_) if line.trim().is_empty() => {}
            Err(source) => broken = Some(ReplayError::Line { line: index + 1, source }),
        }
    }
    match broken {
        Some(error) if lines.is_empty() => Err(error),
        _ => Ok(lines),
    }
}

/// The clock of a replay.
struct Clock {
    began: Instant,
    now: Instant,
    wake: Option<Instant>,
    /// Kept open: a wait whose receiver is dropped is not answered.
    waits: Vec<oneshot::Receiver<Result<super::AllReady, super::NotReady>>>,
}

impl Clock {
    fn moment(&self, seconds: f64) -> Instant {
        let after = Duration::try_from_secs_f64(seconds).unwrap_or_default();
        self.began.checked_add(after).unwrap_or(self.began)
    }

    /// Advances the time to `to`, or until all waits have ended: graces and deadlines in between expire.
    fn advance(&mut self, tracker: &mut Tracker, to: Option<Instant>) {
        while let Some(wake) = self.wake.filter(|wake| to.is_none_or(|to| *wake < to)) {
            if to.is_none() && self.all_answered() {
                return;
            }
            self.now = self.now.max(wake);
            let before = self.wake;
            self.judge(tracker);
            if self.wake == before {
                return;
            }
        }
        self.now = self.now.max(to.unwrap_or(self.now));
    }

    fn judge(&mut self, tracker: &mut Tracker) {
        self.wake = tracker.evaluate(self.now);
    }

    fn all_answered(&mut self) -> bool {
        self.waits.retain_mut(|wait| matches!(wait.try_recv(), Err(oneshot::error::TryRecvError::Empty)));
        self.waits.is_empty()
    }

    fn apply_event(&mut self, tracker: &mut Tracker, what: What) {
        let now = self.now;
        match what {
            What::Expect { component, applied, probes, from } => {
                let at = self.moment(from);
                tracker.command(Command::Expect { component, applied, probes, at }, now);
            }
            What::Plan { needs } => tracker.command(Command::Plan { needs }, now),
            What::Wait { components, deadline } => {
                let (reply, answer) = oneshot::channel();
                self.waits.push(answer);
                let deadline = deadline.map(|deadline| self.moment(deadline));
                tracker.command(Command::Wait { names: components, deadline, reply }, now);
            }
            What::Update { watch, is } => {
                let watch = tracker.watch(&watch);
                let update = match is {
                    Brought::Listing => Update::Listing,
                    Brought::Put(json) => Update::Put(Box::new(View::new(json))),
                    Brought::Removed(json) => Update::Removed(Box::new(View::new(json))),
                    Brought::Listed => Update::Listed,
                    Brought::Failed { forbidden, error } => Update::Failed { forbidden, error },
                };
                tracker.update(watch, update, now);
            }
            What::Answer { component, probe, trouble } => {
                tracker.answered(&component, probe, trouble.map_or(Ok(()), Err), now);
            }
            What::Api { unreachable } => {
                tracker.unreachable(unreachable.map(|(since, error)| (self.moment(since), error)));
            }
            What::Judged => self.judge(tracker),
            What::Began { .. } | What::Verdict(_) | What::Ended(_) => {}
        }
    }
}
