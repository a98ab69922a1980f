use serde_json::json;

use super::*;
use crate::{
    audit::AuditEvent,
    flow::{after, task},
    samples::{analysis, answer},
};

/// The notes of an analysis that is approved, and one that is not.
fn notes_of(required: bool, degraded: bool) -> Vec<AuditNote> {
    let object = analysis("OOMKilled", "staging");
    let found = answer(json!({}));
    let decision = Decision {
        required,
        degraded,
        failed: degraded,
        reason: "because".to_owned(),
        duration: Duration::from_millis(2),
    };
    let error = CallError::Status { status: 500, detail: "broken".to_owned() };
    let took = Duration::from_millis(7);
    let events = [
        Event::Accepted,
        Event::Started,
        Event::Unanswered { error: &error, took, time_is_up: false },
        Event::Answered(&found, took),
        Event::Decided(Some(&decision)),
    ];
    let mut status = AIAnalysisStatus::default();
    for event in &events {
        let mut next = after(&status, event, Timestamp::UNIX_EPOCH);
        note(&object, &status, event, &mut next, Timestamp::UNIX_EPOCH);
        status = next;
    }
    assert_eq!(task(status.phase), crate::flow::Task::Nothing);
    status.pending_audit_events
}

#[test]
fn the_trail_tells_of_every_step() {
    let notes = notes_of(false, false);
    let told: Vec<_> = notes.iter().map(|note| (note.kind.as_str(), note.success)).collect();
    let expected = [
        ("aianalysis.phase.transition", true),
        ("aianalysis.holmesgpt.call", false),
        ("aianalysis.error.occurred", false),
        ("aianalysis.holmesgpt.call", true),
        ("aianalysis.phase.transition", true),
        ("aianalysis.rego.evaluation", true),
        ("aianalysis.approval.decision", true),
        ("aianalysis.phase.transition", true),
        ("aianalysis.analysis.completed", true),
    ];
    assert_eq!(told, expected);
    let call = json!({"endpoint": "/api/v1/incident/analyze", "http_status_code": 200, "duration_ms": 7, "attempt": 2});
    assert_eq!(json!(notes[3].data), call);
    let evaluation = json!({"outcome": "auto_approved", "degraded": false, "duration_ms": 2, "reason": "because"});
    assert_eq!(json!(notes[5].data), evaluation);
    let approval = json!({
        "approval_required": false, "approval_reason": "because", "auto_approved": true, "decision": "auto_approved",
        "environment": "staging",
    });
    assert_eq!(json!(notes[6].data), approval);
    assert_eq!(notes[8].data["workflow_id"], "mock-oomkilled-v1");
}

#[test]
fn a_policy_that_fails_is_an_error_that_occurred() {
    let notes = notes_of(true, true);
    let error = notes.iter().rfind(|note| note.kind == AuditKind::Error).unwrap();
    assert_eq!(json!(error.data), json!({"phase": "Analyzing", "error": "because"}));
}

#[test]
fn the_same_course_of_events_makes_the_same_events() {
    let (first, second) = (notes_of(false, false), notes_of(false, false));
    assert_eq!(first, second);
    let object = analysis("OOMKilled", "staging");
    let event = serde_json::to_value(AuditEvent::of(&object, &first[0])).unwrap();
    assert_eq!(event["event_id"], json!(first[0].id));
    assert_eq!(event["event_timestamp"], "1970-01-01T00:00:00.000000Z");
    assert_eq!((&event["correlation_id"], &event["resource_id"]), (&json!("rem-1"), &json!("cart-oom")));
}

#[test]
fn a_deletion_is_noted_once() {
    let object = analysis("OOMKilled", "staging");
    let mut status = AIAnalysisStatus::default();
    assert!(note_deleted(&object, &mut status, Timestamp::UNIX_EPOCH));
    assert!(!note_deleted(&object, &mut status, Timestamp::now()));
    assert_eq!(status.pending_audit_events.len(), 1);
}
