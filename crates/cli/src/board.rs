//! The board of a terminal: a row for each component, and one for each other step in progress, drawn again in place.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use console::{Style, measure_text_width, truncate_str};
use kind_harness::readiness::MomentKind;
use kind_harness::readiness::redact::Redactor;
use kind_harness::report::console::{Console, lines, printable};
use kind_harness::report::{Event, EventKind, Outcome, Phase};

/// The pause between two drawings.
const PAUSE: Duration = Duration::from_millis(120);
/// Width of a bar, in columns: one for each stage of a component's start.
const STAGES: usize = 6;
/// Lines are not wider than this on any terminal.
const WIDEST: usize = 120;

/// Width and height of a terminal.
pub(crate) type Size = (usize, usize);

/// Draws on a terminal.
pub(crate) struct Board<W> {
    out: W,
    size: fn() -> Size,
    color: bool,
    /// The components, in the order of the plan.
    components: Vec<Row>,
    /// The other steps in progress.
    steps: BTreeMap<(Phase, String), Row>,
    /// The widths of the lines that are on the screen.
    drawn: Vec<usize>,
    last: Option<Duration>,
    now: Duration,
}

/// A row of the board.
#[derive(Debug, Default)]
struct Row {
    name: String,
    state: State,
    /// Stages passed: applied, scheduled, created, started, pod ready, ready.
    stage: usize,
    /// When the first step of it started.
    began: Option<Duration>,
    /// When the step in progress started.
    since: Duration,
    /// When it was ready, or had failed.
    ended: Option<Duration>,
    /// What it waits for.
    message: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Pending,
    Starting,
    Ready,
    Failed,
}

impl<W: Write> Board<W> {
    pub(crate) fn new(out: W, size: fn() -> Size, color: bool) -> Board<W> {
        Board {
            out,
            size,
            color,
            components: Vec::new(),
            steps: BTreeMap::new(),
            drawn: Vec::new(),
            last: None,
            now: Duration::ZERO,
        }
    }

    /// Updates the rows. Returns how long a step took that ends with this event.
    fn update(&mut self, event: &Event) -> Duration {
        let component = self.components.iter_mut().find(|row| row.name == event.step);
        let is_start_up = matches!(event.phase, Phase::Deploy | Phase::Ready);
        if let (true, Some(row)) = (is_start_up, component) {
            return row.update(event);
        }
        let key = (event.phase, event.step.clone());
        match &event.kind {
            EventKind::Pending if is_start_up => {
                self.components.push(Row { name: event.step.clone(), ..Row::default() });
            }
            EventKind::Started => {
                let name = format!("{} {}", event.phase, event.step);
                self.steps.insert(key, Row { name, state: State::Starting, began: Some(event.at), ..Row::default() });
            }
            EventKind::Progress(message) => {
                if let Some(row) = self.steps.get_mut(&key) {
                    row.message = printable(message);
                }
            }
            EventKind::Finished(_) => {
                let began = self.steps.remove(&key).and_then(|row| row.began);
                return began.map(|began| event.at.saturating_sub(began)).unwrap_or_default();
            }
            _ => {}
        }
        Duration::ZERO
    }

    /// Returns the lines of the board, at most as many as fit on the screen.
    fn rows(&self, (width, height): Size) -> Vec<String> {
        let is_open = !self.steps.is_empty() || self.components.iter().any(|row| row.ended.is_none());
        if !is_open {
            return Vec::new();
        }
        let all = self.steps.values().chain(&self.components);
        let name = all.clone().map(|row| measure_text_width(&row.name)).max().unwrap_or_default().min(28);
        let width = width.saturating_sub(1).clamp(1, WIDEST);
        let mut lines: Vec<String> = Vec::new();
        for row in self.steps.values() {
            lines.push(row.line(name, None, self.now));
        }
        for row in &self.components {
            lines.push(row.line(name, Some(row.stage), self.now));
        }
        let most = height.saturating_sub(2).max(1);
        if lines.len() > most {
            let more = lines.len() - most + 1;
            lines.truncate(most - 1);
            lines.push(format!("  and {more} more"));
        }
        let masked = lines.into_iter().map(|line| Redactor::global().text(&line).into_owned());
        masked.map(|line| truncate_str(&line, width, "…").into_owned()).collect()
    }

    /// Removes what is on the screen. Lines that a narrower terminal has wrapped take several of its rows.
    fn erase(&mut self, (width, _): Size) {
        let rows: usize = self.drawn.drain(..).map(|line| line.div_ceil(width.max(1)).max(1)).sum();
        if rows > 0 {
            let _ = write!(self.out, "\r\x1b[{rows}A\x1b[J");
        }
    }

    /// Draws the board anew, below `above`.
    fn draw(&mut self, above: &[String]) {
        let size = (self.size)();
        self.erase(size);
        for line in above {
            let _ = writeln!(self.out, "{}", Redactor::global().text(line));
        }
        let dim = if self.color { Style::new().dim().force_styling(true) } else { Style::new().force_styling(false) };
        for line in self.rows(size) {
            self.drawn.push(measure_text_width(&line));
            let _ = writeln!(self.out, "{}", dim.apply_to(line));
        }
        let _ = self.out.flush();
        self.last = Some(self.now);
    }
}

impl Row {
    fn update(&mut self, event: &Event) -> Duration {
        match &event.kind {
            EventKind::Started => {
                self.began.get_or_insert(event.at);
                (self.state, self.since, self.ended) = (State::Starting, event.at, None);
            }
            EventKind::Progress(message) => self.message = printable(message),
            EventKind::Moment(moment) => {
                let stage = match moment.kind {
                    MomentKind::Scheduled => 2,
                    MomentKind::Pulled | MomentKind::Created => 3,
                    MomentKind::Started => 4,
                    MomentKind::PodReady => 5,
                    _ => 0,
                };
                self.stage = self.stage.max(stage);
            }
            EventKind::Retry { cause, .. } => self.message = printable(cause),
            EventKind::Trouble { why, .. } => {
                self.state = State::Failed;
                self.message = printable(why);
            }
            EventKind::Finished(Outcome::Failed) => (self.state, self.ended) = (State::Failed, Some(event.at)),
            EventKind::Finished(_) if event.phase == Phase::Deploy => self.stage = self.stage.max(1),
            EventKind::Finished(_) => {
                (self.state, self.stage, self.ended) = (State::Ready, STAGES, Some(event.at));
                self.message.clear();
            }
            _ => {}
        }
        if matches!(event.kind, EventKind::Finished(_)) { event.at.saturating_sub(self.since) } else { Duration::ZERO }
    }

    fn line(&self, width: usize, stage: Option<usize>, now: Duration) -> String {
        let mark = match self.state {
            State::Pending => ' ',
            State::Starting => '▸',
            State::Ready => '✓',
            State::Failed => '✗',
        };
        let bar = stage.map_or(" ".repeat(STAGES), |stage| "█".repeat(stage) + &"░".repeat(STAGES - stage.min(STAGES)));
        let time = self.began.map(|began| self.ended.unwrap_or(now).saturating_sub(began));
        let time = time.map(|time| format!("{:.1} s", time.as_secs_f64())).unwrap_or_default();
        let name = truncate_str(&self.name, width, "…");
        let pad = " ".repeat(width.saturating_sub(measure_text_width(&name)));
        format!("{mark} {name}{pad} {bar} {time:>8}  {}", self.message).trim_end().to_owned()
    }
}

impl<W: Write + Send> Console for Board<W> {
    fn show(&mut self, event: &Event) {
        self.now = self.now.max(event.at);
        let took = self.update(event);
        let above = lines(event, took);
        let is_due = self.last.is_none_or(|last| self.now >= last + PAUSE);
        if !above.is_empty() || is_due {
            self.draw(&above);
        }
    }

    fn due(&self) -> Option<Duration> {
        let is_open =
            !self.steps.is_empty() || self.components.iter().any(|row| row.began.is_some() && row.ended.is_none());
        is_open.then(|| self.last.unwrap_or_default() + PAUSE)
    }

    fn show_due(&mut self, now: Duration) {
        self.now = self.now.max(now);
        self.draw(&[]);
    }

    fn close(&mut self) {
        self.erase((self.size)());
        let _ = self.out.flush();
    }
}

#[cfg(test)]
mod tests;
