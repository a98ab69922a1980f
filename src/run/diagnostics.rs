//! Failure reports: the root causes, each reported once, and a bundle with everything for a closer look.
//!
//! [`diagnose`] is a pure function from the unready objects and a [`ClusterSnapshot`], the state of the cluster at one
//! moment, to a [`Diagnosis`]: the root causes, and a tree of component, workload, pod and container.

mod bundle;
mod collect;
mod contents;
mod root_cause;
mod run;
mod snapshot;
mod text;
mod tree;
mod wanted;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::readiness::{LogTail, ObjectRef, Unready};

pub use bundle::{Bounds, Bundle, BundleContext, bundle, bundle_failure};
pub use collect::investigate;
pub use collect::learn_secrets;
pub(crate) use contents::contents;
pub use run::{after, cluster_of, expectations, expected, now};
pub use snapshot::{ClusterSnapshot, Log};

/// The components that are not ready, as reported by readiness.
#[derive(Debug, Clone, Default)]
pub struct Unreadiness {
    /// Every component that is not ready.
    pub unready: Vec<Unready>,
    /// How many components the suite has.
    pub of: usize,
    /// The components that each component needs, from the suite.
    pub needs: BTreeMap<String, Vec<String>>,
}

/// Why components are not ready: the root causes first, then each component with all that is known of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Diagnosis {
    /// How many components are not ready.
    pub unready: usize,
    /// How many there are.
    pub of: usize,
    /// The root causes, worst first.
    pub root_causes: Vec<RootCause>,
    /// The components that are not ready, each a tree of workloads, pods and containers.
    pub components: Vec<Branch>,
}

/// An object or resource that fails, or that one or more components wait for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct RootCause {
    /// The failing or missing object or resource.
    pub subject: Subject,
    /// Whether it is final, as opposed to something that may still succeed; in JSON the `verdict`, `failed` or
    /// `waiting`.
    #[serde(rename = "verdict", serialize_with = "verdict")]
    #[cfg_attr(feature = "schema", schemars(with = "NotReadyVerdict"))]
    pub failed: bool,
    /// The reason as a word for programs: `Missing`.
    pub reason: String,
    /// The reason as the end of a sentence, `is not bound`, or as a sentence of its own.
    pub message: String,
    /// Whether `message` is a sentence of its own.
    #[serde(skip)]
    own: bool,
    /// The pods and components that wait for it; empty when the object itself fails.
    pub wanted_by: Vec<Subject>,
    /// The suggested fix; may be empty.
    pub hint: String,
    /// The command to run next.
    pub next: String,
    /// The components that it keeps from being ready.
    pub components: Vec<String>,
}

/// The subject of a root cause; in JSON `{"object": {…}}`, `{"image": "shop/api:1"}` and so on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Subject {
    /// An object of the cluster.
    Object(ObjectRef),
    /// An image.
    Image(String),
    /// A resource of the nodes, such as `memory`.
    NodeResource(String),
    /// A taint of the nodes.
    Taint(String),
    /// A component of the suite.
    Component(String),
}

/// A component, a workload, a pod, a container or a probe that is not ready, with its parts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Branch {
    /// `component db`, `deployment/db`, `pod/db-1`, `container db`; `probe` for a probe from outside the cluster.
    pub name: String,
    /// Whether it has failed permanently; in JSON the `verdict`, `failed` or `waiting`.
    #[serde(rename = "verdict", serialize_with = "verdict")]
    #[cfg_attr(feature = "schema", schemars(with = "NotReadyVerdict"))]
    pub failed: bool,
    /// Why it is not ready; empty when only its parts have a reason.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Its last events, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<String>,
    /// The last log lines of a container, including those of its previous run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub logs: Vec<LogTail>,
    /// Its parts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Branch>,
}

/// The verdicts about unready objects.
#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[schemars(rename_all = "lowercase", inline)]
#[expect(dead_code, reason = "only its schema is used")]
enum NotReadyVerdict {
    Failed,
    Waiting,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields so")]
fn verdict<S: serde::Serializer>(failed: &bool, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(if *failed { "failed" } else { "waiting" })
}

impl Diagnosis {
    /// Removes the diagnosis of all other components; the counts stay those of the suite.
    pub fn narrow(&mut self, component: &str) {
        let branch = format!("component {component}");
        self.components.retain(|known| known.name == branch);
        self.root_causes.retain(|cause| cause.components.iter().any(|known| known == component));
    }
}

/// Returns the root causes of `trouble`, with details from `scene`.
#[must_use]
pub fn diagnose(trouble: &Unreadiness, scene: &ClusterSnapshot) -> Diagnosis {
    Diagnosis {
        unready: trouble.unready.len(),
        of: trouble.of.max(trouble.unready.len()),
        root_causes: root_cause::root_causes(trouble, scene),
        components: trouble.unready.iter().map(|unready| tree::component(unready, scene)).collect(),
    }
}
