//! The deterministic mock: the same question has the same answer, always.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use chrono::{SecondsFormat, Utc};
use futures::{FutureExt, future::BoxFuture};
use serde_json::{Map, json};
use uuid::Uuid;

use super::{
    Llm, LlmError,
    scenario::{self, Edge, Scenario},
};
use crate::{
    answer::{Alternative, IncidentAnswer, RootCause, ValidationAttempt, Workflow},
    incident::Incident,
    recovery::{Assessment, Recovery, RecoveryAnalysis, RecoveryAnswer, Strategy},
};

/// Most incidents whose first failure is remembered; then all are forgotten, and may fail once more.
const REMEMBERED: usize = 10_000;

/// Answers by type of signal; see [`scenario`].
pub struct Mock {
    slow: Duration,
    failed_once: Mutex<HashSet<String>>,
}

impl Mock {
    /// A mock that takes `slow` over `MOCK_SLOW`.
    pub fn new(slow: Duration) -> Self {
        Self { slow, failed_once: Mutex::default() }
    }

    /// Fails or waits as the signal asks for.
    async fn inject(&self, edge: Option<Edge>, incident_id: &str) -> Result<(), LlmError> {
        match edge {
            Some(Edge::Http500) => Err(LlmError::Failed("MOCK_HTTP_500".to_owned())),
            Some(Edge::Http429) => Err(LlmError::Busy(1)),
            Some(Edge::Http500Once) if self.is_first(incident_id) => {
                Err(LlmError::Failed("MOCK_HTTP_500_ONCE".to_owned()))
            }
            Some(Edge::Slow) => {
                #[expect(
                    clippy::disallowed_methods,
                    reason = "being slow for a given time is what this signal is for"
                )]
                tokio::time::sleep(self.slow).await;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn is_first(&self, incident_id: &str) -> bool {
        let mut failed = self.failed_once.lock().unwrap_or_else(PoisonError::into_inner);
        if failed.len() >= REMEMBERED {
            failed.clear();
        }
        failed.insert(incident_id.to_owned())
    }
}

impl Llm for Mock {
    fn incident<'a>(&'a self, id: Uuid, incident: &'a Incident) -> BoxFuture<'a, Result<IncidentAnswer, LlmError>> {
        async move {
            let edge = Edge::of(&incident.signal_type);
            self.inject(edge, &incident.incident_id).await?;
            Ok(incident_answer(id, incident, edge))
        }
        .boxed()
    }

    fn recovery<'a>(&'a self, id: Uuid, recovery: &'a Recovery) -> BoxFuture<'a, Result<RecoveryAnswer, LlmError>> {
        async move {
            let edge = recovery.signal_type.as_deref().and_then(Edge::of);
            self.inject(edge, &recovery.incident_id).await?;
            Ok(recovery_answer(id, recovery, edge))
        }
        .boxed()
    }
}

fn incident_answer(id: Uuid, incident: &Incident, edge: Option<Edge>) -> IncidentAnswer {
    let found = scenario::find(&incident.signal_type);
    let target = format!("{} {}/{}", incident.resource_kind, incident.resource_namespace, incident.resource_name);
    let mut answer = IncidentAnswer {
        investigation_id: id.to_string(),
        incident_id: incident.incident_id.clone(),
        analysis: format!("{} on {target}: {}", incident.signal_type, found.cause),
        root_cause_analysis: RootCause {
            summary: found.cause.to_owned(),
            severity: incident.severity.clone(),
            contributing_factors: found.factors.iter().map(|factor| (*factor).to_owned()).collect(),
        },
        selected_workflow: Some(workflow(found, "", found.confidence, parameters(incident))),
        alternative_workflows: vec![Alternative {
            workflow_id: "mock-restart-v1".to_owned(),
            confidence: round(found.confidence - 0.2),
            rationale: "a restart would hide the cause for a while".to_owned(),
        }],
        confidence: found.confidence,
        timestamp: now(),
        target_in_owner_chain: incident.target_in_owner_chain(),
        warnings: Vec::new(),
        needs_human_review: false,
        human_review_reason: None,
        validation_attempts_history: Vec::new(),
    };
    if !answer.target_in_owner_chain {
        answer.warnings.push("the target is not in the owner chain".to_owned());
    }
    bend(&mut answer, edge);
    answer
}

/// Makes of an ordinary answer what the signal asks for.
fn bend(answer: &mut IncidentAnswer, edge: Option<Edge>) {
    match edge {
        Some(Edge::NoWorkflowFound) => review(answer, "no_matching_workflows", 0.0),
        Some(Edge::MaxRetriesExhausted) => {
            review(answer, "llm_parsing_error", 0.0);
            answer.validation_attempts_history = (1..=3).map(unusable).collect();
        }
        Some(Edge::LowConfidence) => {
            answer.confidence = 0.45;
            if let Some(workflow) = &mut answer.selected_workflow {
                workflow.confidence = 0.45;
            }
            answer.needs_human_review = true;
            answer.human_review_reason = Some("low_confidence".to_owned());
            answer.warnings.push("confidence is below 0.7".to_owned());
        }
        Some(Edge::NotReproducible) => {
            answer.selected_workflow = None;
            answer.alternative_workflows.clear();
            answer.confidence = 0.85;
            answer.analysis.push_str("; the problem has gone by itself");
        }
        Some(Edge::Http500Once | Edge::Http500 | Edge::Http429 | Edge::Slow) | None => {}
    }
}

fn review(answer: &mut IncidentAnswer, reason: &str, confidence: f64) {
    answer.selected_workflow = None;
    answer.alternative_workflows.clear();
    answer.confidence = confidence;
    answer.needs_human_review = true;
    answer.human_review_reason = Some(reason.to_owned());
    answer.warnings.push(format!("a person must look: {reason}"));
}

fn unusable(attempt: u32) -> ValidationAttempt {
    ValidationAttempt { attempt, is_valid: false, errors: vec!["the model's answer is not JSON".to_owned()] }
}

fn recovery_answer(id: Uuid, recovery: &Recovery, edge: Option<Edge>) -> RecoveryAnswer {
    let found = scenario::find(recovery.signal_type.as_deref().unwrap_or_default());
    let confidence = if edge == Some(Edge::LowConfidence) { 0.40 } else { round(found.confidence - 0.05) };
    let can_recover = edge != Some(Edge::NotReproducible);
    let review = match edge {
        Some(Edge::NoWorkflowFound) => Some("no_matching_workflows"),
        Some(Edge::MaxRetriesExhausted) => Some("llm_parsing_error"),
        Some(Edge::LowConfidence) => Some("low_confidence"),
        _ => None,
    };
    let has_workflow = can_recover && !matches!(edge, Some(Edge::NoWorkflowFound | Edge::MaxRetriesExhausted));
    let parameters = Map::from_iter([("ATTEMPT".to_owned(), json!(recovery.attempt.to_string()))]);
    let selected = has_workflow.then(|| workflow(found, "-recovery", confidence, parameters));
    RecoveryAnswer {
        investigation_id: id.to_string(),
        incident_id: recovery.incident_id.clone(),
        can_recover,
        strategies: selected.iter().map(strategy).collect(),
        primary_recommendation: selected.as_ref().map(|workflow| workflow.workflow_id.clone()),
        analysis_confidence: confidence,
        selected_workflow: selected,
        recovery_analysis: RecoveryAnalysis { previous_attempt_assessment: assessment(recovery) },
        needs_human_review: review.is_some(),
        human_review_reason: review.map(str::to_owned),
        warnings: review.map(|reason| format!("a person must look: {reason}")).into_iter().collect(),
        timestamp: now(),
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
    let reason = recovery.failure_reason.as_deref();
    Assessment {
        failure_understood: reason.is_some(),
        failure_reason_analysis: reason.map_or_else(
            || "nothing is known of the previous attempt".to_owned(),
            |reason| format!("attempt {} failed: {reason}", recovery.attempt),
        ),
        state_changed: false,
        current_signal_type: recovery.signal_type.clone(),
    }
}

fn workflow(found: Scenario, suffix: &str, confidence: f64, parameters: Map<String, serde_json::Value>) -> Workflow {
    Workflow {
        workflow_id: format!("mock-{}-v1{suffix}", found.slug),
        title: found.remedy.to_owned(),
        version: "1.0.0".to_owned(),
        container_image: format!("workflows.invalid/mock-{}:1.0.0", found.slug),
        confidence,
        rationale: format!("it removes the cause: {}", found.cause),
        parameters,
    }
}

fn parameters(incident: &Incident) -> Map<String, serde_json::Value> {
    Map::from_iter([
        ("TARGET_KIND".to_owned(), json!(incident.resource_kind)),
        ("TARGET_NAME".to_owned(), json!(incident.resource_name)),
        ("TARGET_NAMESPACE".to_owned(), json!(incident.resource_namespace)),
    ])
}

/// Two decimals: 0.92 − 0.05 is 0.87, not 0.8700000000000001.
fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

fn now() -> String {
    Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
#[path = "mock_tests.rs"]
mod tests;
