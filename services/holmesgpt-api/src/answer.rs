//! What HAPI answers: the parts that incident and recovery analysis share, and the incident's answer.

use chrono::{SecondsFormat, Utc};
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::incident::Incident;

/// Below this confidence a person must look.
pub const CONFIDENT: f64 = 0.7;

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

/// Why a person must look before anything happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewReason {
    /// There is a problem, and no workflow for it.
    NoMatchingWorkflows,
    /// The finding is not much more than a guess.
    LowConfidence,
    /// The model gave no usable answer.
    LlmParsingError,
}

/// Whether a person must look, and why.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Review {
    /// Nothing should happen before a person has looked.
    pub needs_human_review: bool,
    /// Why.
    pub human_review_reason: Option<ReviewReason>,
}

impl From<Option<ReviewReason>> for Review {
    fn from(reason: Option<ReviewReason>) -> Self {
        Self { needs_human_review: reason.is_some(), human_review_reason: reason }
    }
}

/// What an investigation of an incident has found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IncidentFinding {
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
    /// What a person should know.
    pub warnings: Vec<String>,
    /// Whether a person must look.
    #[serde(flatten)]
    pub review: Review,
    /// The tries to get a usable answer from the model, when more than one was needed.
    pub validation_attempts_history: Vec<ValidationAttempt>,
}

/// The answer of `POST /api/v1/incident/analyze`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IncidentAnswer {
    /// Names this investigation, here and in the database.
    pub investigation_id: Uuid,
    /// The request's.
    pub incident_id: String,
    /// When, RFC 3339.
    pub timestamp: String,
    /// Whether the remedy's target is the resource or one of its owners.
    pub target_in_owner_chain: bool,
    /// What was found.
    #[serde(flatten)]
    pub finding: IncidentFinding,
}

impl IncidentAnswer {
    /// The answer that tells a finding.
    pub fn new(id: Uuid, incident: &Incident, mut finding: IncidentFinding) -> Self {
        let target_in_owner_chain = incident.target_in_owner_chain();
        if !target_in_owner_chain {
            finding.warnings.push("the target is not in the owner chain".to_owned());
        }
        let incident_id = incident.incident_id.clone();
        Self { investigation_id: id, incident_id, timestamp: now(), target_in_owner_chain, finding }
    }
}

/// This moment, in RFC 3339.
pub(crate) fn now() -> String {
    Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true)
}
