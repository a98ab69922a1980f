//! Errors of waits that ended without everything being ready.

use std::time::Duration;

use serde::Serialize;

use super::{Verdict, Want, display};
use crate::finding::Finding;
use crate::object::ObjectRef;
use crate::progress::Missed;

/// Why a wait ended without everything being ready. The first line of its `Display` has what and why; a tree of
/// component, object and reason follows.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NotReady {
    /// A component will not become ready by itself.
    #[error("{}", display::failed(failed, waiting, *of))]
    Failed {
        /// Every failed component.
        failed: Vec<Unready>,
        /// Every component that was not ready yet.
        waiting: Vec<Unready>,
        /// How many components were awaited.
        of: usize,
    },
    /// The deadline passed.
    #[error("{}", display::deadline(*waited, waiting, *of))]
    Deadline {
        /// How long the wait lasted.
        waited: Duration,
        /// Every component that was not ready.
        waiting: Vec<Unready>,
        /// How many components were awaited.
        of: usize,
    },
    /// The API server is unreachable.
    #[error("the API server has been unreachable for {since:.0?}: {error}")]
    Gone {
        /// How long it has been unreachable.
        since: Duration,
        /// The connection error.
        error: String,
    },
    /// The API server denies a watch that the verdict depends on.
    #[error("the API server refuses to list and watch {watch}: {error}\n{}", display::rule(watch))]
    Forbidden {
        /// The resource and its scope, such as `deployments.apps in namespace shop`.
        watch: String,
        /// The API server's error.
        error: String,
    },
}

impl NotReady {
    /// Returns how an unready component missed its goal, given this end of the wait.
    pub(super) fn missed(&self, component: &str) -> Missed {
        match self {
            NotReady::Failed { failed, .. } if failed.iter().any(|unready| unready.component == component) => {
                Missed::Failed
            }
            NotReady::Deadline { .. } => Missed::Late,
            NotReady::Failed { .. } | NotReady::Gone { .. } | NotReady::Forbidden { .. } => Missed::Abandoned,
        }
    }
}

/// A component that is not ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unready {
    /// Its name.
    pub component: String,
    /// Its problems, worst first. Never empty.
    pub objects: Vec<UnreadyObject>,
}

/// An object, or a probe, that keeps its component from being ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UnreadyObject {
    /// The applied object; `None` for a failed probe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<ObjectRef>,
    /// The blamed object, such as a pod of the applied Deployment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<ObjectRef>,
    /// The blamed container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// Never `Ready`.
    pub verdict: Verdict,
    /// The needed object or resource, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub want: Option<Want>,
    /// The last log lines of that container, including those of its previous run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub logs: Vec<LogTail>,
}

impl UnreadyObject {
    /// Returns an entry for `object`, its finding and the verdict.
    pub(crate) fn new(object: ObjectRef, found: &Finding, verdict: Verdict) -> UnreadyObject {
        let fault = found.fault();
        UnreadyObject {
            cause: fault.map(|fault| fault.object.clone()).filter(|cause| *cause != object),
            container: fault.and_then(|fault| fault.container.clone()),
            want: found.want().cloned(),
            object: Some(object),
            ..UnreadyObject::without_object(verdict)
        }
    }

    /// Returns an entry without an object: for a probe, or a component that has not been applied.
    pub(crate) fn without_object(verdict: Verdict) -> UnreadyObject {
        UnreadyObject { object: None, cause: None, container: None, verdict, want: None, logs: Vec::new() }
    }
}

/// The end of a container's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LogTail {
    /// Whether this is the previous run.
    pub previous: bool,
    /// At most 20 lines.
    pub lines: Vec<String>,
}
