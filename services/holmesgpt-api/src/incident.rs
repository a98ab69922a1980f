//! The request of `POST /api/v1/incident/analyze`.

use serde_json::{Map, Value};
use service_common::{fields::Fields, problem::FieldError};

/// How grave an incident can be.
pub const SEVERITIES: &[&str] = &["critical", "high", "medium", "low", "warning", "info", "unknown"];

/// Longest error message that is read, in characters.
const MESSAGE_LIMIT: usize = 16 * 1024;

/// An incident to be investigated.
#[derive(Debug, Clone, PartialEq)]
pub struct Incident {
    /// Names the incident.
    pub incident_id: String,
    /// Names the remediation that asks.
    pub remediation_id: String,
    /// `OOMKilled`, `CrashLoopBackOff`…
    pub signal_type: String,
    /// One of [`SEVERITIES`].
    pub severity: String,
    /// Kind of the resource.
    pub resource_kind: String,
    /// Name of the resource.
    pub resource_name: String,
    /// Namespace of the resource.
    pub resource_namespace: String,
    /// What else is known of the resource and its surroundings.
    pub enrichment: Map<String, Value>,
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
            resource_kind: fields.text("resource_kind"),
            resource_name: fields.text("resource_name"),
            resource_namespace: fields.text("resource_namespace"),
            enrichment: fields.optional_object("enrichment_results").unwrap_or_default(),
        };
        // Required by the contract and kept with the investigation, though the mock decides without them.
        for name in ["signal_source", "environment", "priority", "risk_tolerance", "business_category", "cluster_name"]
        {
            fields.text(name);
        }
        fields.text_up_to("error_message", MESSAGE_LIMIT);
        fields.finish_lenient(incident)
    }

    /// Whether the resource is the end of its own owner chain. Without a chain there is nothing to contradict it.
    pub fn target_in_owner_chain(&self) -> bool {
        let chain = self.enrichment.get("ownerChain").or_else(|| self.enrichment.get("owner_chain"));
        let Some(Value::Array(owners)) = chain else { return true };
        owners.is_empty()
            || owners.iter().any(|owner| {
                owner["kind"].as_str() == Some(&self.resource_kind)
                    && owner["name"].as_str() == Some(&self.resource_name)
            })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    pub(crate) fn sample(signal_type: &str) -> Value {
        json!({
            "incident_id": "inc-1", "remediation_id": "rem-1", "signal_type": signal_type, "severity": "critical",
            "signal_source": "prometheus", "resource_namespace": "shop", "resource_kind": "Deployment",
            "resource_name": "cart", "error_message": "container was killed", "environment": "production",
            "priority": "P1", "risk_tolerance": "low", "business_category": "standard", "cluster_name": "kind",
        })
    }

    #[test]
    fn every_required_field_is_named_when_it_is_missing() {
        let Value::Object(whole) = sample("OOMKilled") else { unreachable!() };
        assert!(Incident::parse(Value::Object(whole.clone())).is_ok());
        for name in whole.keys() {
            let mut object = whole.clone();
            object.remove(name);
            let errors = Incident::parse(Value::Object(object)).unwrap_err();
            assert_eq!(errors, [FieldError::new(name, "is required")]);
        }
    }

    #[test]
    fn the_owner_chain_decides_whether_the_target_is_in_it() {
        let with = |chain: Value| {
            let mut value = sample("OOMKilled");
            value["enrichment_results"] = json!({"ownerChain": chain});
            Incident::parse(value).unwrap().target_in_owner_chain()
        };
        assert!(with(json!([])));
        assert!(with(json!([{"kind": "ReplicaSet", "name": "cart-1"}, {"kind": "Deployment", "name": "cart"}])));
        assert!(!with(json!([{"kind": "DaemonSet", "name": "agent"}])));
    }
}
