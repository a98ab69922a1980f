//! Why a wait ended without everything being ready.

use std::time::Duration;

use serde::Serialize;

use super::{Verdict, Want, display};
use crate::finding::Finding;
use crate::object::ObjectRef;
use crate::progress::Missed;

/// Why a wait ended without everything being ready. Its `Display` begins with one line that says what and why; a tree
/// of component, object and reason follows.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NotReady {
    /// Something will not become ready by itself.
    #[error("{}", display::failed(failed, waiting, *of))]
    Failed {
        /// Every component that has failed.
        failed: Vec<Unready>,
        /// Every component that was still on its way.
        waiting: Vec<Unready>,
        /// How many components the wait was for.
        of: usize,
    },
    /// The deadline came first.
    #[error("{}", display::deadline(*waited, waiting, *of))]
    Deadline {
        /// How long the wait lasted.
        waited: Duration,
        /// Every component that was not ready.
        waiting: Vec<Unready>,
        /// How many components the wait was for.
        of: usize,
    },
    /// The API server cannot be reached any more.
    #[error("the API server has been unreachable for {since:.0?}: {error}")]
    Gone {
        /// For how long.
        since: Duration,
        /// What connecting to it says.
        error: String,
    },
    /// The API server refuses a watch that the verdict depends on.
    #[error("the API server refuses to list and watch {watch}: {error}\n{}", display::rule(watch))]
    Forbidden {
        /// The resource and where, such as `deployments.apps in namespace shop`.
        watch: String,
        /// What the API server says.
        error: String,
    },
}

impl NotReady {
    /// What the end of the wait means for a component that is not ready.
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
    /// What is wrong, worst first. Never empty.
    pub objects: Vec<UnreadyObject>,
}

/// An object, or a probe, that keeps its component from being ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UnreadyObject {
    /// The object that was applied; none when a probe is what is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<ObjectRef>,
    /// The object that is to blame, such as a pod of the Deployment that was applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<ObjectRef>,
    /// The container that is to blame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// Never `Ready`.
    pub verdict: Verdict,
    /// What it wants, as far as that has a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub want: Option<Want>,
    /// The last log lines of that container, the run before the current one included.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub logs: Vec<LogTail>,
}

impl UnreadyObject {
    /// What was found of `object`, and the verdict over it.
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

    /// A verdict that is about no object: over a probe, or a component that has not been applied.
    pub(crate) fn without_object(verdict: Verdict) -> UnreadyObject {
        UnreadyObject { object: None, cause: None, container: None, verdict, want: None, logs: Vec::new() }
    }
}

/// The end of a container's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LogTail {
    /// Whether this is the run before the current one.
    pub previous: bool,
    /// At most 20 lines.
    pub lines: Vec<String>,
}
