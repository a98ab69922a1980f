//! Recovery analysis: a remedy was tried and failed; what now?

use serde::Serialize;
use serde_json::Value;
use service_common::{fields::Fields, problem::FieldError};

use crate::answer::Workflow;

/// The request of `POST /api/v1/recovery/analyze`.
#[derive(Debug, Clone, PartialEq)]
pub struct Recovery {
    /// Names the incident.
    pub incident_id: String,
    /// Names the remediation that asks.
    pub remediation_id: String,
    /// `OOMKilled`, `CrashLoopBackOff`…; unknown to some callers.
    pub signal_type: Option<String>,
    /// Counted from 1.
    pub attempt: i64,
    /// Why the previous attempt failed, when the caller knows.
    pub failure_reason: Option<String>,
}

impl Recovery {
    /// Reads a request from JSON.
    ///
    /// # Errors
    /// Every field that is missing or wrong.
    pub fn parse(value: Value) -> Result<Self, Vec<FieldError>> {
        let mut fields = Fields::new(value, "").map_err(|error| vec![error])?;
        let recovery = Self {
            incident_id: fields.text("incident_id"),
            remediation_id: fields.text("remediation_id"),
            signal_type: fields.optional_text("signal_type"),
            attempt: fields.optional_integer("recovery_attempt_number", 1, 1000).unwrap_or(1),
            failure_reason: fields.optional_object("previous_execution").and_then(|previous| failure_reason(&previous)),
        };
        fields.flag("is_recovery_attempt");
        fields.finish_lenient(recovery)
    }
}

/// Callers give the failure as `failure_reason`, or as an object with a `reason`.
fn failure_reason(previous: &serde_json::Map<String, Value>) -> Option<String> {
    let reason = previous.get("failure_reason").or_else(|| previous.get("failure")?.get("reason"))?;
    reason.as_str().map(str::to_owned)
}

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

/// Part of [`RecoveryAnswer`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RecoveryAnalysis {
    /// What is thought of the attempt that failed.
    pub previous_attempt_assessment: Assessment,
}

/// The answer of `POST /api/v1/recovery/analyze`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RecoveryAnswer {
    /// Names this investigation; it can be looked up by it.
    pub investigation_id: String,
    /// The request's.
    pub incident_id: String,
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
    /// Nothing should happen before a person has looked.
    pub needs_human_review: bool,
    /// Why.
    pub human_review_reason: Option<String>,
    /// What a person should know.
    pub warnings: Vec<String>,
    /// When, RFC 3339.
    pub timestamp: String,
}
