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
            "uid": "0b2f6c1e-5c2f-4f52-9a55-5f8f6c2d7a01",
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

pub(crate) fn answer_json() -> Value {
    json!({
        "investigation_id": "inv-1", "incident_id": "inc-1", "analysis": "…", "confidence": 0.92,
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

/// The usual answer, with some fields changed.
pub(crate) fn answer(changes: Value) -> Answer {
    let mut answer = answer_json();
    if let (Value::Object(answer), Value::Object(changes)) = (&mut answer, changes) {
        answer.extend(changes);
    }
    Answer::parse(answer.to_string().as_bytes()).unwrap()
}
