//! What was found.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    AlternativeWorkflow, ApprovalContext, AuditNote, Reason, RecoveryStatus, RootCauseAnalysis, SelectedWorkflow,
    SubReason, ValidationAttempt, schema,
};

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
    #[schemars(schema_with = "schema::time")]
    pub started_at: Option<Time>,
    /// When the analysis ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::time")]
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
    /// How long HolmesGPT-API took over its answer, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
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
    #[schemars(range(min = 0))]
    pub consecutive_failures: Option<i32>,
    /// What was found out about the attempt that failed, when this is a recovery.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovery_status: Option<RecoveryStatus>,
    /// The usual conditions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,
    /// Audit events that DataStorage is not known to have. Written with what they tell of, taken out when it has them:
    /// whatever happens to the controller in between, they are sent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pending_audit_events: Vec<AuditNote>,
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
