//! What holds for any course of events.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{
    samples::{analysis, answer},
    trail,
};

/// What may happen to an analysis, with everything that makes a difference.
#[derive(Debug, Clone)]
enum Happening {
    Accepted,
    Started,
    Answered { workflow: bool, review: bool, confidence: f64, can_recover: Option<bool> },
    Unanswered { status: Option<u16>, time_is_up: bool },
    Decided { required: bool, degraded: bool },
    NothingToDecide,
}

fn happening() -> impl Strategy<Value = Happening> {
    let answered = (any::<bool>(), any::<bool>(), 0.0..=1.0, any::<Option<bool>>()).prop_map(
        |(workflow, review, confidence, can_recover)| Happening::Answered { workflow, review, confidence, can_recover },
    );
    let status = proptest::option::of(100_u16..600);
    let unanswered =
        (status, any::<bool>()).prop_map(|(status, time_is_up)| Happening::Unanswered { status, time_is_up });
    let decided =
        (any::<bool>(), any::<bool>()).prop_map(|(required, degraded)| Happening::Decided { required, degraded });
    prop_oneof![
        Just(Happening::Accepted),
        Just(Happening::Started),
        answered,
        unanswered,
        decided,
        Just(Happening::NothingToDecide),
    ]
}

/// The status and the trail after something has happened.
fn after_happening(before: &AIAnalysisStatus, happening: &Happening, now: Timestamp) -> AIAnalysisStatus {
    let (found, error, decision);
    let event = match happening {
        Happening::Accepted => Event::Accepted,
        Happening::Started => Event::Started,
        Happening::Answered { workflow, review, confidence, can_recover } => {
            let mut changes = json!({"confidence": confidence, "needs_human_review": review});
            if !workflow {
                changes["selected_workflow"] = json!(null);
            }
            if let Some(can_recover) = can_recover {
                changes["can_recover"] = json!(can_recover);
            }
            found = answer(changes);
            Event::Answered(&found, Duration::from_millis(3))
        }
        Happening::Unanswered { status, time_is_up } => {
            error = status.map_or(CallError::Network("reset".to_owned()), |status| CallError::Status {
                status,
                detail: String::new(),
            });
            Event::Unanswered { error: &error, took: Duration::ZERO, time_is_up: *time_is_up }
        }
        Happening::Decided { required, degraded } => {
            decision = Decision {
                required: *required || *degraded,
                degraded: *degraded,
                failed: *degraded,
                reason: "because".to_owned(),
                duration: Duration::ZERO,
            };
            Event::Decided(Some(&decision))
        }
        Happening::NothingToDecide => Event::Decided(None),
    };
    let mut next = after(before, &event, now);
    trail::note(&analysis("OOMKilled", "staging"), before, &event, &mut next, now);
    next
}

fn follows(old: Option<Phase>, new: Option<Phase>) -> bool {
    matches!(
        (old, new),
        (None, Some(Phase::Pending))
            | (Some(Phase::Pending), Some(Phase::Investigating))
            | (Some(Phase::Investigating), Some(Phase::Analyzing | Phase::Failed))
            | (Some(Phase::Analyzing), Some(Phase::Completed))
    )
}

proptest! {
    #[test]
    fn no_path_skips_a_phase_and_terminal_is_terminal(course in prop::collection::vec(happening(), 0..60)) {
        let mut status = AIAnalysisStatus::default();
        for (second, happening) in course.iter().enumerate() {
            let now = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(i64::try_from(second).unwrap());
            let next = after_happening(&status, happening, now);
            prop_assert!(next.phase == status.phase || follows(status.phase, next.phase), "{happening:?}");
            if status.phase.is_some_and(Phase::is_terminal) {
                prop_assert_eq!(&next, &status);
            }
            prop_assert!(next.consecutive_failures.unwrap_or(0) <= MAX_TRIES);
            prop_assert_eq!(next.reason.is_some(), next.phase.is_some_and(Phase::is_terminal));
            prop_assert_eq!(next.completed_at.is_some(), next.phase.is_some_and(Phase::is_terminal));
            status = next;
        }
    }

    /// Whatever happens, the trail has each transition once, in order, and nothing has the same id or time as another.
    #[test]
    fn the_trail_tells_what_happened_once_and_in_order(course in prop::collection::vec(happening(), 0..60)) {
        let mut status = AIAnalysisStatus::default();
        let mut phases = Vec::new();
        for (second, happening) in course.iter().enumerate() {
            let now = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(i64::try_from(second).unwrap());
            let next = after_happening(&status, happening, now);
            if let (Some(old), Some(new), true) = (status.phase, next.phase, next.phase != status.phase) {
                phases.push(json!({"old_phase": old, "new_phase": new}));
            }
            status = next;
        }
        let notes = &status.pending_audit_events;
        let transitions = notes.iter().filter(|note| note.kind == crate::api::AuditKind::Transition);
        let told: Vec<_> = transitions.map(|note| serde_json::Value::Object(note.data.clone())).collect();
        prop_assert_eq!(told, phases);
        prop_assert!(notes.is_sorted_by(|a, b| a.timestamp < b.timestamp));
        let ids: std::collections::HashSet<_> = notes.iter().map(|note| &note.id).collect();
        prop_assert_eq!(ids.len(), notes.len());
    }
}
