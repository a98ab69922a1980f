//! The `AIAnalysis` resource, `kubernaut.ai/v1alpha1`. The CRD in `manifests/` is generated from these types.

mod spec;
mod status;

pub use spec::{
    AIAnalysis, AIAnalysisSpec, AnalysisRequest, DetectedLabels, EnrichmentResults, ObjectReference, OwnerChainEntry,
    PreviousExecution, Severity, SignalContext, TargetResource, TimeoutConfig,
};
pub use status::{
    AIAnalysisStatus, AlternativeWorkflow, ApprovalContext, Phase, PolicyEvaluation, Reason, RecoveryStatus,
    RootCauseAnalysis, SelectedWorkflow, SubReason, ValidationAttempt,
};

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
        for word in ["x-kubernetes-validations", "WorkflowNotNeeded", "LLMParsingError", "\"maxLength\":64"] {
            assert!(schema.contains(word), "{word} is missing");
        }
    }
}
