//! The request of `POST /api/v1/incident/analyze`.

use serde::Serialize;
use serde_json::{Map, Value};
use service_common::{fields::Fields, problem::FieldError};

/// How grave an incident can be.
pub const SEVERITIES: &[&str] = &["critical", "high", "medium", "low", "warning", "info", "unknown"];

/// Longest error message that is read, in characters.
pub const MESSAGE_LIMIT: usize = 16 * 1024;

/// An incident to be investigated: all that is kept of the request, and all that a model is told.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Incident {
    /// Names the incident.
    pub incident_id: String,
    /// Names the remediation that asks.
    pub remediation_id: String,
    /// `OOMKilled`, `CrashLoopBackOff`…
    pub signal_type: String,
    /// One of [`SEVERITIES`].
    pub severity: String,
    /// Who noticed.
    pub signal_source: String,
    /// Namespace of the resource.
    pub resource_namespace: String,
    /// Kind of the resource.
    pub resource_kind: String,
    /// Name of the resource.
    pub resource_name: String,
    /// What was reported.
    pub error_message: String,
    /// `production`, `staging`…
    pub environment: String,
    /// How urgent it is to the business.
    pub priority: String,
    /// How much may go wrong with a remedy.
    pub risk_tolerance: String,
    /// What the resource is for.
    pub business_category: String,
    /// The cluster it happened in.
    pub cluster_name: String,
    /// What else is known of the resource and its surroundings.
    pub enrichment_results: Map<String, Value>,
}

impl Incident {
    /// Reads an incident from JSON.
    ///
    /// # Errors
    /// Every field that is missing or wrong.
    pub fn parse(value: Value) -> Result<Self, Vec<FieldError>> {
        let mut fields = Fields::new(value, "").map_err(|error| vec![error])?;
        let incident = Self {
            incident_id: fields.text("incident_id"),
            remediation_id: fields.text("remediation_id"),
            signal_type: fields.text("signal_type"),
            severity: fields.word("severity", SEVERITIES),
            signal_source: fields.text("signal_source"),
            resource_namespace: fields.text("resource_namespace"),
            resource_kind: fields.text("resource_kind"),
            resource_name: fields.text("resource_name"),
            error_message: fields.text_up_to("error_message", MESSAGE_LIMIT),
            environment: fields.text("environment"),
            priority: fields.text("priority"),
            risk_tolerance: fields.text("risk_tolerance"),
            business_category: fields.text("business_category"),
            cluster_name: fields.text("cluster_name"),
            enrichment_results: fields.optional_object("enrichment_results").unwrap_or_default(),
        };
        check_owners(&mut fields, incident.owner_chain());
        fields.finish_lenient(incident)
    }

    fn owner_chain(&self) -> Option<&Value> {
        self.enrichment_results.get("ownerChain").filter(|chain| !chain.is_null())
    }

    /// Whether the resource is the end of its own owner chain. Without a chain there is nothing to contradict it.
    pub fn target_in_owner_chain(&self) -> bool {
        let Some(Value::Array(owners)) = self.owner_chain() else { return true };
        owners.is_empty()
            || owners.iter().any(|owner| {
                owner["kind"].as_str() == Some(&self.resource_kind)
                    && owner["name"].as_str() == Some(&self.resource_name)
            })
    }
}

/// The one part of the enrichment that is decided by: a chain that cannot be understood must not count as none.
fn check_owners(fields: &mut Fields, chain: Option<&Value>) {
    const NAME: &str = "enrichment_results.ownerChain";
    let owners = match chain {
        None => return,
        Some(Value::Array(owners)) => owners,
        Some(_) => return fields.reject(NAME, "must be an array"),
    };
    for (index, owner) in owners.iter().enumerate() {
        for part in ["kind", "name"] {
            if owner[part].as_str().is_none_or(str::is_empty) {
                fields.reject(&format!("{NAME}[{index}].{part}"), "must be a string that is not empty");
            }
        }
    }
}

#[cfg(test)]
#[path = "incident_tests.rs"]
pub(crate) mod tests;
