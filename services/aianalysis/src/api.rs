//! The `AIAnalysis` resource, `kubernaut.ai/v1alpha1`. The CRD in `manifests/` is generated from these types.

mod audit_note;
mod findings;
mod reason;
mod schema;
mod spec;
mod status;

pub use audit_note::{AuditKind, AuditNote};
pub use findings::{
    AlternativeWorkflow, ApprovalContext, PolicyEvaluation, RecoveryStatus, RootCauseAnalysis, SelectedWorkflow,
    ValidationAttempt,
};
pub use reason::{FAILURES, Reason, SubReason};
pub use schema::DETECTIONS;
pub use spec::{
    AIAnalysis, AIAnalysisSpec, AnalysisRequest, DetectedLabels, EnrichmentResults, ObjectReference, OwnerChainEntry,
    PreviousExecution, Severity, SignalContext, TargetResource, TimeoutConfig,
};
pub use status::{AIAnalysisStatus, Phase};

use anyhow::Result;
use kube::CustomResourceExt;

/// Keeps an object until the controller has seen that it is being deleted.
pub const FINALIZER: &str = "kubernaut.ai/finalizer";

/// The CustomResourceDefinition as YAML, as `manifests/aianalysis/base/crd.yaml` has it.
///
/// # Errors
/// When the types cannot be put into YAML, which would be a mistake in them.
pub fn crd_yaml() -> Result<String> {
    let definition = serde_json::to_value(AIAnalysis::crd())?;
    let yaml = serde_saphyr::to_string(&definition)?;
    Ok(format!("# Generated: cargo run -p aianalysis -- crd > manifests/aianalysis/base/crd.yaml\n{yaml}"))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn the_manifest_is_what_the_types_say() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../manifests/aianalysis/base/crd.yaml");
        let manifest = std::fs::read_to_string(path).unwrap_or_default();
        let said = crd_yaml().unwrap();
        assert!(manifest == said, "{path} is not what the types say; its first line tells how to generate it");
    }

    #[test]
    fn the_definition_names_the_resource() {
        let crd = AIAnalysis::crd();
        assert_eq!(crd.metadata.name.as_deref(), Some("aianalyses.kubernaut.ai"));
        assert!(crd.spec.versions[0].subresources.as_ref().is_some_and(|subresources| subresources.status.is_some()));
        let schema = serde_json::to_string(&crd).unwrap();
        for word in
            ["x-kubernetes-validations", "WorkflowNotNeeded", "LLMParsingError", "\"maxLength\":64", "self == oldSelf"]
        {
            assert!(schema.contains(word), "{word} is missing");
        }
    }
    /// The API server refuses a definition whose defaults its own schema refuses.
    #[test]
    fn defaults_are_valid() {
        fn look(schema: &Value, path: &str) {
            if let Some(default) = schema.get("default") {
                let allowed = schema.get("enum").and_then(Value::as_array);
                assert!(allowed.is_none_or(|allowed| allowed.contains(default)), "{path}: {default}");
                assert!(schema.get("minLength").is_none() || default != "", "{path} may not be empty");
                let missing = |name: &Value| default.get(name.as_str().unwrap_or_default()).is_none();
                let required = schema.get("required").and_then(Value::as_array);
                assert!(required.is_none_or(|names| !names.iter().any(missing)), "{path}: {default}");
            }
            match schema {
                Value::Object(map) => map.iter().for_each(|(name, inner)| look(inner, &format!("{path}.{name}"))),
                Value::Array(items) => items.iter().for_each(|inner| look(inner, path)),
                _ => {}
            }
        }
        look(&serde_json::to_value(AIAnalysis::crd()).unwrap(), "");
    }

    #[test]
    fn every_detection_is_a_field_of_the_detected_labels() {
        let crd = serde_json::to_value(AIAnalysis::crd()).unwrap();
        let spec = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/analysisRequest/properties";
        let labels = "signalContext/properties/enrichmentResults/properties/detectedLabels/properties";
        let fields = crd.pointer(&format!("{spec}/{labels}")).and_then(Value::as_object).unwrap();
        let names: std::collections::BTreeSet<_> = fields.keys().filter(|name| *name != "failedDetections").collect();
        assert_eq!(names, DETECTIONS.map(str::to_owned).iter().collect());
    }
}
