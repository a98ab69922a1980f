//! The request of `POST /api/v1/recovery/analyze`: a remedy was tried and failed; what now?

mod answer;

pub use answer::{Assessment, RecoveryAnalysis, RecoveryAnswer, RecoveryFinding, Strategy};
use serde::Serialize;
use serde_json::{Map, Value};
use service_common::{fields::Fields, problem::FieldError};

use crate::incident::{MESSAGE_LIMIT, SEVERITIES};

/// Most attempts that anybody makes.
const ATTEMPTS_LIMIT: i64 = 1000;

/// A remedy that failed: all that is kept of the request, and all that a model is told.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Recovery {
    /// Names the incident.
    pub incident_id: String,
    /// Names the remediation that asks.
    pub remediation_id: String,
    /// `false` when nothing was tried yet.
    pub is_recovery_attempt: bool,
    /// Counted from 1.
    pub recovery_attempt_number: i64,
    /// What was tried last, and how it failed; `None` when the caller does not know.
    pub previous_execution: Option<Map<String, Value>>,
    /// `OOMKilled`, `CrashLoopBackOff`…; unknown to some callers, like all that follows.
    pub signal_type: Option<String>,
    /// One of [`SEVERITIES`].
    pub severity: Option<String>,
    /// What was reported.
    pub error_message: Option<String>,
    /// `production`, `staging`…
    pub environment: Option<String>,
    /// Namespace of the resource.
    pub resource_namespace: Option<String>,
    /// Kind of the resource.
    pub resource_kind: Option<String>,
    /// Name of the resource.
    pub resource_name: Option<String>,
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
            is_recovery_attempt: fields.flag("is_recovery_attempt"),
            recovery_attempt_number: fields.optional_integer("recovery_attempt_number", 1, ATTEMPTS_LIMIT).unwrap_or(1),
            previous_execution: fields.optional_object("previous_execution"),
            signal_type: fields.optional_text("signal_type"),
            severity: fields.optional_word("severity", SEVERITIES),
            error_message: fields.optional_text_up_to("error_message", MESSAGE_LIMIT),
            environment: fields.optional_text("environment"),
            resource_namespace: fields.optional_text("resource_namespace"),
            resource_kind: fields.optional_text("resource_kind"),
            resource_name: fields.optional_text("resource_name"),
        };
        fields.finish_lenient(recovery)
    }

    /// Why the previous attempt failed. Callers give it as `failure_reason`, or as an object with a `reason`.
    pub fn failure_reason(&self) -> Option<&str> {
        let previous = self.previous_execution.as_ref()?;
        previous.get("failure_reason").or_else(|| previous.get("failure")?.get("reason"))?.as_str()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_failure_is_found_where_callers_put_it() {
        let with = |previous: Value| {
            let request = json!({"incident_id": "i", "remediation_id": "r", "previous_execution": previous});
            Recovery::parse(request).unwrap().failure_reason().map(str::to_owned)
        };
        assert_eq!(with(json!({"failure_reason": "too late"})).as_deref(), Some("too late"));
        assert_eq!(with(json!({"failure": {"reason": "too late"}})).as_deref(), Some("too late"));
        assert_eq!(with(json!({"failure": "too late"})), None);
        assert_eq!(with(Value::Null), None);
    }

    #[test]
    fn every_wrong_field_is_named() {
        let request = json!({
            "incident_id": 7, "is_recovery_attempt": "yes", "recovery_attempt_number": 0,
            "previous_execution": [], "signal_type": "", "severity": "terrible", "error_message": ["x"],
        });
        let fields: Vec<_> = Recovery::parse(request).unwrap_err().into_iter().map(|error| error.field).collect();
        let expected = [
            "incident_id",
            "remediation_id",
            "is_recovery_attempt",
            "recovery_attempt_number",
            "previous_execution",
            "signal_type",
            "severity",
            "error_message",
        ];
        assert_eq!(fields, expected);
    }
}
