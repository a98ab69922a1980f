//! The console of a run: lines on standard error; standard output is only for requested output.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use super::debounce::Changes;
use super::{BreakerState, Event, EventKind, Outcome, Phase};
use crate::readiness::redact::Redactor;

/// Shows a run's events while it is in progress.
pub trait Console: Send {
    /// Shows `event`, if it is worth a line.
    fn show(&mut self, event: &Event);

    /// Returns when a delayed message is due, as time since the run started; called after every event.
    fn due(&self) -> Option<Duration> {
        None
    }

    /// Shows the messages that are due now.
    fn show_due(&mut self, _: Duration) {}

    /// Removes temporary output at the end of the run.
    fn close(&mut self) {}
}

impl Console for Box<dyn Console> {
    fn show(&mut self, event: &Event) {
        (**self).show(event);
    }

    fn due(&self) -> Option<Duration> {
        (**self).due()
    }

    fn show_due(&mut self, now: Duration) {
        (**self).show_due(now);
    }

    fn close(&mut self) {
        (**self).close();
    }
}

/// Plain lines with time, phase and step, for logs and test output.
#[derive(Debug, Default)]
pub struct PlainConsole {
    running: BTreeMap<(Phase, String), Running>,
}

#[derive(Debug)]
struct Running {
    began: Duration,
    changes: Changes,
}

impl Console for PlainConsole {
    fn show(&mut self, event: &Event) {
        let key = (event.phase, event.step.clone());
        match &event.kind {
            EventKind::Started => {
                self.running.insert(key, Running { began: event.at, changes: Changes::new(event.phase, event.at) });
            }
            EventKind::Progress(message) => {
                if let Some(running) = self.running.get_mut(&key) {
                    running.changes.say(printable(message), event.at);
                    self.show_due(event.at);
                }
            }
            EventKind::Finished(_) => {
                let Some(running) = self.running.remove(&key) else { return };
                lines(event, event.at.saturating_sub(running.began))
                    .iter()
                    .for_each(|line| write(&format!("{line}\n")));
            }
            _ => lines(event, Duration::ZERO).iter().for_each(|line| write(&format!("{line}\n"))),
        }
    }

    fn due(&self) -> Option<Duration> {
        self.running.values().filter_map(|running| running.changes.due()).min()
    }

    fn show_due(&mut self, now: Duration) {
        for ((phase, step), running) in &mut self.running {
            if let Some(text) = running.changes.take(now) {
                write(&format!("{}\n", line(now, *phase, step, text)));
            }
        }
    }
}

/// Shows only warnings.
#[derive(Debug, Clone, Copy, Default)]
pub struct QuietConsole;

impl Console for QuietConsole {
    fn show(&mut self, event: &Event) {
        if let EventKind::Warning(_) = event.kind {
            lines(event, Duration::ZERO).iter().for_each(|line| write(&format!("{line}\n")));
        }
    }
}

/// Returns the lines for `event`; `took` is the duration of a step that it ends. Secrets are masked where lines are
/// written.
#[must_use]
pub fn lines(event: &Event, took: Duration) -> Vec<String> {
    let seconds = took.as_secs_f64();
    let text = match &event.kind {
        EventKind::Retry { attempt, of, cause, after } => {
            format!("attempt {attempt} of {of} in {:.1} s: {cause}", after.as_secs_f64())
        }
        EventKind::Finished(Outcome::Done) => format!("done in {seconds:.1} s"),
        EventKind::Finished(Outcome::Failed) => format!("failed after {seconds:.1} s"),
        EventKind::Breaker { dependency, state: BreakerState::Open } => {
            format!("{dependency} failed repeatedly, and is not called for a while")
        }
        EventKind::Note(text) => text.clone(),
        EventKind::Warning(text) => format!("warning: {text}"),
        // Steps without work get no line, and failures are reported once, when they are complete.
        EventKind::Finished(Outcome::Unchanged)
        | EventKind::Started
        | EventKind::Progress(_)
        | EventKind::Pending
        | EventKind::Moment(_)
        | EventKind::Usage(_)
        | EventKind::Images(_)
        | EventKind::LargestLayer(_)
        | EventKind::OtherStrategy(_)
        | EventKind::Diagnosis(_)
        | EventKind::Breaker { .. }
        | EventKind::Trouble { .. } => return Vec::new(),
    };
    text.lines().map(|text| line(event.at, event.phase, &event.step, text)).collect()
}

/// Returns `message` without control characters, which would break a line. It may be another program's output.
#[must_use]
pub fn printable(message: &str) -> String {
    message.chars().filter(|c| !c.is_control()).collect()
}

fn line(at: Duration, phase: Phase, step: &str, text: &str) -> String {
    format!("{:7.1}s  {phase:<8} {step:<16} {text}", at.as_secs_f64())
}

/// Writes to standard error, with secrets masked. A closed pipe is not a failure of the run.
pub fn write(text: &str) {
    let _ = std::io::stderr().write_all(Redactor::global().text(text).as_bytes());
}
