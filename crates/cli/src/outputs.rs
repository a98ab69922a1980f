//! What commands print for scripts, as types. `schema/` has the schema of each, which its output is tested against.
//!
//! `verdict` prints a list of [`Judgement`](kind_harness::readiness::Judgement)s, `replay` a
//! [`Replay`](kind_harness::readiness::Replay), and `--report` writes a [`Report`](kind_harness::report::Report).

mod health;
mod init;
mod timing;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use jiff::Timestamp;
use kind_harness::cluster::{Lease, PortMap};
use kind_harness::host::setup::Finding;
use kind_harness::readiness::ComponentStatus;
use kind_harness::report::State;
use kind_harness::run::diagnostics::Diagnosis;
use kind_harness::suite::config::{ImageSource, Suite};
use serde::Serialize;
use serde_json::Value;

pub(super) use health::*;
pub(super) use init::*;
pub(super) use timing::*;

/// `up`: an environment that is up.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Up<'a> {
    /// The cluster.
    pub(super) cluster: &'a str,
    /// Namespace of the components.
    pub(super) namespace: &'a str,
    /// The cluster's own kubeconfig file.
    #[cfg_attr(test, schemars(with = "String"))]
    pub(super) kubeconfig: &'a Path,
    /// Where the host reaches each component's ports: component → port → address.
    pub(super) endpoints: &'a PortMap,
    /// Whether everything ran already and nothing had to be done.
    pub(super) unchanged: bool,
    /// Where the time went, as `--report` writes it.
    #[cfg_attr(test, schemars(with = "kind_harness::report::Report"))]
    pub(super) report: Value,
}

/// `status --why`, and an `up` that failed: why components are not ready.
#[derive(Debug, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Why<'a> {
    /// Why components are not ready; absent when that is not what went wrong.
    #[serde(flatten)]
    pub(super) diagnosis: Option<&'a Diagnosis>,
    /// Of `status --why`: the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cluster: Option<&'a str>,
    /// Of `up`: what went wrong, in one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<&'a str>,
    /// Of `up`: the exit code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) exit: Option<u8>,
    /// Of `up`: the folder with everything that could be looked at before it was removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub(super) bundle: Option<&'a Path>,
}

/// `status`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Status<'a> {
    /// The cluster.
    pub(super) cluster: &'a str,
    /// Every component.
    pub(super) components: &'a [Component<'a>],
}

/// A component as `status` tells it: the record of what was done, and the survey of what is true now.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(super) struct Component<'a> {
    /// Its name.
    pub(super) name: &'a str,
    /// The state that is true now.
    pub(super) state: State,
    /// Since when it is in that state; null when it came to it by itself, after the last run.
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub(super) since: Option<Timestamp>,
    /// How often the last run started it.
    pub(super) attempts: u32,
    /// What went wrong last; null when nothing did.
    pub(super) last_error: Option<&'a str>,
    /// The state that the last run left it in; null when that is not known.
    pub(super) recorded: Option<State>,
    /// Its level in the graph of `needs`, from 0.
    pub(super) wave: Option<usize>,
    /// The components that it needs.
    pub(super) needs: Vec<&'a str>,
    /// Where the host reaches its ports: port → address.
    #[cfg_attr(test, schemars(with = "BTreeMap<String, String>"))]
    pub(super) ports: BTreeMap<String, SocketAddr>,
    /// What the survey says of it.
    #[serde(flatten)]
    pub(super) now: &'a ComponentStatus,
}

/// `plan`: the suite as it stands after all overrides, and in which order its components come.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Plan<'a> {
    #[serde(flatten)]
    pub(super) suite: Suite,
    /// The folder that the suite's paths start from.
    #[cfg_attr(test, schemars(with = "String"))]
    pub(super) root: &'a Path,
    /// The components by their level in the graph of `needs`.
    pub(super) waves: Vec<Vec<&'a str>>,
    /// The components by the stage in which the strategy deploys them.
    pub(super) stages: Vec<Vec<&'a str>>,
}

impl<'a> Plan<'a> {
    /// What `plan` prints.
    pub(super) fn of(plan: &'a kind_harness::suite::plan::Plan) -> Plan<'a> {
        let mut suite = plan.suite().clone();
        suite.cluster.name = Some(plan.cluster_name().to_string());
        suite.components = plan.components().cloned().collect();
        let names = |groups: Vec<Vec<&'a kind_harness::suite::config::Component>>| {
            groups.into_iter().map(|group| group.into_iter().map(|it| it.name.as_str()).collect()).collect()
        };
        Plan { suite, root: plan.root(), waves: names(plan.waves()), stages: names(plan.stages()) }
    }
}

/// `doctor`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Doctor<'a> {
    /// Whether nothing is missing.
    pub(super) ready: bool,
    /// Where images come from on this host.
    pub(super) images: ImageSource,
    /// What was found of each prerequisite.
    pub(super) findings: &'a [Finding],
}

/// `ps`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Ps<'a> {
    /// Every cluster of ours on this host.
    pub(super) clusters: Vec<PsCluster<'a>>,
    /// Why there may be more.
    pub(super) errors: Vec<String>,
}

/// A cluster of ours.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct PsCluster<'a> {
    /// Its name.
    pub(super) name: &'a str,
    /// `ready`, `not ready`, `running`, `stopped`, `adopted` (a cluster that is not ours), `remains` (files without a cluster) or
    /// `unknown`.
    pub(super) state: &'a str,
    /// Who has it, and for how long; null when that is not known.
    pub(super) lease: Option<&'a Lease>,
    /// When it was created; null when that is not known.
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub(super) created: Option<Timestamp>,
    /// The suite that it was made for; null when that is not known.
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub(super) suite: Option<&'a Path>,
    /// Whether `gc` removes it.
    pub(super) removable: bool,
    /// How long it stays, in words.
    pub(super) stays: String,
}

/// `gc`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(super) struct Gc<'a> {
    /// Whether clusters were only looked for.
    pub(super) dry_run: bool,
    /// The clusters that were removed, or would be.
    pub(super) removed: Vec<GcCluster<'a>>,
    /// What could not be removed, or not be seen.
    pub(super) errors: &'a [String],
}

/// A cluster that was removed.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct GcCluster<'a> {
    /// Its name.
    pub(super) name: &'a str,
    /// Why it was removed.
    pub(super) why: String,
}

/// `bundle`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Bundle<'a> {
    /// The bundle's folder.
    #[cfg_attr(test, schemars(with = "String"))]
    pub(super) bundle: &'a Path,
    /// Its size in bytes.
    pub(super) bytes: u64,
    /// What it lacks, and why.
    pub(super) omitted: &'a [String],
}

#[cfg(test)]
mod tests;
