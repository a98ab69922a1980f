//! The console: live lines on a terminal, plain prefixed lines elsewhere.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::changes::Changes;
use super::{Event, EventKind, Outcome, Phase};
use crate::redact::Redactor;

/// Shows events on standard error; standard output is for what was asked for.
#[derive(Debug)]
pub struct Console {
    style: Style,
    running: BTreeMap<(Phase, String), Running>,
}

#[derive(Debug)]
enum Style {
    Quiet,
    Plain,
    Live { bars: MultiProgress, color: bool },
}

#[derive(Debug)]
struct Running {
    began: Duration,
    changes: Changes,
    bar: Option<ProgressBar>,
}

impl Console {
    /// Live on a terminal, plain lines elsewhere; `NO_COLOR` and `TERM=dumb` are respected.
    #[must_use]
    pub fn detect() -> Console {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let style = if std::io::stderr().is_terminal() && !dumb {
            let color = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
            Style::Live { bars: MultiProgress::new(), color }
        } else {
            Style::Plain
        };
        Console { style, running: BTreeMap::new() }
    }

    /// Shows nothing but warnings.
    #[must_use]
    pub fn quiet() -> Console {
        Console { style: Style::Quiet, running: BTreeMap::new() }
    }

    /// Shows `event`.
    pub fn show(&mut self, event: &Event) {
        let key = (event.phase, event.step.clone());
        match &event.kind {
            EventKind::Started => {
                let bar = match &self.style {
                    Style::Live { bars, color } => Some(bars.add(bar(event, *color))),
                    Style::Quiet | Style::Plain => None,
                };
                self.running
                    .insert(key, Running { began: event.at, changes: Changes::new(event.phase, event.at), bar });
            }
            EventKind::Progress(message) => self.progress(event, &key, message),
            EventKind::Retry { attempt, of, cause, after } => {
                let pause = after.as_secs_f64();
                self.line(event, &mut format!("attempt {attempt} of {of} in {pause:.1} s: {cause}").lines());
            }
            EventKind::Finished(outcome) => {
                let Some(running) = self.running.remove(&key) else { return };
                if let Some(bar) = running.bar {
                    bar.finish_and_clear();
                }
                self.finished(event, outcome, event.at.saturating_sub(running.began));
            }
            EventKind::Note(text) => self.line(event, &mut text.lines()),
            EventKind::Warning(text) => self.line(event, &mut format!("warning: {text}").lines()),
            // What went wrong is told once, when everything of it is known.
            EventKind::Pending | EventKind::Trouble { .. } => {}
        }
    }

    /// Takes the live lines away.
    pub fn close(&mut self) {
        for running in std::mem::take(&mut self.running).into_values() {
            if let Some(bar) = running.bar {
                bar.finish_and_clear();
            }
        }
    }

    /// On a terminal each step has a live line with what it says now: of a component that is not ready, its slowest object
    /// and the reason. Elsewhere changes have lines.
    fn progress(&mut self, event: &Event, key: &(Phase, String), message: &str) {
        let Some(running) = self.running.get_mut(key) else { return };
        // Other programs' output: control characters would break the line.
        let message: String = message.chars().filter(|c| !c.is_control()).collect();
        if let Some(bar) = &running.bar {
            bar.set_message(message);
        } else {
            running.changes.say(message, event.at);
            self.tell_what_is_due(event.at);
        }
    }

    /// When the next line about a step that is under way is due.
    pub(super) fn due(&self) -> Option<Duration> {
        self.running.values().filter_map(|running| running.changes.due()).min()
    }

    /// Shows what steps that are under way have been saying for a while.
    pub(super) fn tell_what_is_due(&mut self, now: Duration) {
        let due = self
            .running
            .iter_mut()
            .filter_map(|((phase, step), running)| Some(line(now, *phase, step, running.changes.take(now)?)));
        let lines: Vec<_> = due.collect();
        if !matches!(self.style, Style::Quiet) {
            lines.iter().for_each(|line| write(&format!("{line}\n")));
        }
    }

    fn finished(&self, event: &Event, outcome: &Outcome, took: Duration) {
        let text = match outcome {
            Outcome::Done => format!("done in {:.1} s", took.as_secs_f64()),
            // What cost nothing is not worth a line.
            Outcome::Unchanged => return,
            Outcome::Failed => format!("failed after {:.1} s", took.as_secs_f64()),
        };
        self.line(event, &mut [text.as_str()].into_iter());
    }

    fn line(&self, event: &Event, texts: &mut dyn Iterator<Item = &str>) {
        let is_warning = matches!(event.kind, EventKind::Warning(_));
        for text in texts {
            let line = line(event.at, event.phase, &event.step, text);
            match &self.style {
                Style::Quiet if !is_warning => {}
                Style::Live { bars, .. } => {
                    let _ = bars.println(Redactor::global().text(&line));
                }
                Style::Quiet | Style::Plain => write(&format!("{line}\n")),
            }
        }
    }
}

fn line(at: Duration, phase: Phase, step: &str, text: &str) -> String {
    format!("{:7.1}s  {phase:<8} {step:<16} {text}", at.as_secs_f64())
}

/// Writes to standard error, with secrets masked. A closed pipe at the other end is no failure of the run.
pub fn write(text: &str) {
    let _ = std::io::stderr().write_all(Redactor::global().text(text).as_bytes());
}

fn bar(event: &Event, color: bool) -> ProgressBar {
    let template = if color {
        "{spinner:.cyan} {elapsed:>6}  {prefix:.bold}  {wide_msg:.dim}"
    } else {
        "{spinner} {elapsed:>6}  {prefix}  {wide_msg}"
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner());
    let bar = ProgressBar::new_spinner().with_style(style);
    bar.set_prefix(format!("{:<8} {:<16}", event.phase, event.step));
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}
