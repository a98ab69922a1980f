//! The cluster of a suite: its provider, how it boots, and how images come into it.

use serde::{Deserialize, Serialize};

/// The cluster that a suite runs in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[serde(
    expecting = "a mapping with `provider`, `name`, `config`, `context`, `push`, `pullSecrets`, `kubernetes`, `boot`, `load`, `cache` or \
                 `isolation`"
)]
pub struct ClusterSpec {
    /// The provider of the cluster.
    #[serde(default)]
    pub provider: ProviderKind,
    /// Name of the cluster. When absent, a name is derived from the suite and its folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// kind's own configuration file, relative to `e2e.yaml`; the harness adds names, ports and images to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<String>,
    /// With `provider: existing`, the kubeconfig context to use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// Version of Kubernetes, such as `"1.33"` or `"1.33.13"`: the default for `--kubernetes`. When absent, the one of kind's
    /// release or, with images from packages, of the harness.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes: Option<String>,
    /// With `provider: existing`, the registry, and the folder in it, to which the components' images are pushed, such as
    /// `registry.example/e2e`. They are deployed by the digests that they have there. When absent, nothing is built, and
    /// images are used as the manifests name them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub push: Option<String>,
    /// Whether pods get the host's login for the registry of `push`, by Secrets that are removed with the components.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pull_secrets: bool,
    /// How the control plane of a kind cluster boots.
    #[serde(default)]
    pub boot: Boot,
    /// How images come from the engine into the nodes of a kind cluster.
    #[serde(default)]
    pub load: Load,
    /// Whether images that the nodes of a kind cluster pull themselves are kept on this host, for other clusters (false).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cache: bool,
    /// What tests of different files share.
    #[serde(default)]
    pub isolation: Isolation,
}

/// What tests of different files share, where their processes use one cluster.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Isolation {
    /// The environment, as the tests before left it.
    #[default]
    Suite,
    /// Nothing: the tests of a file wait until those of another have ended, and the cluster is reset between them.
    File,
}

/// How the control plane of a kind cluster boots.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Boot {
    /// From a snapshot where the node image supports it; the first cluster of a configuration boots by kubeadm, and the
    /// snapshot is made of it.
    #[default]
    Auto,
    /// By kubeadm, always.
    Kubeadm,
    /// As `auto`; an error where no snapshot can be made.
    Snapshot,
}

/// How images come from the engine into the nodes of a kind cluster.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Load {
    /// Mounted where the engine keeps layers in folders that nodes can use, otherwise copied.
    #[default]
    Auto,
    /// The engine's folder of layers is mounted in the nodes, read-only, and layers are used from there; an error where
    /// that is not possible.
    Mount,
    /// Streamed into each node and unpacked there.
    Copy,
}

/// Provider of clusters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ProviderKind {
    /// kind, on docker, podman or nerdctl.
    #[default]
    Kind,
    /// An existing cluster, named by a kubeconfig context; never created and never deleted by us.
    Existing,
}
