//! From an answer to the status.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::api::{
    AIAnalysisStatus, AlternativeWorkflow, RecoveryStatus, RootCauseAnalysis, SelectedWorkflow, ValidationAttempt,
};

/// What incident and recovery analysis answer, in one shape.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Names the investigation.
    pub investigation_id: String,
    /// 0 to 1.
    pub confidence: f64,
    /// Nothing should happen before a person has looked.
    pub needs_human_review: bool,
    /// Why.
    pub human_review_reason: Option<String>,
    /// The remedy, if there is one.
    pub selected_workflow: Option<SelectedWorkflow>,
    /// Whether another attempt makes sense; only recovery analysis says.
    pub can_recover: Option<bool>,
    root_cause: Option<RootCauseAnalysis>,
    alternatives: Vec<AlternativeWorkflow>,
    target_in_owner_chain: Option<bool>,
    warnings: Vec<String>,
    attempts: Vec<ValidationAttempt>,
    recovery: Option<RecoveryStatus>,
}

#[derive(Deserialize)]
struct Wire {
    investigation_id: Option<String>,
    incident_id: String,
    #[serde(alias = "analysis_confidence")]
    confidence: f64,
    #[serde(default)]
    needs_human_review: bool,
    human_review_reason: Option<String>,
    selected_workflow: Option<WireWorkflow>,
    root_cause_analysis: Option<WireRootCause>,
    #[serde(default)]
    alternative_workflows: Vec<WireAlternative>,
    target_in_owner_chain: Option<bool>,
    #[serde(default)]
    warnings: Vec<String>,
    #[serde(default)]
    validation_attempts_history: Vec<WireAttempt>,
    can_recover: Option<bool>,
    recovery_analysis: Option<WireRecovery>,
}

#[derive(Deserialize)]
struct WireWorkflow {
    workflow_id: String,
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
struct WireRootCause {
    summary: String,
    #[serde(default)]
    severity: String,
    #[serde(default)]
    contributing_factors: Vec<String>,
}

#[derive(Deserialize)]
struct WireAlternative {
    workflow_id: String,
    confidence: f64,
    #[serde(default)]
    rationale: String,
}

#[derive(Deserialize)]
struct WireAttempt {
    attempt: u32,
    is_valid: bool,
    #[serde(default)]
    errors: Vec<String>,
}

#[derive(Deserialize)]
struct WireRecovery {
    previous_attempt_assessment: WireAssessment,
}

#[derive(Deserialize)]
struct WireAssessment {
    failure_understood: bool,
    #[serde(default)]
    failure_reason_analysis: String,
    #[serde(default)]
    state_changed: bool,
    current_signal_type: Option<String>,
}

impl Answer {
    /// Reads an answer.
    ///
    /// # Errors
    /// What cannot be understood.
    pub fn parse(body: &[u8]) -> Result<Self, String> {
        let wire: Wire = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        if !(0.0..=1.0).contains(&wire.confidence) {
            return Err(format!("confidence {} is not between 0 and 1", wire.confidence));
        }
        let can_recover = wire.can_recover;
        Ok(Self {
            investigation_id: wire.investigation_id.unwrap_or(wire.incident_id),
            confidence: wire.confidence,
            needs_human_review: wire.needs_human_review,
            human_review_reason: wire.human_review_reason,
            selected_workflow: wire.selected_workflow.map(Into::into),
            can_recover,
            root_cause: wire.root_cause_analysis.map(Into::into),
            alternatives: wire.alternative_workflows.into_iter().map(Into::into).collect(),
            target_in_owner_chain: wire.target_in_owner_chain,
            warnings: wire.warnings,
            attempts: wire.validation_attempts_history.into_iter().map(Into::into).collect(),
            recovery: wire.recovery_analysis.map(|it| it.previous_attempt_assessment.into_status(can_recover)),
        })
    }

    /// Puts what was found into a status.
    pub fn put_into(&self, status: &mut AIAnalysisStatus) {
        let understood = self.recovery.as_ref().map(|recovery| recovery.failure_reason_analysis.clone());
        status.investigation_id = Some(self.investigation_id.clone());
        status.root_cause = self.root_cause.as_ref().map(|cause| cause.summary.clone()).or(understood);
        status.root_cause_analysis = self.root_cause.clone();
        status.selected_workflow = self.selected_workflow.clone();
        status.alternative_workflows = self.alternatives.clone();
        status.target_in_owner_chain = self.target_in_owner_chain;
        status.warnings = self.warnings.clone();
        status.validation_attempts_history = self.attempts.clone();
        status.recovery_status = self.recovery.clone();
    }
}

impl WireAssessment {
    fn into_status(self, can_recover: Option<bool>) -> RecoveryStatus {
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

impl From<WireAttempt> for ValidationAttempt {
    fn from(wire: WireAttempt) -> Self {
        Self { attempt: wire.attempt, is_valid: wire.is_valid, errors: wire.errors }
    }
}
