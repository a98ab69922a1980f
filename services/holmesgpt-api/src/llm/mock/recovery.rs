//! What the mock finds after a remedy failed.

use serde_json::{Map, json};

use super::{LOW, attempts, edge::Bend, has_workflow, review, round, scenario, warnings, workflow};
use crate::{
    answer::Workflow,
    recovery::{Assessment, Recovery, RecoveryAnalysis, RecoveryFinding, Strategy},
};

/// So much less sure is the mock when a remedy has failed already.
const DOUBT: f64 = 0.05;

pub(super) fn finding(recovery: &Recovery, bend: Option<Bend>) -> RecoveryFinding {
    let found = scenario::find(recovery.signal_type.as_deref().unwrap_or_default());
    let confidence = match bend {
        None => round(found.confidence - DOUBT),
        Some(Bend::LowConfidence) => round(LOW - DOUBT),
        Some(Bend::NotReproducible) => 0.85,
        Some(Bend::NoWorkflowFound | Bend::MaxRetriesExhausted) => 0.0,
    };
    let parameters = Map::from_iter([("ATTEMPT".to_owned(), json!(recovery.recovery_attempt_number.to_string()))]);
    let selected = has_workflow(bend).then(|| workflow(found, "-recovery", confidence, parameters));
    RecoveryFinding {
        can_recover: bend != Some(Bend::NotReproducible),
        strategies: selected.iter().map(strategy).collect(),
        primary_recommendation: selected.as_ref().map(|workflow| workflow.workflow_id.clone()),
        analysis_confidence: confidence,
        selected_workflow: selected,
        recovery_analysis: RecoveryAnalysis { previous_attempt_assessment: assessment(recovery) },
        warnings: warnings(bend),
        review: review(bend).into(),
        validation_attempts_history: attempts(bend),
    }
}

fn strategy(workflow: &Workflow) -> Strategy {
    Strategy {
        action_type: workflow.workflow_id.clone(),
        confidence: workflow.confidence,
        rationale: workflow.rationale.clone(),
        estimated_risk: "low".to_owned(),
    }
}

fn assessment(recovery: &Recovery) -> Assessment {
    let reason = recovery.failure_reason();
    Assessment {
        failure_understood: reason.is_some(),
        failure_reason_analysis: reason.map_or_else(
            || "nothing is known of the previous attempt".to_owned(),
            |reason| format!("attempt {} failed: {reason}", recovery.recovery_attempt_number),
        ),
        state_changed: false,
        current_signal_type: recovery.signal_type.clone(),
    }
}
