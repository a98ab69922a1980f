//! What a person who approves should know.

use crate::{
    api::{AIAnalysisStatus, ApprovalContext, PolicyEvaluation},
    policy::{self, Decision},
};

/// The context of a decision that asks for a person.
pub fn context(status: &AIAnalysisStatus, decision: &Decision) -> ApprovalContext {
    let confidence = status.selected_workflow.as_ref().map_or(0.0, |workflow| workflow.confidence);
    let cause = status.root_cause_analysis.clone().unwrap_or_default();
    let workflow = status.selected_workflow.as_ref();
    let alternatives = status.alternative_workflows.iter();
    ApprovalContext {
        reason: decision.reason.clone(),
        confidence_score: confidence,
        confidence_level: level(confidence).to_owned(),
        investigation_summary: cause.summary,
        evidence_collected: cause.contributing_factors,
        recommended_actions: workflow.map(|it| format!("{} ({})", it.title, it.workflow_id)).into_iter().collect(),
        alternatives_considered: alternatives.map(|it| format!("{}: {}", it.workflow_id, it.rationale)).collect(),
        why_approval_required: decision.reason.clone(),
        policy_evaluation: PolicyEvaluation {
            policy_name: policy::PACKAGE.to_owned(),
            decision: decision.outcome().to_owned(),
            degraded: decision.degraded,
        },
    }
}

fn level(confidence: f64) -> &'static str {
    match confidence {
        high if high >= 0.8 => "high",
        medium if medium >= 0.6 => "medium",
        _ => "low",
    }
}

#[cfg(test)]
mod tests {
    use super::level;

    #[test]
    fn levels_begin_where_they_say() {
        let said: Vec<_> = [0.8, 0.79, 0.6, 0.59, f64::NAN].into_iter().map(level).collect();
        assert_eq!(said, ["high", "medium", "medium", "low", "low"]);
    }
}
