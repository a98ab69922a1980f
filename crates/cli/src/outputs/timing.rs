//! What commands about past runs print.

use jiff::Timestamp;
use kind_harness::report::{Grade, HostClass};
use serde::Serialize;

use crate::statistics::{Change, Compared, Estimate};

/// `runs`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Runs<'a> {
    /// Every run that is kept, oldest first.
    pub(crate) runs: &'a [RunSummary],
    /// Files that could not be read.
    pub(crate) errors: &'a [String],
}

/// A run in a line. Times are in seconds.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct RunSummary {
    /// Its name, for `report`.
    pub(crate) run: String,
    /// The suite's name.
    pub(crate) suite: String,
    /// `parallel`, `waves` or `sequential`.
    pub(crate) strategy: String,
    /// Hash of the suite, its manifests and kind's configuration; null when they could not be read.
    pub(crate) source: Option<String>,
    /// The host.
    pub(crate) host: HostClass,
    /// When it began.
    #[cfg_attr(test, schemars(with = "String"))]
    pub(crate) began: Timestamp,
    /// `ready`, `unchanged`, `failed`, `interrupted`, `ended early` or `did not end`.
    pub(crate) outcome: &'static str,
    /// From its first step to the end of its last.
    pub(crate) wall: f64,
    /// For how long components were deployed and awaited; null when nothing was deployed, or the run did not end.
    pub(crate) deploy_and_ready: Option<f64>,
    /// The grade of that; null when a component was not ready.
    pub(crate) grade: Option<Grade>,
    /// Of a damaged file, where it could not be read on.
    pub(crate) damage: Option<String>,
}

/// `compare`: whether new runs take longer than others. Times are in seconds.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct Comparison {
    /// What was found for deploy and ready together.
    pub(crate) change: Change,
    /// The change that is looked for: 0.2 is 20 %.
    pub(crate) threshold: f64,
    /// Whether runs that created their cluster are compared, or runs on clusters that were there.
    pub(crate) fresh: bool,
    /// How many runs there are on each side.
    pub(crate) base_runs: usize,
    pub(crate) new_runs: usize,
    /// How many runs of both sides did not bring the suite up, and are left out.
    pub(crate) not_ready: usize,
    /// How many runs of both sides are left out because they are of the other kind (`fresh`).
    pub(crate) other_kind: usize,
    /// How many runs of both sides are left out because there are enough newer ones.
    pub(crate) older: usize,
    /// How fast the hosts were, if they differ by the same test as the runs; otherwise null. Then times of the new runs are
    /// scaled to the speed of the base's host, as far as all cores were busy.
    pub(crate) calibration: Option<Calibrations>,
    /// Deploy and ready together, each phase, and each component from applied to ready.
    pub(crate) figures: Vec<ComparedFigure>,
}

/// The time of a fixed piece of work on the hosts of both sets of runs: medians, in seconds.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Calibrations {
    pub(crate) base: f64,
    pub(crate) new: f64,
}

/// A figure of two sets of runs.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ComparedFigure {
    /// Its name.
    pub(crate) name: String,
    /// The median of the base; null when it has none.
    pub(crate) base: Option<Estimate>,
    /// The median of the new runs; null when they have none.
    pub(crate) new: Option<Estimate>,
    #[serde(flatten)]
    pub(crate) compared: Compared,
}

/// `bench`: how long a suite takes to come up, by each way. Times are in seconds.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Bench {
    /// The suite's name.
    pub(crate) suite: String,
    /// How many components it has.
    pub(crate) components: usize,
    /// The host.
    pub(crate) host: HostClass,
    /// When the bench began.
    #[cfg_attr(test, schemars(with = "String"))]
    pub(crate) began: Timestamp,
    /// Whether each measurement created a cluster, and counts from nothing.
    pub(crate) fresh: bool,
    /// Every way that was measured.
    pub(crate) ways: Vec<BenchWay>,
}

/// A way to bring a suite up, and its measurements.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct BenchWay {
    /// Its name.
    pub(crate) way: &'static str,
    /// Every measurement that did not fail, in order.
    pub(crate) seconds: Vec<f64>,
    /// Their median; null when there is none.
    pub(crate) median: Option<Estimate>,
    /// Its median ÷ that of the first way; null of the first.
    pub(crate) ratio: Option<Estimate>,
    /// After how many of them every port of the host answered at once.
    pub(crate) answered: usize,
    /// Why others failed.
    pub(crate) failed: Vec<String>,
    /// The standard deviation of the logarithms; null of fewer than five.
    pub(crate) noise: Option<f64>,
    /// Medians of what deploy and ready used; null when that was not measured.
    pub(crate) usage: Option<BenchUsage>,
}

/// What deploy and ready used. CPU times are in seconds, all others in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct BenchUsage {
    pub(crate) node_cpu: f64,
    pub(crate) harness_cpu: f64,
    /// The most memory in use at a time.
    pub(crate) node_memory: f64,
    pub(crate) harness_memory: f64,
    /// Read from and written to disks.
    pub(crate) node_disk: f64,
    /// Received and sent.
    pub(crate) node_network: f64,
    /// CPU time of nodes and harness divided by what all cores could have done.
    pub(crate) busy_efficiency: f64,
}

/// `history`: how start-ups went over time. Times are in seconds.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct History {
    /// Runs that can be compared with each other, in the order of time.
    pub(crate) series: Vec<Series>,
    /// How many runs did not bring a suite up, or had nothing to do.
    pub(crate) not_ready: usize,
    /// The tests that failed in a run.
    pub(crate) tests: Vec<FailingTest>,
}

/// Runs of one suite, strategy and class of host, all with a new cluster or all without.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Series {
    /// What they have in common.
    pub(crate) name: String,
    /// The median of deploy and ready.
    pub(crate) median: Option<Estimate>,
    /// The runs, oldest first.
    pub(crate) runs: Vec<PastRun>,
}

/// A run of a series.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct PastRun {
    /// Its name, for `report`.
    pub(crate) run: String,
    /// When it began.
    #[cfg_attr(test, schemars(with = "String"))]
    pub(crate) began: Timestamp,
    /// For how long components were deployed and awaited.
    pub(crate) deploy_and_ready: f64,
    /// The whole run.
    pub(crate) wall: f64,
    /// What changed from the run before; null when nothing did.
    pub(crate) changed: Option<&'static str>,
}

/// A test that failed in a run.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct FailingTest {
    /// Its name.
    pub(crate) test: String,
    /// In how many runs it failed.
    pub(crate) failed: usize,
    /// In how many runs it ran.
    pub(crate) runs: usize,
    /// The first divided by the second.
    pub(crate) rate: f64,
    /// Its 95 % interval (Wilson).
    pub(crate) interval: (f64, f64),
    /// The runs in which it failed, for `report`.
    #[serde(rename = "failedIn")]
    pub(crate) failed_in: Vec<String>,
}

/// `soak`: how often tests failed.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Soak {
    /// How many rounds have ended.
    pub(crate) rounds: usize,
    /// How many were asked for.
    pub(crate) of: u32,
    /// How many of those that ended failed.
    pub(crate) failed: usize,
    /// The 95 % interval (Wilson) of the rate; null without rounds.
    pub(crate) interval: Option<(f64, f64)>,
    /// The tests that failed.
    pub(crate) tests: Vec<FailingTest>,
}
