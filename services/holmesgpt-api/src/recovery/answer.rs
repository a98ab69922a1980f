//! What recovery analysis answers.

use serde::Serialize;
use uuid::Uuid;

use super::Recovery;
use crate::answer::{Review, ValidationAttempt, Workflow, now};

/// A way out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Strategy {
    /// What to do.
    pub action_type: String,
    /// 0 to 1.
    pub confidence: f64,
    /// Why it should help.
    pub rationale: String,
    /// `low`, `medium` or `high`.
    pub estimated_risk: String,
}

/// What is thought of the attempt that failed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Assessment {
    /// It is known why it failed.
    pub failure_understood: bool,
    /// Why it failed.
    pub failure_reason_analysis: String,
    /// The attempt changed the state of the system.
    pub state_changed: bool,
    /// The signal as it is now.
    pub current_signal_type: Option<String>,
}

/// Part of [`RecoveryFinding`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RecoveryAnalysis {
    /// What is thought of the attempt that failed.
    pub previous_attempt_assessment: Assessment,
}

/// What an investigation of a failed remedy has found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RecoveryFinding {
    /// Whether another attempt makes sense.
    pub can_recover: bool,
    /// Ways out, best first.
    pub strategies: Vec<Strategy>,
    /// The best strategy's `action_type`.
    pub primary_recommendation: Option<String>,
    /// 0 to 1.
    pub analysis_confidence: f64,
    /// The remedy, if there is one.
    pub selected_workflow: Option<Workflow>,
    /// What was found out.
    pub recovery_analysis: RecoveryAnalysis,
    /// What a person should know.
    pub warnings: Vec<String>,
    /// Whether a person must look.
    #[serde(flatten)]
    pub review: Review,
    /// The tries to get a usable answer from the model, when more than one was needed.
    pub validation_attempts_history: Vec<ValidationAttempt>,
}

/// The answer of `POST /api/v1/recovery/analyze`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RecoveryAnswer {
    /// Names this investigation, here and in the database.
    pub investigation_id: Uuid,
    /// The request's.
    pub incident_id: String,
    /// When, RFC 3339.
    pub timestamp: String,
    /// What was found.
    #[serde(flatten)]
    pub finding: RecoveryFinding,
}

impl RecoveryAnswer {
    /// The answer that tells a finding.
    pub fn new(id: Uuid, recovery: &Recovery, finding: RecoveryFinding) -> Self {
        Self { investigation_id: id, incident_id: recovery.incident_id.clone(), timestamp: now(), finding }
    }
}
