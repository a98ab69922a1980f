//! What an analysis leaves in the audit trail: notes that are written into its status together with what they tell of.
//!
//! A note's id follows from the object and from what happened to it, and its time is kept with it. Sent again, by this
//! controller or by the next one, it is the same event.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    api::{AIAnalysis, AIAnalysisStatus, AuditKind, AuditNote, Phase},
    flow::Event,
    hapi::{Answer, CallError, Hapi},
    policy::Decision,
};

/// Adds to `next` what `event` leaves in the trail; `before` is the status that it met.
pub fn note(
    object: &AIAnalysis,
    before: &AIAnalysisStatus,
    event: &Event<'_>,
    next: &mut AIAnalysisStatus,
    now: Timestamp,
) {
    if next == before {
        return;
    }
    let mut writer = Writer { object, now, notes: &mut next.pending_audit_events };
    let attempt = before.consecutive_failures.unwrap_or(0).saturating_add(1);
    match event {
        Event::Answered(answer, took) => writer.call(attempt, Ok(answer), *took),
        Event::Unanswered { error, took, .. } => {
            writer.call(attempt, Err(error), *took);
            writer.error(Phase::Investigating, &attempt.to_string(), &error.to_string());
        }
        Event::Decided(Some(decision)) => writer.decision(decision),
        Event::Accepted | Event::Started | Event::Decided(None) => {}
    }
    let (Some(old), Some(new)) = (before.phase, next.phase) else { return };
    if old == new {
        return;
    }
    writer.transition(old, new);
    if new.is_terminal() {
        let data = completed(next);
        Writer { object, now, notes: &mut next.pending_audit_events }.completed(new, data);
    }
}

/// Adds that the object is being deleted before its analysis has ended. False when that is said already.
pub fn note_deleted(object: &AIAnalysis, next: &mut AIAnalysisStatus, now: Timestamp) -> bool {
    let before = next.pending_audit_events.len();
    let phase = next.phase.unwrap_or_default();
    let mut writer = Writer { object, now, notes: &mut next.pending_audit_events };
    writer.error(phase, "deleted", "deleted before the analysis had ended");
    next.pending_audit_events.len() > before
}

struct Writer<'a> {
    object: &'a AIAnalysis,
    now: Timestamp,
    notes: &'a mut Vec<AuditNote>,
}

impl Writer<'_> {
    /// `key` tells events of one kind and object apart.
    fn add(&mut self, kind: AuditKind, key: &str, success: bool, took: Option<Duration>, data: Value) {
        let owner = self.object.uid().and_then(|uid| Uuid::parse_str(&uid).ok()).unwrap_or(Uuid::NAMESPACE_OID);
        let id = Uuid::new_v5(&owner, format!("{}/{key}", kind.as_str()).as_bytes()).to_string();
        if self.notes.iter().any(|note| note.id == id) {
            return;
        }
        // A microsecond apart, so that the order in which things happened can be read from their times.
        let place = i64::try_from(self.notes.len()).unwrap_or(0);
        let time = self.now.checked_add(SignedDuration::from_micros(place)).unwrap_or(self.now);
        let data = match data {
            Value::Object(data) => data,
            other => Map::from_iter([("value".to_owned(), other)]),
        };
        let timestamp = format!("{time:.6}");
        self.notes.push(AuditNote { id, kind, timestamp, success, duration_ms: took.map(millis), data });
    }

    fn call(&mut self, attempt: i32, result: Result<&Answer, &CallError>, took: Duration) {
        let status = match result {
            Ok(_) => Some(200),
            Err(error) => error.status(),
        };
        let mut data = json!({
            "endpoint": Hapi::endpoint(self.object),
            "http_status_code": status.unwrap_or(0),
            "duration_ms": millis(took),
            "attempt": attempt,
        });
        if let Err(error) = result {
            data["error"] = json!(error.to_string());
        }
        self.add(AuditKind::Call, &attempt.to_string(), result.is_ok(), Some(took), data);
    }

    fn decision(&mut self, decision: &Decision) {
        let evaluation = json!({
            "outcome": decision.outcome(),
            "degraded": decision.degraded,
            "duration_ms": millis(decision.duration),
            "reason": decision.reason,
        });
        self.add(AuditKind::Evaluation, "", !decision.failed, Some(decision.duration), evaluation);
        let approval = json!({
            "approval_required": decision.required,
            "approval_reason": decision.reason,
            "auto_approved": !decision.required,
            "decision": decision.word(),
            "environment": self.object.spec.analysis_request.signal_context.environment,
        });
        self.add(AuditKind::Decision, "", true, None, approval);
        if decision.degraded {
            self.error(Phase::Analyzing, "policy", &decision.reason);
        }
    }

    fn transition(&mut self, old: Phase, new: Phase) {
        let (old, new) = (old.as_str(), new.as_str());
        let data = json!({"old_phase": old, "new_phase": new});
        self.add(AuditKind::Transition, &format!("{old}-{new}"), true, None, data);
    }

    fn completed(&mut self, phase: Phase, data: Value) {
        self.add(AuditKind::Completed, "", phase == Phase::Completed, None, data);
    }

    fn error(&mut self, phase: Phase, key: &str, message: &str) {
        let phase = phase.as_str();
        self.add(AuditKind::Error, &format!("{phase}/{key}"), false, None, json!({"phase": phase, "error": message}));
    }
}

fn completed(status: &AIAnalysisStatus) -> Value {
    let workflow = status.selected_workflow.as_ref();
    json!({
        "phase": status.phase,
        "reason": status.reason,
        "sub_reason": status.sub_reason,
        "approval_required": status.approval_required,
        "workflow_id": workflow.map(|workflow| &workflow.workflow_id),
        "confidence": workflow.map(|workflow| workflow.confidence),
        "investigation_id": status.investigation_id,
        "degraded_mode": status.degraded_mode,
    })
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[path = "trail_tests.rs"]
mod tests;
