//! An audit event as DataStorage takes it.

use kube::ResourceExt;
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::api::{AIAnalysis, AuditKind, AuditNote};

/// An audit event as DataStorage takes it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AuditEvent {
    /// DataStorage keeps one event of an id, however often it is sent.
    pub event_id: Uuid,
    version: &'static str,
    /// `aianalysis.phase.transition`…
    pub event_type: &'static str,
    event_category: &'static str,
    event_action: &'static str,
    event_outcome: &'static str,
    event_timestamp: String,
    correlation_id: String,
    actor_type: &'static str,
    actor_id: &'static str,
    resource_type: &'static str,
    resource_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<i64>,
    severity: &'static str,
    event_data: Map<String, Value>,
}

impl AuditEvent {
    /// The event of a note that an object keeps.
    pub fn of(object: &AIAnalysis, note: &AuditNote) -> Self {
        let severity = match (note.success, note.kind) {
            (true, _) => "info",
            (false, AuditKind::Error) => "error",
            (false, _) => "warning",
        };
        Self {
            event_id: id(note),
            version: "1.0",
            event_type: note.kind.as_str(),
            event_category: "analysis",
            event_action: note.kind.action(),
            event_outcome: if note.success { "success" } else { "failure" },
            event_timestamp: note.timestamp.clone(),
            correlation_id: object.spec.remediation_id.clone(),
            actor_type: "service",
            actor_id: "aianalysis-controller",
            resource_type: "AIAnalysis",
            resource_id: object.name_any(),
            namespace: object.namespace(),
            duration_ms: note.duration_ms,
            severity,
            event_data: note.data.clone(),
        }
    }
}

/// A note's id. Whoever wrote something else there gets an id that follows from it.
pub(super) fn id(note: &AuditNote) -> Uuid {
    Uuid::parse_str(&note.id).unwrap_or_else(|_| Uuid::new_v5(&Uuid::NAMESPACE_OID, note.id.as_bytes()))
}
