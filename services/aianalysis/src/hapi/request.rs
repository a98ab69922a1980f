//! From an object to the question.

use kube::ResourceExt;
use serde_json::{Value, json};

use crate::api::{AIAnalysis, PreviousExecution};

/// The question for an object: what HolmesGPT-API's contract requires, and what else is known.
pub(super) fn of(object: &AIAnalysis) -> Value {
    if object.spec.is_recovery_attempt { recovery(object) } else { incident(object) }
}

fn incident(object: &AIAnalysis) -> Value {
    let signal = &object.spec.analysis_request.signal_context;
    let mut question = common(object);
    question["signal_source"] = json!("kubernaut");
    question["priority"] = json!(signal.business_priority);
    question["risk_tolerance"] = json!(if signal.environment == "production" { "low" } else { "medium" });
    question["business_category"] = json!("standard");
    question["cluster_name"] = json!("default");
    question
}

fn recovery(object: &AIAnalysis) -> Value {
    let previous = &object.spec.previous_executions;
    let mut question = common(object);
    question["is_recovery_attempt"] = json!(true);
    question["recovery_attempt_number"] = json!(object.spec.recovery_attempt_number.unwrap_or(1));
    question["previous_execution"] = json!(previous.last().map(execution));
    question["previous_executions"] = previous.iter().map(execution).collect();
    question
}

/// What both questions say.
fn common(object: &AIAnalysis) -> Value {
    let signal = &object.spec.analysis_request.signal_context;
    json!({
        "incident_id": incident_id(object),
        "remediation_id": object.spec.remediation_id,
        "signal_type": signal.signal_type,
        "severity": signal.severity,
        "error_message": format!("{} (fingerprint {})", signal.signal_type, signal.fingerprint),
        "environment": signal.environment,
        "resource_namespace": signal.target_resource.namespace,
        "resource_kind": signal.target_resource.kind,
        "resource_name": signal.target_resource.name,
        "enrichment_results": signal.enrichment_results,
    })
}

fn execution(previous: &PreviousExecution) -> Value {
    json!({
        "workflow_id": previous.workflow_id,
        "failure_reason": previous.failure_reason,
        "failed_at": previous.failed_at,
    })
}

/// The object's own id: it stays the same when the question is asked again.
pub(super) fn incident_id(object: &AIAnalysis) -> String {
    object.uid().unwrap_or_else(|| object.name_any())
}
