//! The last start-up of a suite's cluster, from the runs that are kept.

use kind_harness::host::folders::Folders;
use kind_harness::report::{RecordedRun, StartupMetrics};
use kind_harness::run::past_runs;

use crate::formats::outcome;
use crate::outputs::{LastStartUp, StartupOptimization};

/// What past runs tell.
#[derive(Debug, Default)]
pub(crate) struct Past {
    /// The last run of the cluster that ended and deployed something.
    pub(crate) last: Option<LastRun>,
    /// The newest run of all that had ended when this was read.
    newest: Option<String>,
}

/// A run, and the figures of its start-up.
#[derive(Debug)]
pub(crate) struct LastRun {
    pub(crate) run: RecordedRun,
    pub(crate) metrics: StartupMetrics,
}

impl Past {
    /// Reads the runs that are kept. Runs that cannot be read count as not kept.
    pub(crate) fn read(folders: &Folders, suite: &str, cluster: &str) -> Past {
        // Before the runs themselves: one that begins meanwhile is read the next time.
        let newest = past_runs::ids(folders).unwrap_or_default().pop();
        let mut newest_first = past_runs::all(folders).into_iter().flatten().rev().flatten().peekable();
        let newest = newest.filter(|_| newest_first.peek().is_some_and(|run| run.end.is_some()));
        Past { last: newest_first.find_map(|run| last_run(run, suite, cluster)), newest }
    }

    /// Reads them again if another run has ended since; `None` if none has.
    pub(crate) fn newer(&self, folders: &Folders, suite: &str, cluster: &str) -> Option<Past> {
        let newest = past_runs::ids(folders).ok()?.pop()?;
        if self.newest.as_ref() == Some(&newest) {
            return None;
        }
        // While a run is in progress, only its own file is read.
        let run = RecordedRun::read(&past_runs::find(folders, Some(&newest)).ok()?).ok()?;
        run.end.is_some().then(|| Past::read(folders, suite, cluster))
    }

    /// Returns the last start-up; `None` when none is kept.
    pub(crate) fn start_up(&self) -> Option<LastStartUp> {
        let LastRun { run, metrics, .. } = self.last.as_ref()?;
        Some(LastStartUp {
            run: run.header.id.clone(),
            began: run.header.began,
            outcome: outcome(run),
            strategy: run.header.strategy.clone(),
            total_seconds: metrics.total,
            lower_bound_seconds: metrics.lower_bound,
            overlap: metrics.overlap,
            components: metrics.components,
            failures: metrics.failures,
            retries: metrics.retries,
        })
    }

    /// Returns how the last start-up was.
    pub(crate) fn optimization(&self) -> StartupOptimization {
        let Some(LastRun { run, metrics }) = &self.last else { return StartupOptimization::default() };
        let busy = metrics.usage.as_ref().and_then(|usage| usage.busy_efficiency);
        StartupOptimization {
            parallel_initialization: Some(run.header.strategy != "sequential"),
            performance_grade: metrics.grade,
            efficiency_percent: busy.map(|busy| tenths(100.0 * busy)),
            speed_up: metrics.speed_up.map(|speed_up| (speed_up * 100.0).round() / 100.0),
        }
    }
}

/// Returns the run's figures, if it is of the cluster, has ended, and deployed something.
fn last_run(run: RecordedRun, suite: &str, cluster: &str) -> Option<LastRun> {
    if run.header.suite != suite || run.header.cluster != cluster || run.end.is_none() {
        return None;
    }
    let metrics = StartupMetrics::of(&run.timeline(), &run.header)?;
    Some(LastRun { run, metrics })
}

fn tenths(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}
