//! An audit event as an object keeps it until DataStorage has it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::schema;

/// What an audit event tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize, JsonSchema)]
pub enum AuditKind {
    /// The analysis has gone from one phase to the next.
    #[serde(rename = "aianalysis.phase.transition")]
    Transition,
    /// HolmesGPT-API was asked.
    #[serde(rename = "aianalysis.holmesgpt.call")]
    Call,
    /// The policy was asked.
    #[serde(rename = "aianalysis.rego.evaluation")]
    Evaluation,
    /// It is known whether a person must approve.
    #[serde(rename = "aianalysis.approval.decision")]
    Decision,
    /// The analysis has ended, one way or the other.
    #[serde(rename = "aianalysis.analysis.completed")]
    Completed,
    /// Something has gone wrong.
    #[serde(rename = "aianalysis.error.occurred")]
    Error,
}

impl AuditKind {
    /// The event's type, as DataStorage has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Transition => "aianalysis.phase.transition",
            Self::Call => "aianalysis.holmesgpt.call",
            Self::Evaluation => "aianalysis.rego.evaluation",
            Self::Decision => "aianalysis.approval.decision",
            Self::Completed => "aianalysis.analysis.completed",
            Self::Error => "aianalysis.error.occurred",
        }
    }

    /// The verb.
    pub fn action(self) -> &'static str {
        match self {
            Self::Transition => "transition",
            Self::Call => "call",
            Self::Evaluation => "evaluate",
            Self::Decision => "decide",
            Self::Completed => "complete",
            Self::Error => "fail",
        }
    }
}

/// An audit event as an object keeps it: what does not follow from the object itself.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditNote {
    /// Follows from the object and what happened to it: the same event never has another.
    #[schemars(length(min = 36, max = 36))]
    pub id: String,
    /// What it tells of.
    #[serde(rename = "type")]
    pub kind: AuditKind,
    /// When it happened, RFC 3339, to the microsecond.
    pub timestamp: String,
    /// It tells of something that went as it should.
    pub success: bool,
    /// How long it took, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub duration_ms: Option<i64>,
    /// What else there is to tell.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[schemars(schema_with = "schema::any_object")]
    pub data: Map<String, Value>,
}
