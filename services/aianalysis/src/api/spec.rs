//! What is asked for.
#![expect(clippy::duplicated_attributes, reason = "each printcolumn is of its own")]
#![expect(unreachable_pub, reason = "KubeSchema derives a copy of the struct inside a function, `pub` as the original")]

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AIAnalysisStatus, schema};

/// Asks for the analysis of one signal.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Deserialize, Serialize)]
#[kube(
    group = "kubernaut.ai",
    version = "v1alpha1",
    kind = "AIAnalysis",
    plural = "aianalyses",
    singular = "aianalysis",
    shortname = "aia",
    category = "kubernaut",
    namespaced,
    status = "AIAnalysisStatus",
    derive = "PartialEq",
    doc = "An analysis of one signal: what happened, which workflow would remedy it, and whether a person must approve.",
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.reason"),
    printcolumn(name = "Workflow", type_ = "string", json_path = ".status.selectedWorkflow.workflowId"),
    printcolumn(name = "Approval", type_ = "boolean", json_path = ".status.approvalRequired"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(self.isRecoveryAttempt) || !self.isRecoveryAttempt || has(self.recoveryAttemptNumber)")
        .message("a recovery attempt needs its recoveryAttemptNumber"),
    validation = Rule::new("!has(self.recoveryAttemptNumber) || (has(self.isRecoveryAttempt) && self.isRecoveryAttempt)")
        .message("only a recovery attempt has a recoveryAttemptNumber"),
    validation = Rule::new("self == oldSelf").message("an analysis is about one question: its spec cannot be changed")
)]
pub struct AIAnalysisSpec {
    /// The remediation that this analysis is part of.
    pub remediation_request_ref: ObjectReference,
    /// Correlates everything that is done for one remediation.
    #[schemars(length(min = 1, max = 255))]
    pub remediation_id: String,
    /// What is to be analysed.
    pub analysis_request: AnalysisRequest,
    /// A remedy has been tried before, and failed.
    #[serde(default)]
    pub is_recovery_attempt: bool,
    /// Counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub recovery_attempt_number: Option<i32>,
    /// The remedies that were tried, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub previous_executions: Vec<PreviousExecution>,
    /// How long the phases may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_config: Option<TimeoutConfig>,
}

/// Names another object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObjectReference {
    /// Group and version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub api_version: Option<String>,
    /// Kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub kind: Option<String>,
    /// Name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub namespace: Option<String>,
}

/// What is to be analysed.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AnalysisRequest {
    /// The signal and where it came from.
    pub signal_context: SignalContext,
    /// Which analyses are wanted.
    #[schemars(length(min = 1, max = 10), inner(length(min = 1, max = 63)))]
    pub analysis_types: Vec<String>,
}

/// The signal and where it came from.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignalContext {
    /// The same for the same problem.
    #[schemars(length(min = 1, max = 64))]
    pub fingerprint: String,
    /// How grave it is.
    pub severity: Severity,
    /// `OOMKilled`, `CrashLoopBackOff`…
    #[schemars(length(min = 1, max = 100))]
    pub signal_type: String,
    /// `production`, `staging`…
    #[schemars(length(min = 1, max = 63))]
    pub environment: String,
    /// `P0`, `P1`…
    #[schemars(length(min = 1, max = 63))]
    pub business_priority: String,
    /// The object that the signal is about.
    pub target_resource: TargetResource,
    /// What is known about the object and its surroundings.
    #[serde(default)]
    pub enrichment_results: EnrichmentResults,
}

/// How grave a signal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Users are hurt.
    Critical,
    /// Users will be hurt.
    Warning,
    /// Worth knowing.
    Info,
}

impl Severity {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// The object that a signal is about.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct TargetResource {
    /// Kind.
    #[schemars(length(min = 1, max = 63))]
    pub kind: String,
    /// Name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Namespace.
    #[schemars(length(min = 1, max = 63))]
    pub namespace: String,
}

/// What is known about an object and its surroundings.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EnrichmentResults {
    /// What was found out about how the object is run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detected_labels: Option<DetectedLabels>,
    /// The object's owners, nearest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub owner_chain: Vec<OwnerChainEntry>,
    /// What people say about the object.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub custom_labels: BTreeMap<String, Vec<String>>,
    /// Anything else that Kubernetes says about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::any_object")]
    pub kubernetes_context: Option<serde_json::Map<String, serde_json::Value>>,
}

/// What was found out about how an object is run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct DetectedLabels {
    /// Which of the others could not be found out, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::detections")]
    pub failed_detections: Vec<String>,
    /// A GitOps tool would undo changes.
    pub git_ops_managed: bool,
    /// A PodDisruptionBudget limits evictions.
    pub pdb_protected: bool,
    /// A HorizontalPodAutoscaler sets the replicas.
    pub hpa_enabled: bool,
    /// It has a state of its own.
    pub stateful: bool,
    /// It was installed by Helm.
    pub helm_managed: bool,
    /// NetworkPolicies limit who may talk to it.
    pub network_isolated: bool,
    /// The service mesh that it is part of.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub service_mesh: Option<String>,
}

/// One of an object's owners.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct OwnerChainEntry {
    /// Kind.
    #[schemars(length(min = 1, max = 63))]
    pub kind: String,
    /// Name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Namespace; cluster-wide objects have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub namespace: Option<String>,
}

/// A remedy that was tried.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PreviousExecution {
    /// The workflow that was run.
    #[schemars(length(min = 1, max = 253))]
    pub workflow_id: String,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub failure_reason: Option<String>,
    /// When it failed, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub failed_at: Option<String>,
}

/// How long the phases may take, in seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TimeoutConfig {
    /// How long HolmesGPT-API may take over one answer; 30 when it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 600))]
    pub investigating_seconds: Option<u32>,
    /// How long the policy may take over its decision; 1 when it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 60))]
    pub analyzing_seconds: Option<u32>,
    /// How long the investigation may take with all its tries; as long as they take when it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 3600))]
    pub total_seconds: Option<u32>,
}
