//! Answers as they come over the wire.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::api::{
    AIAnalysis, AlternativeWorkflow, RecoveryStatus, RootCauseAnalysis, SelectedWorkflow, ValidationAttempt,
};

#[derive(Deserialize)]
pub(super) struct Wire {
    pub(super) investigation_id: Option<String>,
    pub(super) incident_id: String,
    #[serde(alias = "analysis_confidence")]
    pub(super) confidence: f64,
    #[serde(default)]
    pub(super) needs_human_review: bool,
    pub(super) human_review_reason: Option<String>,
    pub(super) selected_workflow: Option<WireWorkflow>,
    pub(super) root_cause_analysis: Option<WireRootCause>,
    #[serde(default)]
    pub(super) alternative_workflows: Vec<WireAlternative>,
    pub(super) target_in_owner_chain: Option<bool>,
    #[serde(default)]
    pub(super) warnings: Vec<String>,
    #[serde(default)]
    pub(super) validation_attempts_history: Vec<WireAttempt>,
    pub(super) can_recover: Option<bool>,
    #[serde(default)]
    pub(super) strategies: Vec<WireStrategy>,
    pub(super) recovery_analysis: Option<WireRecovery>,
}

#[derive(Deserialize)]
pub(super) struct WireWorkflow {
    pub(super) workflow_id: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    container_image: String,
    confidence: f64,
    #[serde(default)]
    rationale: String,
    #[serde(default)]
    parameters: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
pub(super) struct WireRootCause {
    summary: String,
    #[serde(default)]
    severity: String,
    #[serde(default)]
    contributing_factors: Vec<String>,
}

#[derive(Deserialize)]
pub(super) struct WireAlternative {
    pub(super) workflow_id: String,
    confidence: f64,
    #[serde(default)]
    rationale: String,
}

#[derive(Deserialize)]
pub(super) struct WireStrategy {
    action_type: String,
    confidence: f64,
    #[serde(default)]
    rationale: String,
}

#[derive(Deserialize)]
pub(super) struct WireAttempt {
    attempt: u32,
    is_valid: bool,
    #[serde(default)]
    errors: Vec<String>,
}

#[derive(Deserialize)]
pub(super) struct WireRecovery {
    pub(super) previous_attempt_assessment: WireAssessment,
}

#[derive(Deserialize)]
pub(super) struct WireAssessment {
    failure_understood: bool,
    #[serde(default)]
    failure_reason_analysis: String,
    #[serde(default)]
    state_changed: bool,
    current_signal_type: Option<String>,
}

impl Wire {
    /// What the types cannot tell.
    pub(super) fn check(&self, object: &AIAnalysis) -> Result<(), String> {
        let asked = super::request::incident_id(object);
        if self.incident_id != asked {
            return Err(format!("it is about incident {:?}, not {asked:?}", self.incident_id));
        }
        let is_recovery = object.spec.is_recovery_attempt;
        if is_recovery && self.can_recover.is_none() {
            return Err("missing field `can_recover`".to_owned());
        }
        if !is_recovery && self.root_cause_analysis.is_none() && !self.needs_human_review {
            return Err("missing field `root_cause_analysis`".to_owned());
        }
        let selected = self.selected_workflow.iter().map(|it| (it.workflow_id.as_str(), it.confidence));
        let others = self.alternative_workflows.iter().map(|it| (it.workflow_id.as_str(), it.confidence));
        let strategies = self.strategies.iter().map(|it| (it.action_type.as_str(), it.confidence));
        for (name, confidence) in selected.chain(others).chain(strategies).chain([("the answer", self.confidence)]) {
            if name.trim().is_empty() {
                return Err("a workflow has no id".to_owned());
            }
            if !(0.0..=1.0).contains(&confidence) {
                return Err(format!("confidence {confidence} of {name} is not between 0 and 1"));
            }
        }
        Ok(())
    }
}

impl WireAssessment {
    pub(super) fn into_status(self, can_recover: Option<bool>) -> RecoveryStatus {
        RecoveryStatus {
            can_recover: can_recover.unwrap_or(true),
            failure_understood: self.failure_understood,
            failure_reason_analysis: self.failure_reason_analysis,
            state_changed: self.state_changed,
            current_signal_type: self.current_signal_type,
        }
    }
}

impl From<WireWorkflow> for SelectedWorkflow {
    fn from(wire: WireWorkflow) -> Self {
        let text = |value: Value| if let Value::String(text) = value { text } else { value.to_string() };
        Self {
            workflow_id: wire.workflow_id,
            title: wire.title,
            version: wire.version,
            container_image: wire.container_image,
            confidence: wire.confidence,
            rationale: wire.rationale,
            parameters: wire.parameters.into_iter().map(|(name, value)| (name, text(value))).collect(),
        }
    }
}

impl From<WireRootCause> for RootCauseAnalysis {
    fn from(wire: WireRootCause) -> Self {
        let WireRootCause { summary, severity, contributing_factors } = wire;
        Self { summary, severity, contributing_factors }
    }
}

impl From<WireAlternative> for AlternativeWorkflow {
    fn from(wire: WireAlternative) -> Self {
        Self { workflow_id: wire.workflow_id, confidence: wire.confidence, rationale: wire.rationale }
    }
}

impl From<WireStrategy> for AlternativeWorkflow {
    fn from(wire: WireStrategy) -> Self {
        Self { workflow_id: wire.action_type, confidence: wire.confidence, rationale: wire.rationale }
    }
}

impl From<WireAttempt> for ValidationAttempt {
    fn from(wire: WireAttempt) -> Self {
        Self { attempt: wire.attempt, is_valid: wire.is_valid, errors: wire.errors }
    }
}
