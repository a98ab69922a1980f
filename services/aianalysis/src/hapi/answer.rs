//! An answer: from the wire to the status.

use super::wire::Wire;
use crate::api::{
    AIAnalysis, AIAnalysisStatus, AlternativeWorkflow, RecoveryStatus, RootCauseAnalysis, SelectedWorkflow,
    ValidationAttempt,
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

impl Answer {
    /// Reads the answer to the question about `object`.
    ///
    /// # Errors
    /// What cannot be understood: it is not JSON, a field is missing, a confidence is none, it is about something else.
    pub fn parse(body: &[u8], object: &AIAnalysis) -> Result<Self, String> {
        let wire: Wire = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        wire.check(object)?;
        let can_recover = wire.can_recover;
        // A recovery's strategies are workflows as well; the first is the one that was selected.
        let selected = wire.selected_workflow.as_ref().map(|workflow| workflow.workflow_id.clone());
        let strategies = wire.strategies.into_iter().map(AlternativeWorkflow::from);
        let strategies = strategies.filter(|strategy| Some(&strategy.workflow_id) != selected.as_ref());
        Ok(Self {
            investigation_id: wire.investigation_id.unwrap_or(wire.incident_id),
            confidence: wire.confidence,
            needs_human_review: wire.needs_human_review,
            human_review_reason: wire.human_review_reason,
            selected_workflow: wire.selected_workflow.map(Into::into),
            can_recover,
            root_cause: wire.root_cause_analysis.map(Into::into),
            alternatives: wire.alternative_workflows.into_iter().map(Into::into).chain(strategies).collect(),
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
