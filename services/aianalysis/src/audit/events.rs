//! The events of an analysis, each with an id that follows from what it is about: noting it again changes nothing.

use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt;
use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    api::{AIAnalysis, AIAnalysisStatus, Phase},
    hapi::{Answer, CallError, Hapi},
    policy::Decision,
};

/// An audit event as DataStorage takes it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AuditEvent {
    event_id: Uuid,
    version: &'static str,
    /// `aianalysis.phase.transition`…
    pub event_type: &'static str,
    event_category: &'static str,
    event_action: &'static str,
    event_outcome: &'static str,
    event_timestamp: String,
    correlation_id: String,
    actor_type: &'static str,
    actor_id: &'static str,
    resource_type: &'static str,
    resource_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<i64>,
    severity: &'static str,
    event_data: Map<String, Value>,
}

/// The parts in which one event differs from the other.
struct Parts {
    event_type: &'static str,
    action: &'static str,
    outcome: &'static str,
    /// Tells events of one type and object apart.
    key: String,
    duration: Option<Duration>,
    data: Value,
}

impl AuditEvent {
    fn new(object: &AIAnalysis, parts: Parts) -> Self {
        // `json!({…})` always makes an object; anything else would be kept rather than lost.
        let event_data = match parts.data {
            Value::Object(data) => data,
            other => Map::from_iter([("value".to_owned(), other)]),
        };
        let owner = object.uid().and_then(|uid| Uuid::parse_str(&uid).ok()).unwrap_or(Uuid::NAMESPACE_OID);
        Self {
            event_id: Uuid::new_v5(&owner, format!("{}/{}", parts.event_type, parts.key).as_bytes()),
            version: "1.0",
            event_type: parts.event_type,
            event_category: "analysis",
            event_action: parts.action,
            event_outcome: parts.outcome,
            event_timestamp: Timestamp::now().to_string(),
            correlation_id: object.spec.remediation_id.clone(),
            actor_type: "service",
            actor_id: "aianalysis-controller",
            resource_type: "AIAnalysis",
            resource_id: object.name_any(),
            namespace: object.namespace(),
            duration_ms: parts.duration.map(millis),
            severity: if parts.outcome == "failure" { "warning" } else { "info" },
            event_data,
        }
    }

    /// The analysis has gone from one phase to the next.
    pub fn transition(object: &AIAnalysis, old: Phase, new: Phase) -> Self {
        let (old, new) = (old.as_str(), new.as_str());
        Self::new(
            object,
            Parts {
                event_type: "aianalysis.phase.transition",
                action: "transition",
                outcome: "success",
                key: format!("{old}-{new}"),
                duration: None,
                data: json!({"old_phase": old, "new_phase": new}),
            },
        )
    }

    /// HolmesGPT-API was asked, for the `attempt`th time.
    pub fn holmesgpt_call(
        object: &AIAnalysis,
        attempt: i32,
        result: &Result<Answer, CallError>,
        took: Duration,
    ) -> Self {
        let status = match result {
            Ok(_) => Some(200),
            Err(error) => error.status(),
        };
        let mut data = json!({
            "endpoint": Hapi::endpoint(object),
            "http_status_code": status.unwrap_or(0),
            "duration_ms": millis(took),
            "attempt": attempt,
        });
        if let Err(error) = result {
            data["error"] = json!(error.to_string());
        }
        Self::new(
            object,
            Parts {
                event_type: "aianalysis.holmesgpt.call",
                action: "call",
                outcome: if result.is_ok() { "success" } else { "failure" },
                key: attempt.to_string(),
                duration: Some(took),
                data,
            },
        )
    }

    /// The policy was asked.
    pub fn rego_evaluation(object: &AIAnalysis, decision: &Decision) -> Self {
        Self::new(
            object,
            Parts {
                event_type: "aianalysis.rego.evaluation",
                action: "evaluate",
                outcome: if decision.degraded { "failure" } else { "success" },
                key: String::new(),
                duration: Some(decision.duration),
                data: json!({
                    "outcome": decision.outcome(),
                    "degraded": decision.degraded,
                    "duration_ms": millis(decision.duration),
                    "reason": decision.reason,
                }),
            },
        )
    }

    /// It is known whether a person must approve.
    pub fn approval_decision(object: &AIAnalysis, decision: &Decision) -> Self {
        Self::new(
            object,
            Parts {
                event_type: "aianalysis.approval.decision",
                action: "decide",
                outcome: "success",
                key: String::new(),
                duration: None,
                data: json!({
                    "approval_required": decision.required,
                    "approval_reason": decision.reason,
                    "auto_approved": !decision.required,
                    "decision": if decision.required { "requires_approval" } else { "auto_approved" },
                    "environment": object.spec.analysis_request.signal_context.environment,
                }),
            },
        )
    }

    /// The analysis has ended, one way or the other.
    pub fn completed(object: &AIAnalysis, status: &AIAnalysisStatus) -> Self {
        let failed = status.phase == Some(Phase::Failed);
        let workflow = status.selected_workflow.as_ref();
        Self::new(
            object,
            Parts {
                event_type: "aianalysis.analysis.completed",
                action: "complete",
                outcome: if failed { "failure" } else { "success" },
                key: String::new(),
                duration: None,
                data: json!({
                    "phase": status.phase,
                    "reason": status.reason,
                    "sub_reason": status.sub_reason,
                    "approval_required": status.approval_required,
                    "workflow_id": workflow.map(|workflow| &workflow.workflow_id),
                    "confidence": workflow.map(|workflow| workflow.confidence),
                    "investigation_id": status.investigation_id,
                }),
            },
        )
    }

    /// Something has gone wrong: `key` tells several such events of one analysis apart.
    pub fn error(object: &AIAnalysis, phase: Phase, key: &str, message: &str) -> Self {
        Self::new(
            object,
            Parts {
                event_type: "aianalysis.error.occurred",
                action: "fail",
                outcome: "failure",
                key: format!("{}/{key}", phase.as_str()),
                duration: None,
                data: json!({"phase": phase.as_str(), "error": message}),
            },
        )
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
