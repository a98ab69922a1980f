//! What a person who approves should know.

use crate::{
    api::{AIAnalysisStatus, ApprovalContext, PolicyEvaluation},
    policy::{self, Decision},
};

/// The context of a decision that asks for a person.
pub fn context(status: &AIAnalysisStatus, decision: &Decision) -> ApprovalContext {
    let workflow = status.selected_workflow.as_ref();
    let confidence = workflow.map_or(0.0, |workflow| workflow.confidence);
    let alternatives = status.alternative_workflows.iter();
    let detail = if decision.failed {
        "the policy could not be asked, so a person must decide"
    } else if decision.degraded {
        "the newest policy cannot be used; the last good one asks for a person"
    } else {
        "a rule of the policy asks for a person"
    };
    ApprovalContext {
        reason: decision.reason.clone(),
        confidence_score: confidence,
        confidence_level: level(confidence).to_owned(),
        investigation_summary: status.root_cause.clone().unwrap_or_default(),
        evidence_collected: evidence(status),
        recommended_actions: workflow.map(|it| format!("{} ({})", it.title, it.workflow_id)).into_iter().collect(),
        alternatives_considered: alternatives.map(|it| format!("{}: {}", it.workflow_id, it.rationale)).collect(),
        why_approval_required: format!("{detail}: {}", decision.reason),
        policy_evaluation: PolicyEvaluation {
            policy_name: policy::PACKAGE.to_owned(),
            decision: decision.outcome().to_owned(),
            degraded: decision.degraded,
        },
    }
}

/// What speaks for what was found: of the incident, of the attempt that failed, and what to beware of.
fn evidence(status: &AIAnalysisStatus) -> Vec<String> {
    let mut evidence = status.root_cause_analysis.as_ref().map_or_else(Vec::new, |it| it.contributing_factors.clone());
    if let Some(recovery) = &status.recovery_status {
        evidence.push(format!("the previous attempt: {}", recovery.failure_reason_analysis));
        if recovery.state_changed {
            evidence.push("the previous attempt has changed the state of the system".to_owned());
        }
    }
    if status.target_in_owner_chain == Some(false) {
        evidence.push("the target is not in its owner chain".to_owned());
    }
    evidence.extend(status.warnings.iter().cloned());
    evidence
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
