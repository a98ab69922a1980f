//! How much faster a suite starts in parallel than one component after the other, by the runs that are kept.

use kind_harness::report::HostClass;

use super::selection::Finished;
use super::statistics::{Estimate, ratio_estimate};

/// Returns the median start-up of sequential runs divided by that of parallel ones, of runs of `suite` on this class of
/// host that all created their cluster (`is_fresh`), or all did not. `None` when there is no run of one of the two.
pub(super) fn speed_up(runs: &[Finished], suite: &str, host: &HostClass, is_fresh: bool) -> Option<Estimate> {
    let of = |strategy: &str| -> Vec<f64> {
        let same = runs.iter().filter(|run| {
            let header = &run.header;
            header.suite == suite && header.host == *host && run.is_fresh == is_fresh && header.strategy == strategy
        });
        same.map(|run| run.startup).collect()
    };
    ratio_estimate(&of("parallel"), &of("sequential"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use kind_harness::report::RecordedRun;

    use super::*;
    use crate::selection::Selected;

    /// Returns a run with this strategy and start-up in seconds.
    fn run(strategy: &str, startup: f64) -> Finished {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/formats/run.jsonl");
        let mut selected = Selected::from([RecordedRun::read(&file).unwrap()]);
        let mut run = selected.finished.remove(0);
        run.header.strategy = strategy.into();
        run.startup = startup;
        run
    }

    fn of(runs: &[Finished]) -> Option<f64> {
        let like = run("parallel", 1.0);
        speed_up(runs, &like.header.suite, &like.header.host, like.is_fresh).map(|speed_up| speed_up.value)
    }

    #[test]
    fn it_is_the_ratio_of_the_medians() {
        let runs = [("sequential", 30.0), ("parallel", 10.0), ("parallel", 12.0), ("parallel", 90.0), ("waves", 1.0)];
        assert_eq!(of(&runs.map(|(strategy, startup)| run(strategy, startup))), Some(2.5));
    }

    #[test]
    fn it_is_unknown_without_runs_of_both() {
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[run("parallel", 10.0)]), None);
        assert_eq!(of(&[run("sequential", 10.0), run("waves", 5.0)]), None);
    }

    #[test]
    fn runs_of_other_suites_hosts_and_kinds_do_not_count() {
        let runs = || vec![run("sequential", 30.0), run("parallel", 10.0)];
        assert_eq!(of(&runs()), Some(3.0));
        let changes: [fn(&mut Finished); 3] =
            [|run| run.header.suite.push('2'), |run| run.header.host.cores += 1, |run| run.is_fresh = !run.is_fresh];
        for change in changes {
            let mut runs = runs();
            change(&mut runs[0]);
            assert_eq!(of(&runs), None);
        }
    }
}
