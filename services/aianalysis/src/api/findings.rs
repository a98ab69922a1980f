//! What an investigation has found, and what a person who approves is told.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The root cause.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RootCauseAnalysis {
    /// In one sentence.
    pub summary: String,
    /// How grave.
    pub severity: String,
    /// What added to it.
    pub contributing_factors: Vec<String>,
}

/// A remedy that can be run.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SelectedWorkflow {
    /// Names the workflow.
    pub workflow_id: String,
    /// For people.
    pub title: String,
    /// Version of the workflow.
    pub version: String,
    /// Image that runs it.
    pub container_image: String,
    /// 0 to 1.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub confidence: f64,
    /// Why this one.
    pub rationale: String,
    /// What it is run with.
    pub parameters: BTreeMap<String, String>,
}

/// A remedy that was thought of but not chosen.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct AlternativeWorkflow {
    /// Names the workflow.
    pub workflow_id: String,
    /// 0 to 1.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub confidence: f64,
    /// Why it was thought of, and not chosen.
    pub rationale: String,
}

/// What a person who approves should know.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalContext {
    /// Why a person is asked.
    pub reason: String,
    /// 0 to 1.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub confidence_score: f64,
    /// `high` from .8, `medium` from .6, else `low`.
    #[schemars(extend("enum" = ["high", "medium", "low"]))]
    pub confidence_level: String,
    /// What was found.
    pub investigation_summary: String,
    /// What speaks for it.
    pub evidence_collected: Vec<String>,
    /// What should be done.
    pub recommended_actions: Vec<String>,
    /// What else was thought of.
    pub alternatives_considered: Vec<String>,
    /// Why the policy wants a person.
    pub why_approval_required: String,
    /// What the policy said.
    pub policy_evaluation: PolicyEvaluation,
}

/// What the policy said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicyEvaluation {
    /// Names the policy.
    pub policy_name: String,
    /// `approval_required`, `auto_approved` or `error`.
    #[schemars(extend("enum" = ["approval_required", "auto_approved", "error"]))]
    pub decision: String,
    /// The policy could not be asked, or it was not the newest one that was asked.
    pub degraded: bool,
}

/// One try to get a usable answer from the model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ValidationAttempt {
    /// Counted from 1.
    pub attempt: u32,
    /// Whether the answer could be used.
    pub is_valid: bool,
    /// Why it could not.
    pub errors: Vec<String>,
}

/// What was found out about an attempt that failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RecoveryStatus {
    /// Another attempt makes sense.
    pub can_recover: bool,
    /// It is known why it failed.
    pub failure_understood: bool,
    /// Why it failed.
    pub failure_reason_analysis: String,
    /// The attempt changed the state of the system.
    pub state_changed: bool,
    /// The signal as it is now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_signal_type: Option<String>,
}
