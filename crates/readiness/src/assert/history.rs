//! The states of an object while it was watched.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use super::render;

/// Number of entries kept from the start.
const FIRST: usize = 5;

/// Number of entries kept from the end.
const LAST: usize = 25;

/// Number of changes kept per entry.
const CHANGES: usize = 12;

/// The states of an object while it was watched. Of a long history only the start and the end are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    first: Vec<HistoryEntry>,
    last: VecDeque<HistoryEntry>,
    left_out: usize,
}

/// An event of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HistoryEntry {
    /// When it was observed, by the wall clock.
    pub at: Timestamp,
    /// When it was observed, since the assertion started.
    pub after: Duration,
    /// The event.
    pub event: HistoryEvent,
}

/// An event of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HistoryEvent {
    /// The object did not exist at the first list.
    Absent,
    /// The object existed at the first list.
    Found {
        /// Its generation, if its kind has generations.
        generation: Option<i64>,
    },
    /// The object was created or recreated.
    Created {
        /// Its generation, if its kind has generations.
        generation: Option<i64>,
    },
    /// The object changed.
    Changed {
        /// The fields that changed.
        changes: Vec<FieldChange>,
        /// How many more fields changed.
        more: usize,
    },
    /// The object was deleted.
    Deleted,
    /// The watch failed and was restarted.
    WatchFailed(String),
}

/// A changed field. Values are JSON, masked, and truncated to a readable length.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FieldChange {
    /// The field's path.
    pub path: String,
    /// The previous value; `None` if the field is new.
    pub before: Option<String>,
    /// The new value; `None` if the field was removed.
    pub after: Option<String>,
}

impl HistoryEvent {
    /// Returns an event with these changed fields.
    pub(super) fn changed(mut changes: Vec<FieldChange>) -> HistoryEvent {
        let more = changes.len().saturating_sub(CHANGES);
        changes.truncate(CHANGES);
        HistoryEvent::Changed { changes, more }
    }
}

impl History {
    /// Returns the kept entries, oldest first.
    pub fn entries(&self) -> impl Iterator<Item = &HistoryEntry> {
        self.first.iter().chain(&self.last)
    }

    /// Returns how many entries were left out between the first five and the last 25.
    #[must_use]
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// Adds an event that was observed `after` the start of the assertion.
    pub(super) fn push(&mut self, after: Duration, event: HistoryEvent) {
        let entry = HistoryEntry { at: Timestamp::now(), after, event };
        if self.first.len() < FIRST {
            self.first.push(entry);
            return;
        }
        self.last.push_back(entry);
        if self.last.len() > LAST {
            self.last.pop_front();
            self.left_out += 1;
        }
    }
}

/// Formats a change: `status.readyReplicas: 1 -> 2`.
impl fmt::Display for FieldChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (before, after) = (self.before.as_deref(), self.after.as_deref());
        write!(f, "{}: {} -> {}", self.path, before.unwrap_or("absent"), after.unwrap_or("absent"))
    }
}

/// Formats an entry: `+1.2 s  status.readyReplicas: 1 -> 2`; each further change on a line of its own.
impl fmt::Display for HistoryEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let after = format!("+{}", render::seconds(self.after));
        write!(f, "{after:<10} ")?;
        let generation = |it: &Option<i64>| it.map(|it| format!(", generation {it}")).unwrap_or_default();
        match &self.event {
            HistoryEvent::Absent => f.write_str("there is no such object"),
            HistoryEvent::Found { generation: it } => write!(f, "found{}", generation(it)),
            HistoryEvent::Created { generation: it } => write!(f, "created{}", generation(it)),
            HistoryEvent::Deleted => f.write_str("deleted"),
            HistoryEvent::WatchFailed(error) => write!(f, "the watch failed: {error}"),
            HistoryEvent::Changed { changes, more } => {
                let mut lines: Vec<String> = changes.iter().map(ToString::to_string).collect();
                lines.extend((*more > 0).then(|| format!("and {more} more fields")));
                f.write_str(&lines.join(&format!("\n{:11}", "")))
            }
        }
    }
}

/// Prints one line for each change. Omitted entries are counted in their place.
impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines: Vec<String> = self.first.iter().map(ToString::to_string).collect();
        lines.extend((self.left_out > 0).then(|| format!("… {} more …", self.left_out)));
        lines.extend(self.last.iter().map(ToString::to_string));
        f.write_str(&lines.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_history_keeps_its_beginning_and_its_end() {
        let mut history = History::default();
        for seconds in 0..100 {
            history.push(Duration::from_secs(seconds), HistoryEvent::Deleted);
        }
        let seconds: Vec<u64> = history.entries().map(|entry| entry.after.as_secs()).collect();
        assert_eq!(seconds, (0..5).chain(75..100).collect::<Vec<_>>());
        assert_eq!(history.left_out(), 70);
        let told = history.to_string();
        assert_eq!(told.lines().nth(5), Some("… 70 more …"), "{told}");
        assert_eq!(told.lines().nth(6), Some("+75 s      deleted"), "{told}");
    }

    #[test]
    fn a_change_of_many_fields_is_cut() {
        let field = |n: usize| FieldChange { path: format!("f{n}"), before: None, after: Some(n.to_string()) };
        let event = HistoryEvent::changed((0..CHANGES + 3).map(field).collect());
        let entry = HistoryEntry { at: Timestamp::UNIX_EPOCH, after: Duration::from_millis(1200), event };
        let told = entry.to_string();
        assert_eq!(told.lines().next(), Some("+1.2 s     f0: absent -> 0"), "{told}");
        assert_eq!(told.lines().last(), Some("           and 3 more fields"), "{told}");
        assert_eq!(told.lines().count(), CHANGES + 1);
    }
}
