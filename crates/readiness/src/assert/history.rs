//! The states an object went through while it was waited for.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use super::render;

/// Entries that are kept from the beginning.
const FIRST: usize = 5;

/// Entries that are kept from the end.
const LAST: usize = 25;

/// Changes that are kept of one entry.
const CHANGES: usize = 12;

/// The states an object went through while it was waited for. Of a long history only the beginning and the end are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    first: Vec<HistoryEntry>,
    last: VecDeque<HistoryEntry>,
    left_out: usize,
}

/// Something that happened to an object.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HistoryEntry {
    /// When it was seen, by the wall clock.
    pub at: Timestamp,
    /// When it was seen, since the assertion began.
    pub after: Duration,
    /// What happened.
    pub event: HistoryEvent,
}

/// What happened to an object.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HistoryEvent {
    /// There was no such object at the first look.
    Absent,
    /// The object was there at the first look.
    Found {
        /// Its generation, if its kind has generations.
        generation: Option<i64>,
    },
    /// The object was created, or created again.
    Created {
        /// Its generation, if its kind has generations.
        generation: Option<i64>,
    },
    /// The object changed.
    Changed {
        /// The fields that changed.
        changes: Vec<FieldChange>,
        /// How many more changed than are listed.
        more: usize,
    },
    /// The object was deleted.
    Deleted,
    /// The watch failed and was started again.
    WatchFailed(String),
}

/// A field that changed. Values are JSON, masked, and cut to a readable length.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FieldChange {
    /// The field's path.
    pub path: String,
    /// What it was before; `None` if the field is new.
    pub before: Option<String>,
    /// What it became; `None` if the field was removed.
    pub after: Option<String>,
}

impl HistoryEvent {
    /// A change of these fields.
    pub(super) fn changed(mut changes: Vec<FieldChange>) -> HistoryEvent {
        let more = changes.len().saturating_sub(CHANGES);
        changes.truncate(CHANGES);
        HistoryEvent::Changed { changes, more }
    }
}

impl History {
    /// The entries that were kept, oldest first.
    pub fn entries(&self) -> impl Iterator<Item = &HistoryEntry> {
        self.first.iter().chain(&self.last)
    }

    /// How many entries were left out between the first five and the last 25.
    #[must_use]
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// Adds what happened `after` the assertion began.
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

/// `status.readyReplicas: 1 -> 2`.
impl fmt::Display for FieldChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (before, after) = (self.before.as_deref(), self.after.as_deref());
        write!(f, "{}: {} -> {}", self.path, before.unwrap_or("absent"), after.unwrap_or("absent"))
    }
}

/// `+1.2 s  status.readyReplicas: 1 -> 2`; each further change on a line of its own.
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

/// One line for each change. What was left out is counted in its place.
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
