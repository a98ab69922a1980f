//! What was found.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where an analysis stands, and what it has found.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct AIAnalysisStatus {
    /// The generation of the spec that this status is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Where the analysis stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Why the analysis ended as it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The same, more precisely.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub_reason: Option<SubReason>,
    /// When the investigation began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When the analysis ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Time>,
    /// The root cause in one sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_cause: Option<String>,
    /// The root cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_cause_analysis: Option<RootCauseAnalysis>,
    /// The remedy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selected_workflow: Option<SelectedWorkflow>,
    /// Other remedies.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alternative_workflows: Vec<AlternativeWorkflow>,
    /// A person must approve before the workflow is run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval_required: Option<bool>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval_reason: Option<String>,
    /// What a person who approves should know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval_context: Option<ApprovalContext>,
    /// Names the investigation at HolmesGPT-API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub investigation_id: Option<String>,
    /// How long the investigation took, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub investigation_time: Option<i64>,
    /// Whether the target is in its owner chain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_in_owner_chain: Option<bool>,
    /// What a person should know.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// The tries that HolmesGPT-API needed for a usable answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub validation_attempts_history: Vec<ValidationAttempt>,
    /// The policy could not be asked; a person must approve for that reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub degraded_mode: Option<bool>,
    /// Calls of HolmesGPT-API that failed since the last that did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consecutive_failures: Option<i32>,
    /// What was found out about the attempt that failed, when this is a recovery.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovery_status: Option<RecoveryStatus>,
    /// The usual conditions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

/// Where an analysis stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, Serialize, JsonSchema)]
pub enum Phase {
    /// Seen by the controller.
    #[default]
    Pending,
    /// HolmesGPT-API is asked.
    Investigating,
    /// The policy is asked.
    Analyzing,
    /// There is an answer.
    Completed,
    /// There is none.
    Failed,
}

impl Phase {
    /// Every phase.
    pub const ALL: [Self; 5] = [Self::Pending, Self::Investigating, Self::Analyzing, Self::Completed, Self::Failed];

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Investigating => "Investigating",
            Self::Analyzing => "Analyzing",
            Self::Completed => "Completed",
            Self::Failed => "Failed",
        }
    }

    /// Nothing follows.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }
}

/// Why an analysis ended as it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize, JsonSchema)]
pub enum Reason {
    /// There is a workflow.
    AnalysisCompleted,
    /// None is needed.
    WorkflowNotNeeded,
    /// One is needed, and none can be trusted.
    WorkflowResolutionFailed,
    /// Another attempt makes no sense.
    RecoveryNotPossible,
    /// HolmesGPT-API could not be asked.
    APIError,
}

/// [`Reason`], more precisely.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize, JsonSchema)]
pub enum SubReason {
    /// The problem has gone by itself.
    ProblemResolved,
    /// No workflow fits.
    NoMatchingWorkflows,
    /// One fits, but not well.
    LowConfidence,
    /// The model's answers were unusable.
    LLMParsingError,
    /// A person must look for another reason.
    InvestigationInconclusive,
    /// It failed, again and again.
    MaxRetriesExceeded,
    /// It was refused; asking again would change nothing.
    PermanentError,
}

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
    pub confidence: f64,
    /// Why it was thought of, and not chosen.
    pub rationale: String,
}

/// What a person who approves should know.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ApprovalContext {
    /// Why a person is asked.
    pub reason: String,
    /// 0 to 1.
    pub confidence_score: f64,
    /// `high` from .8, `medium` from .6, else `low`.
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
#[serde(rename_all = "camelCase", default)]
pub struct PolicyEvaluation {
    /// Names the policy.
    pub policy_name: String,
    /// `approval_required`, `auto_approved` or `error`.
    pub decision: String,
    /// The policy could not be asked.
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
