//! Objects that the tests start from.

use serde_json::{Value, json};

use crate::{api::AIAnalysis, hapi::Answer};

/// An analysis of a signal in an environment, as it is created.
pub(crate) fn analysis(signal_type: &str, environment: &str) -> AIAnalysis {
    serde_json::from_value(analysis_json(signal_type, environment)).unwrap()
}

pub(crate) fn analysis_json(signal_type: &str, environment: &str) -> Value {
    json!({
        "apiVersion": "kubernaut.ai/v1alpha1",
        "kind": "AIAnalysis",
        "metadata": {
            "name": "cart-oom", "namespace": "shop", "generation": 1, "resourceVersion": "1",
            "uid": UID,
        },
        "spec": {
            "remediationRequestRef": {"name": "rr-1", "namespace": "shop"},
            "remediationId": "rem-1",
            "analysisRequest": {
                "signalContext": {
                    "fingerprint": "f1", "severity": "critical", "signalType": signal_type, "environment": environment,
                    "businessPriority": "P1",
                    "targetResource": {"kind": "Deployment", "name": "cart", "namespace": "shop"},
                },
                "analysisTypes": ["incident-analysis"],
            },
        },
    })
}

/// The uid of [`analysis`], and with it the id of its incident.
pub(crate) const UID: &str = "0b2f6c1e-5c2f-4f52-9a55-5f8f6c2d7a01";

pub(crate) fn answer_json() -> Value {
    json!({
        "investigation_id": "inv-1", "incident_id": UID, "analysis": "…", "confidence": 0.92,
        "root_cause_analysis": {"summary": "too little memory", "severity": "critical", "contributing_factors": ["load"]},
        "selected_workflow": {
            "workflow_id": "mock-oomkilled-v1", "title": "Raise the limit", "version": "1.0.0",
            "container_image": "workflows.invalid/x:1", "confidence": 0.92, "rationale": "it helps",
            "parameters": {"REPLICAS": 3, "NAME": "cart"},
        },
        "alternative_workflows": [{"workflow_id": "mock-restart-v1", "confidence": 0.7, "rationale": "hides it"}],
        "target_in_owner_chain": true, "warnings": [], "needs_human_review": false, "human_review_reason": null,
        "validation_attempts_history": [], "timestamp": "2025-01-01T00:00:00Z",
    })
}

/// The usual answer, with some fields changed; read as the answer to a recovery where it says `can_recover`.
pub(crate) fn answer(changes: Value) -> Answer {
    let object = analysis("OOMKilled", "staging");
    let object = if changes.get("can_recover").is_some() { recovery(object) } else { object };
    Answer::parse(changed(changes).to_string().as_bytes(), &object).unwrap()
}

/// The usual answer, with some fields changed.
pub(crate) fn changed(changes: Value) -> Value {
    let mut answer = answer_json();
    if let (Value::Object(answer), Value::Object(changes)) = (&mut answer, changes) {
        answer.extend(changes);
    }
    answer
}

/// The same analysis, after a remedy has failed.
pub(crate) fn recovery(mut object: AIAnalysis) -> AIAnalysis {
    object.spec.is_recovery_attempt = true;
    object.spec.recovery_attempt_number = Some(1);
    object
}
