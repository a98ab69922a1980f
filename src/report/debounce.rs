//! Debounces a step's messages where there is no terminal: a change is printed once it has lasted for a while.

use std::time::Duration;

use super::Phase;

/// Reasons of an unready object change often: one is printed once it has lasted this long,
const SETTLED: Duration = Duration::from_secs(1);
/// or when reasons have kept changing for this long.
const RESTLESS: Duration = Duration::from_secs(5);
/// The pause between two lines of any other long step, whose messages are another program's output.
const PAUSE: Duration = Duration::from_secs(10);

/// A step's current message, and which messages were printed. Times count from the start of the run.
#[derive(Debug)]
pub(super) struct Changes {
    settled: Duration,
    restless: Duration,
    pause: Duration,
    said: Duration,
    line: String,
    waiting: Option<Waiting>,
}

/// A message that has not been printed yet.
#[derive(Debug)]
struct Waiting {
    message: String,
    first: Duration,
    last: Duration,
}

impl Changes {
    /// Returns the state of a step of `phase` that started at `at`.
    pub(super) fn new(phase: Phase, at: Duration) -> Changes {
        let (settled, restless, pause) = match phase {
            Phase::Ready => (SETTLED, RESTLESS, Duration::ZERO),
            _ => (Duration::ZERO, Duration::ZERO, PAUSE),
        };
        Changes { settled, restless, pause, said: at, line: String::new(), waiting: None }
    }

    /// Sets the step's current message.
    pub(super) fn say(&mut self, message: String, at: Duration) {
        if message == self.line {
            self.waiting = None;
            return;
        }
        match &mut self.waiting {
            Some(waiting) if waiting.message == message => {}
            Some(waiting) => (waiting.message, waiting.last) = (message, at),
            None => self.waiting = Some(Waiting { message, first: at, last: at }),
        }
    }

    /// Returns when the current message is due.
    pub(super) fn due(&self) -> Option<Duration> {
        let waiting = self.waiting.as_ref()?;
        let settled = (waiting.last + self.settled).min(waiting.first + self.restless);
        Some(settled.max(self.said + self.pause))
    }

    /// Returns the line that is due.
    pub(super) fn take(&mut self, now: Duration) -> Option<&str> {
        if self.due().is_none_or(|due| due > now) {
            return None;
        }
        self.line = self.waiting.take()?.message;
        self.said = now;
        Some(&self.line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes messages and their times, in tenths of a second; returns the printed lines with theirs.
    fn lines(phase: Phase, said: &[(u64, &str)]) -> Vec<(u64, String)> {
        let tenths = |tenths: u64| Duration::from_millis(100 * tenths);
        let mut changes = Changes::new(phase, Duration::ZERO);
        let mut lines = Vec::new();
        for now in 0..300 {
            if let Some((_, message)) = said.iter().find(|(at, _)| *at == now) {
                changes.say((*message).into(), tenths(now));
            }
            lines.extend(changes.take(tenths(now)).map(|line| (now, line.to_owned())));
        }
        lines
    }

    #[test]
    fn a_reason_that_stands_has_one_line() {
        let said = [(0, "pulling"), (3, "creating"), (50, "creating"), (60, "crashed"), (64, "creating")];
        assert_eq!(lines(Phase::Ready, &said), [(13, "creating".into())]);
    }

    #[test]
    fn reasons_that_never_stand_have_a_line_now_and_then() {
        let names: Vec<_> = (0..100u64).map(|number| (number, format!("try {number}"))).collect();
        let said: Vec<_> = names.iter().map(|(at, text)| (*at, text.as_str())).collect();
        assert_eq!(lines(Phase::Ready, &said), [(50, "try 50".into()), (99 + 2, "try 99".into())]);
    }

    #[test]
    fn another_programs_output_has_a_line_every_ten_seconds_though_it_falls_silent() {
        let said = [(0, "step 1"), (20, "step 2"), (110, "step 3"), (120, "step 4")];
        assert_eq!(lines(Phase::Cluster, &said), [(100, "step 2".into()), (200, "step 4".into())]);
    }
}
