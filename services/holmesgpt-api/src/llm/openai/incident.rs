//! What the model finds in an incident.

use serde_json::{Map, Value};
use service_common::fields::Fields;

use super::{
    CatalogueEntry,
    reading::{self, TEXT_LIMIT, fraction, objects, texts, workflow, workflow_id},
};
use crate::{
    answer::{Alternative, CONFIDENT, IncidentFinding, ReviewReason, RootCause},
    incident::{Incident, SEVERITIES},
};

/// Reads the model's answer.
pub(super) fn read(answer: Map<String, Value>, catalogue: &[CatalogueEntry]) -> Result<IncidentFinding, Vec<String>> {
    reading::read(answer, |fields| {
        let analysis = fields.text_up_to("analysis", TEXT_LIMIT);
        let root_cause = root_cause(fields);
        let confidence = fraction(fields, "confidence");
        let is_resolved = fields.flag("problem_resolved");
        let selected_workflow = workflow(fields, catalogue);
        let alternative_workflows = objects(fields, "alternative_workflows", |fields| Alternative {
            workflow_id: workflow_id(fields, catalogue),
            confidence: fraction(fields, "confidence"),
            rationale: fields.text_up_to("rationale", TEXT_LIMIT),
        });
        let warnings = texts(fields, "warnings");
        if is_resolved && selected_workflow.is_some() {
            fields.reject("problem_resolved", "must be false when a workflow is selected");
        }
        let review = match &selected_workflow {
            None if !is_resolved => Some(ReviewReason::NoMatchingWorkflows),
            _ if confidence < CONFIDENT => Some(ReviewReason::LowConfidence),
            _ => None,
        };
        Some(IncidentFinding {
            analysis,
            root_cause_analysis: root_cause?,
            selected_workflow,
            alternative_workflows,
            confidence,
            warnings,
            review: review.into(),
            validation_attempts_history: Vec::new(),
        })
    })
}

fn root_cause(fields: &mut Fields) -> Option<RootCause> {
    reading::must_object(fields, "root_cause_analysis", |fields| RootCause {
        summary: fields.text_up_to("summary", TEXT_LIMIT),
        severity: fields.word("severity", SEVERITIES),
        contributing_factors: texts(fields, "contributing_factors"),
    })
}

/// What is found when the model gives no usable answer.
pub(super) fn nothing(incident: &Incident) -> IncidentFinding {
    IncidentFinding {
        analysis: "the language model gave no usable answer".to_owned(),
        root_cause_analysis: RootCause {
            summary: "not known".to_owned(),
            severity: incident.severity.clone(),
            contributing_factors: Vec::new(),
        },
        selected_workflow: None,
        alternative_workflows: Vec::new(),
        confidence: 0.0,
        warnings: vec!["the language model gave no usable answer".to_owned()],
        review: Some(ReviewReason::LlmParsingError).into(),
        validation_attempts_history: Vec::new(),
    }
}
