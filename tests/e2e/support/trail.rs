//! The audit trail of an analysis.

use anyhow::{Result, ensure};
use serde_json::Value;

use super::AuditEvent;

/// What the trail of a cycle without trouble consists of, in order.
pub(crate) const CYCLE: [&str; 7] = [
    "aianalysis.phase.transition",
    "aianalysis.holmesgpt.call",
    "aianalysis.phase.transition",
    "aianalysis.rego.evaluation",
    "aianalysis.approval.decision",
    "aianalysis.phase.transition",
    "aianalysis.analysis.completed",
];

/// Events in the order in which they happened.
#[derive(Debug)]
pub(crate) struct Trail(pub(crate) Vec<AuditEvent>);

impl Trail {
    /// Events as DataStorage answers them: newest first.
    pub(super) fn newest_first(mut events: Vec<AuditEvent>) -> Trail {
        events.reverse();
        Trail(events)
    }

    /// The events of one type.
    pub(crate) fn all(&self, event_type: &str) -> Vec<&AuditEvent> {
        self.0.iter().filter(|event| event.event_type == event_type).collect()
    }

    /// The one event of this type.
    pub(crate) fn only(&self, event_type: &str) -> Result<&AuditEvent> {
        let all = self.all(event_type);
        ensure!(all.len() == 1, "{} events of type {event_type} in {:#?}", all.len(), self.0);
        Ok(all[0])
    }

    /// Types of all events.
    pub(crate) fn types(&self) -> Vec<&str> {
        self.0.iter().map(|event| event.event_type.as_str()).collect()
    }

    /// Types of all events, sorted: for comparisons where the order in the same millisecond does not matter.
    pub(crate) fn sorted_types(&self) -> Vec<&str> {
        let mut types = self.types();
        types.sort_unstable();
        types
    }

    /// The phases that were left and entered.
    pub(crate) fn transitions(&self) -> Vec<(&str, &str)> {
        let transitions = self.all("aianalysis.phase.transition").into_iter();
        transitions.map(|event| (text(event, "old_phase"), text(event, "new_phase"))).collect()
    }

    /// The end has been noted, in both forms in which it is.
    pub(super) fn is_complete(&self) -> bool {
        let last = self.transitions().last().map(|(_, new)| *new);
        matches!(last, Some("Completed" | "Failed")) && !self.all("aianalysis.analysis.completed").is_empty()
    }
}

fn text<'a>(event: &'a AuditEvent, field: &str) -> &'a str {
    event.event_data.get(field).and_then(Value::as_str).unwrap_or("(none)")
}
