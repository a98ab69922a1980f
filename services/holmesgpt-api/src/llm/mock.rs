//! The deterministic mock: the same question has the same answer, always.

mod edge;
mod incident;
mod recovery;
pub mod scenario;

use std::time::Duration;

use edge::{Bend, Edge, Fault};
use futures::{FutureExt, future::BoxFuture};
use scenario::Scenario;
use serde_json::{Map, Value};

use super::{Found, Llm, LlmError};
use crate::{
    answer::{IncidentFinding, ReviewReason, ValidationAttempt, Workflow},
    incident::Incident,
    recovery::{Recovery, RecoveryFinding},
    store::Store,
};

/// Confidence of `MOCK_LOW_CONFIDENCE`, whatever is asked.
const LOW: f64 = 0.45;

/// Answers by type of signal; see [`scenario`].
pub struct Mock {
    slow: Duration,
    memory: Store,
}

impl Mock {
    /// A mock that takes `slow` over `MOCK_SLOW`, and remembers in the database whom it has failed once: then it fails
    /// once and not once more, however many replicas there are and however often they start again.
    pub fn new(slow: Duration, memory: Store) -> Self {
        Self { slow, memory }
    }

    /// Fails or waits as the signal asks for, or says how to bend the answer.
    async fn edge(&self, signal_type: &str, remediation_id: &str, incident_id: &str) -> Found<Option<Bend>> {
        match Edge::of(signal_type) {
            None => Ok(None),
            Some(Edge::Answer(bend)) => Ok(Some(bend)),
            Some(Edge::Fault(Fault::Http500)) => Err(LlmError::Injected("MOCK_HTTP_500")),
            Some(Edge::Fault(Fault::Http429)) => Err(LlmError::Busy(1)),
            Some(Edge::Fault(Fault::Http500Once)) => {
                let is_first = self.memory.remember_failure(remediation_id, incident_id).await?;
                if is_first { Err(LlmError::Injected("MOCK_HTTP_500_ONCE")) } else { Ok(None) }
            }
            Some(Edge::Fault(Fault::Slow)) => {
                #[expect(
                    clippy::disallowed_methods,
                    reason = "being slow for a given time is what this signal is for"
                )]
                tokio::time::sleep(self.slow).await;
                Ok(None)
            }
        }
    }
}

impl Llm for Mock {
    fn incident<'a>(&'a self, incident: &'a Incident) -> BoxFuture<'a, Found<IncidentFinding>> {
        let edge = self.edge(&incident.signal_type, &incident.remediation_id, &incident.incident_id);
        async move { Ok(incident::finding(incident, edge.await?)) }.boxed()
    }

    fn recovery<'a>(&'a self, recovery: &'a Recovery) -> BoxFuture<'a, Found<RecoveryFinding>> {
        let signal_type = recovery.signal_type.as_deref().unwrap_or_default();
        let edge = self.edge(signal_type, &recovery.remediation_id, &recovery.incident_id);
        async move { Ok(recovery::finding(recovery, edge.await?)) }.boxed()
    }
}

/// Why a person must look at such an answer, if one must.
fn review(bend: Option<Bend>) -> Option<ReviewReason> {
    Some(match bend? {
        Bend::NoWorkflowFound => ReviewReason::NoMatchingWorkflows,
        Bend::LowConfidence => ReviewReason::LowConfidence,
        Bend::MaxRetriesExhausted => ReviewReason::LlmParsingError,
        Bend::NotReproducible => return None,
    })
}

fn has_workflow(bend: Option<Bend>) -> bool {
    matches!(bend, None | Some(Bend::LowConfidence))
}

fn warnings(bend: Option<Bend>) -> Vec<String> {
    let warning = match bend {
        Some(Bend::NoWorkflowFound) => "no workflow fits",
        Some(Bend::LowConfidence) => "confidence is below 0.7",
        Some(Bend::MaxRetriesExhausted) => "the model gave no usable answer",
        Some(Bend::NotReproducible) | None => return Vec::new(),
    };
    vec![warning.to_owned()]
}

fn attempts(bend: Option<Bend>) -> Vec<ValidationAttempt> {
    let errors = || vec!["the model's answer is not JSON".to_owned()];
    let last = if bend == Some(Bend::MaxRetriesExhausted) { 3 } else { 0 };
    (1..=last).map(|attempt| ValidationAttempt { attempt, is_valid: false, errors: errors() }).collect()
}

fn workflow(found: Scenario, suffix: &str, confidence: f64, parameters: Map<String, Value>) -> Workflow {
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

/// Two decimals: 0.92 − 0.05 is 0.87, not 0.8700000000000001.
fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests;
