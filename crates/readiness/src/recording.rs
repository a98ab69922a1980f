//! The format of a recording: lines of JSON, which a replay reads.
//!
//! A recording has the inputs (`began`, `plan`, `expect`, `wait`, `update`, `answer`, `api`, `judged`) and the results
//! (`verdict`, `ended`); a replay reads only the inputs.

use kube::core::GroupVersionKind;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::command::Needs;
use super::{Probe, Settings};
use crate::object::Applied;

/// The version of the format below. Recordings of another one are rejected.
pub(super) const FORM: u32 = 1;

/// An event and its time: seconds since the watch started.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) at: f64,
    #[serde(flatten)]
    pub(super) what: What,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum What {
    Began {
        form: u32,
        namespace: String,
        settings: Box<Settings>,
    },
    Expect {
        component: String,
        applied: Vec<Applied>,
        probes: Vec<Probe>,
        from: f64,
    },
    /// The expected components, and the needs of each. Missing in older recordings.
    Plan {
        needs: Needs,
    },
    Wait {
        components: Option<Vec<String>>,
        #[serde(default)]
        deadline: Option<f64>,
    },
    Update {
        watch: WatchName,
        is: Brought,
    },
    Answer {
        component: String,
        probe: usize,
        trouble: Option<String>,
    },
    Api {
        unreachable: Option<(f64, String)>,
    },
    /// Everything before this was judged together.
    Judged,
    Verdict(Value),
    Ended(Value),
}

/// An event of a watch. Objects are trimmed before: of Secrets only the name is left. Other objects are masked when
/// they are written.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Brought {
    Listing,
    Put(Value),
    Removed(Value),
    Listed,
    Failed { forbidden: bool, error: String },
}

/// The kind and scope of a watch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WatchName {
    pub(crate) api_version: String,
    pub(crate) kind: String,
    pub(crate) plural: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) namespace: Option<String>,
}

impl WatchName {
    pub(crate) fn new(kind: &GroupVersionKind, plural: &str, namespace: Option<&str>) -> WatchName {
        WatchName {
            api_version: kind.api_version(),
            kind: kind.kind.clone(),
            plural: plural.to_owned(),
            namespace: namespace.map(str::to_owned),
        }
    }

    pub(crate) fn gvk(&self) -> GroupVersionKind {
        let (group, version) = self.api_version.split_once('/').unwrap_or(("", &self.api_version));
        GroupVersionKind::gvk(group, version, &self.kind)
    }
}
