//! What HAPI answers: the parts that incident and recovery analysis share, and the incident's answer.

use serde::Serialize;
use serde_json::{Map, Value};

/// A remedy that can be run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Workflow {
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
    pub parameters: Map<String, Value>,
}

/// A remedy that was thought of but not chosen.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Alternative {
    /// Names the workflow.
    pub workflow_id: String,
    /// 0 to 1.
    pub confidence: f64,
    /// Why it was thought of, and not chosen.
    pub rationale: String,
}

/// What caused the incident.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RootCause {
    /// In one sentence.
    pub summary: String,
    /// How grave.
    pub severity: String,
    /// What added to it.
    pub contributing_factors: Vec<String>,
}

/// One try to get a usable answer from the model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ValidationAttempt {
    /// Counted from 1.
    pub attempt: u32,
    /// Whether the answer could be used.
    pub is_valid: bool,
    /// Why it could not.
    pub errors: Vec<String>,
}

/// The answer of `POST /api/v1/incident/analyze`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IncidentAnswer {
    /// Names this investigation; it can be looked up by it.
    pub investigation_id: String,
    /// The request's.
    pub incident_id: String,
    /// What was found, in words.
    pub analysis: String,
    /// What caused it.
    pub root_cause_analysis: RootCause,
    /// The remedy, if there is one.
    pub selected_workflow: Option<Workflow>,
    /// Other remedies.
    pub alternative_workflows: Vec<Alternative>,
    /// 0 to 1.
    pub confidence: f64,
    /// When, RFC 3339.
    pub timestamp: String,
    /// Whether the remedy's target is the resource or one of its owners.
    pub target_in_owner_chain: bool,
    /// What a person should know.
    pub warnings: Vec<String>,
    /// Nothing should happen before a person has looked.
    pub needs_human_review: bool,
    /// Why.
    pub human_review_reason: Option<String>,
    /// The tries to get a usable answer from the model, when more than one was needed.
    pub validation_attempts_history: Vec<ValidationAttempt>,
}
