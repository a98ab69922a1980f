//! From an object to the question.

use kube::ResourceExt;
use serde_json::{Value, json};

use crate::api::AIAnalysis;

/// The question for an object: what HolmesGPT-API's contract requires, and what else is known.
pub(super) fn of(object: &AIAnalysis) -> Value {
    if object.spec.is_recovery_attempt { recovery(object) } else { incident(object) }
}

fn incident(object: &AIAnalysis) -> Value {
    let signal = &object.spec.analysis_request.signal_context;
    json!({
        "incident_id": incident_id(object),
        "remediation_id": object.spec.remediation_id,
        "signal_type": signal.signal_type,
        "severity": signal.severity,
        "signal_source": "kubernaut",
        "resource_namespace": signal.target_resource.namespace,
        "resource_kind": signal.target_resource.kind,
        "resource_name": signal.target_resource.name,
        "error_message": format!("{} (fingerprint {})", signal.signal_type, signal.fingerprint),
        "environment": signal.environment,
        "priority": signal.business_priority,
        "risk_tolerance": if signal.environment == "production" { "low" } else { "medium" },
        "business_category": "standard",
        "cluster_name": "default",
        "enrichment_results": signal.enrichment_results,
    })
}

fn recovery(object: &AIAnalysis) -> Value {
    let signal = &object.spec.analysis_request.signal_context;
    let previous = object.spec.previous_executions.last();
    json!({
        "incident_id": incident_id(object),
        "remediation_id": object.spec.remediation_id,
        "is_recovery_attempt": true,
        "recovery_attempt_number": object.spec.recovery_attempt_number.unwrap_or(1),
        "signal_type": signal.signal_type,
        "severity": signal.severity,
        "previous_execution": previous.map(|previous| json!({
            "workflow_id": previous.workflow_id,
            "failure_reason": previous.failure_reason,
        })),
    })
}

/// The object's own id: it stays the same when the question is asked again.
fn incident_id(object: &AIAnalysis) -> String {
    object.uid().unwrap_or_else(|| object.name_any())
}
