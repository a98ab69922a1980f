//! What a run is about: what is compared with what.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Limits;

/// What a run is about: runs are compared with those of the same suite and the same class of host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct RunHeader {
    /// Version of the format.
    pub format: u32,
    /// Its name: when it began, the suite, the process id.
    pub id: String,
    /// When it began.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub began: Timestamp,
    /// Version of the harness.
    pub version: String,
    /// Name of the suite.
    pub suite: String,
    /// Name of the cluster.
    pub cluster: String,
    /// `parallel`, `waves` or `sequential`.
    pub strategy: String,
    /// Hash of the suite, its manifests and kind's configuration; null when they could not be read.
    pub source: Option<String>,
    /// The host.
    pub host: HostClass,
    /// How fast it was when the run began; null in older files.
    #[serde(default)]
    pub calibration: Option<Calibration>,
    /// The limits of grades and alerts.
    pub limits: Limits,
    /// The components, in the order of the suite.
    pub components: Vec<PlannedComponent>,
}

/// Hosts of a class are expected to be equally fast.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct HostClass {
    /// Cores that this process may use.
    pub cores: usize,
    /// Memory in GiB, rounded; 0 when unknown.
    pub memory_gib: u64,
    /// The architecture of the processor.
    pub arch: String,
}

impl std::fmt::Display for HostClass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} cores, {} GiB, {}", self.cores, self.memory_gib, self.arch)
    }
}

/// The time of a fixed piece of work, measured when the run began.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Calibration {
    /// Seconds.
    pub seconds: f64,
    /// Whether the harness was compiled with optimisation: times of both kinds cannot be compared.
    pub optimised: bool,
}

/// A component of the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PlannedComponent {
    /// Its name.
    pub name: String,
    /// The components that it needs, as the suite says.
    pub needs: Vec<String>,
    /// Those of them that hold it back until they are in some state.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub until: Vec<String>,
    /// The steps of the phase `images` that it waits for, if the run has them: names of images, recipes and packages.
    pub image_steps: Vec<String>,
}
