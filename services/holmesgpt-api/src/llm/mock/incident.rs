//! What the mock finds in an incident.

use serde_json::{Map, Value, json};

use super::{
    LOW, attempts,
    edge::Bend,
    has_workflow, review, round,
    scenario::{self, Scenario},
    warnings, workflow,
};
use crate::{
    answer::{Alternative, IncidentFinding, RootCause},
    incident::Incident,
};

pub(super) fn finding(incident: &Incident, bend: Option<Bend>) -> IncidentFinding {
    let found = scenario::find(&incident.signal_type);
    let confidence = match bend {
        None => found.confidence,
        Some(Bend::LowConfidence) => LOW,
        Some(Bend::NotReproducible) => 0.85,
        Some(Bend::NoWorkflowFound | Bend::MaxRetriesExhausted) => 0.0,
    };
    let has_workflow = has_workflow(bend);
    IncidentFinding {
        analysis: analysis(incident, found, bend),
        root_cause_analysis: RootCause {
            summary: found.cause.to_owned(),
            severity: incident.severity.clone(),
            contributing_factors: found.factors.iter().map(|factor| (*factor).to_owned()).collect(),
        },
        selected_workflow: has_workflow.then(|| workflow(found, "", confidence, parameters(incident))),
        alternative_workflows: has_workflow.then(|| alternative(confidence)).into_iter().collect(),
        confidence,
        warnings: warnings(bend),
        review: review(bend).into(),
        validation_attempts_history: attempts(bend),
    }
}

fn analysis(incident: &Incident, found: Scenario, bend: Option<Bend>) -> String {
    let Incident { signal_type, resource_kind, resource_namespace, resource_name, .. } = incident;
    let end = if bend == Some(Bend::NotReproducible) { "; the problem has gone by itself" } else { "" };
    format!("{signal_type} on {resource_kind} {resource_namespace}/{resource_name}: {}{end}", found.cause)
}

fn alternative(confidence: f64) -> Alternative {
    Alternative {
        workflow_id: "mock-restart-v1".to_owned(),
        confidence: round(confidence - 0.2),
        rationale: "a restart would hide the cause for a while".to_owned(),
    }
}

fn parameters(incident: &Incident) -> Map<String, Value> {
    Map::from_iter([
        ("TARGET_KIND".to_owned(), json!(incident.resource_kind)),
        ("TARGET_NAME".to_owned(), json!(incident.resource_name)),
        ("TARGET_NAMESPACE".to_owned(), json!(incident.resource_namespace)),
    ])
}
