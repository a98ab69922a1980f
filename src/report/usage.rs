//! What a cluster's nodes, the harness and the whole host use while components start.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Timeline;
use super::json::{seconds, thousandths};

/// All cores are busy when all but this part of their time was used: samples are not taken at exact times.
const SATURATED: f64 = 0.95;

/// What was used until a moment. Sums count from any fixed time before the run; only differences have a meaning.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// The node containers together; null when their control groups cannot be read.
    pub node: Option<Used>,
    /// This process; null when it cannot be read.
    pub harness: Option<Used>,
    /// CPU time of every program on this host, in seconds; null when it cannot be read.
    pub host_cpu: Option<f64>,
}

/// What a part of the system used until a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Used {
    /// CPU time, in seconds.
    pub cpu: f64,
    /// Memory in use at that moment, in bytes.
    pub memory: u64,
    /// Bytes read from and written to disks.
    pub disk: u64,
    /// Bytes received and sent; 0 for the harness, which shares the host's network.
    pub network: u64,
}

impl Used {
    /// Returns the sum.
    #[must_use]
    pub fn plus(self, other: Used) -> Used {
        Used {
            cpu: self.cpu + other.cpu,
            memory: self.memory + other.memory,
            disk: self.disk + other.disk,
            network: self.network + other.network,
        }
    }
}

/// What a start-up used.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct StartupUsage {
    /// Cores of the host.
    pub cores: usize,
    /// The node containers together; null when it is not known.
    pub node: Option<PartUsage>,
    /// The harness; null when it is not known.
    pub harness: Option<PartUsage>,
    /// CPU seconds of every program on the host; null when they are not known.
    pub host_cpu: Option<f64>,
    /// For how many seconds all cores of the host were busy; null when it is not known.
    pub saturated: Option<f64>,
    /// CPU time of node and harness, as a part of what all cores could do in that time: how much was really done at
    /// once. Null when it is not known.
    pub busy_efficiency: Option<f64>,
}

/// What a part of the system used during a start-up.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PartUsage {
    /// CPU time, in seconds.
    pub cpu: f64,
    /// The most memory that was in use, in bytes.
    pub memory_high_water: u64,
    /// Bytes read from and written to disks.
    pub disk: u64,
    /// Bytes received and sent.
    pub network: u64,
}

impl StartupUsage {
    /// Returns what was used from the first component applied to the last one ready. `None` when there are no samples
    /// of that time.
    pub(super) fn of(timeline: &Timeline, cores: usize) -> Option<StartupUsage> {
        let (start, end) = timeline.start_up_extent()?;
        let samples: Vec<&(Duration, Usage)> = surrounding(&timeline.usage, start, end);
        let ((began, first), (ended, last)) = (samples.first()?, samples.last()?);
        let time = ended.checked_sub(*began).filter(|time| !time.is_zero())?.as_secs_f64();
        let part = |of: &dyn Fn(&Usage) -> Option<Used>| {
            let (before, after) = (of(first)?, of(last)?);
            let most = samples.iter().filter_map(|(_, usage)| Some(of(usage)?.memory)).max()?;
            Some(PartUsage {
                cpu: thousandths((after.cpu - before.cpu).max(0.0)),
                memory_high_water: most,
                disk: after.disk.saturating_sub(before.disk),
                network: after.network.saturating_sub(before.network),
            })
        };
        let (node, harness) = (part(&|usage| usage.node), part(&|usage| usage.harness));
        let used = node.zip(harness).map(|(node, harness)| node.cpu + harness.cpu);
        let all = cores.max(1) as f64;
        Some(StartupUsage {
            cores,
            node,
            harness,
            host_cpu: last.host_cpu.zip(first.host_cpu).map(|(after, before)| thousandths(after - before)),
            saturated: saturated(&samples, all).map(seconds),
            busy_efficiency: used.map(|used| thousandths(used / (all * time))),
        })
    }

    /// Returns the CPU time of node and harness divided by the cores, in seconds.
    pub(super) fn cpu_bound(&self) -> Option<f64> {
        let (node, harness) = self.node.zip(self.harness)?;
        Some((node.cpu + harness.cpu) / self.cores.max(1) as f64)
    }
}

/// Returns for how long all cores were busy.
fn saturated(samples: &[&(Duration, Usage)], cores: f64) -> Option<Duration> {
    let intervals = samples.windows(2).filter_map(|pair| {
        let [(began, before), (ended, after)] = pair else { return None };
        let time = ended.saturating_sub(*began);
        let used = after.host_cpu? - before.host_cpu?;
        Some(if used >= SATURATED * cores * time.as_secs_f64() { time } else { Duration::ZERO })
    });
    intervals.reduce(|sum, time| sum + time)
}

/// Returns the samples from the last one before `start` to the first one after `end`.
fn surrounding(samples: &[(Duration, Usage)], start: Duration, end: Duration) -> Vec<&(Duration, Usage)> {
    let first = samples.partition_point(|(at, _)| *at <= start).saturating_sub(1);
    let last = samples.partition_point(|(at, _)| *at < end);
    samples.iter().take(last + 1).skip(first).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Phase;
    use crate::report::timeline::tests::timeline;

    fn sample(at: u64, cpu: f64, host: f64, memory: u64) -> (Duration, Usage) {
        let used = Used { cpu, memory, disk: 10 * at, network: at };
        let harness = Used { cpu: cpu / 10.0, ..Used::default() };
        (Duration::from_secs(at), Usage { node: Some(used), harness: Some(harness), host_cpu: Some(host) })
    }

    #[test]
    fn the_start_up_is_what_counts_with_the_samples_around_it() {
        let mut run = timeline(&[(Phase::Deploy, "db", 10, 11), (Phase::Ready, "db", 11, 14)]);
        run.usage = vec![
            sample(2, 1.0, 5.0, 900),
            sample(10, 5.0, 20.0, 100),
            sample(12, 8.9, 24.0, 300),
            sample(14, 9.0, 26.0, 200),
            sample(20, 50.0, 90.0, 999),
        ];
        let usage = StartupUsage::of(&run, 2).unwrap();
        let node = PartUsage { cpu: 4.0, memory_high_water: 300, disk: 40, network: 4 };
        assert_eq!(usage.node, Some(node));
        assert_eq!(usage.harness.map(|part| part.cpu), Some(0.4));
        assert_eq!(usage.host_cpu, Some(6.0));
        assert_eq!(usage.saturated, Some(2.0), "4 CPU seconds in 2 s of 2 cores, then 2");
        assert_eq!(usage.busy_efficiency, Some(0.55), "4.4 of 8 CPU seconds");
    }

    #[test]
    fn nothing_is_said_without_samples() {
        let run = timeline(&[(Phase::Deploy, "db", 10, 11), (Phase::Ready, "db", 11, 14)]);
        assert_eq!(StartupUsage::of(&run, 2), None);
        let mut blind = run.clone();
        blind.usage = [10, 14].map(|at| (Duration::from_secs(at), Usage::default())).to_vec();
        let usage = StartupUsage::of(&blind, 2).unwrap();
        assert_eq!((usage.node, usage.busy_efficiency, usage.saturated), (None, None, None));
    }
}
