use std::time::Duration;

use jiff::Timestamp;
use kind_harness::report::{
    Calibration, Event, EventKind, HostClass, Limits, Outcome, PlannedComponent, RecordedRun, RunEnd, RunHeader,
    RunOutcome, Usage,
};

use super::*;

/// A run of one component that was ready after `seconds`.
fn run(seconds: f64, cores: usize, outcome: Option<RunOutcome>) -> RecordedRun {
    let event = |at: f64, phase, kind| Event {
        at: Duration::from_secs_f64(at),
        wall: Timestamp::UNIX_EPOCH,
        phase,
        step: "db".into(),
        kind,
    };
    let header = RunHeader {
        format: 1,
        id: "1".into(),
        began: Timestamp::UNIX_EPOCH,
        version: "0.1.0".into(),
        suite: "shop".into(),
        cluster: "shop".into(),
        strategy: "parallel".into(),
        source: None,
        host: HostClass { cores, memory_gib: 24, arch: "x86_64".into() },
        calibration: None,
        limits: Limits { a: 15.0, b: 25.0, c: 40.0, d: 60.0, warn: 30.0, critical: 60.0 },
        components: vec![PlannedComponent {
            name: "db".into(),
            needs: Vec::new(),
            until: Vec::new(),
            image_steps: Vec::new(),
        }],
    };
    let events = vec![
        event(0.0, Phase::Deploy, EventKind::Started),
        event(0.1, Phase::Deploy, EventKind::Finished(Outcome::Done)),
        event(0.1, Phase::Ready, EventKind::Started),
        event(seconds, Phase::Ready, EventKind::Finished(Outcome::Done)),
    ];
    RecordedRun { header, events, end: Some(RunEnd { outcome, left_out: 0 }), damage: None }
}

fn runs(seconds: [f64; 5]) -> Selected {
    Selected::from(seconds.map(|it| run(it, 2, Some(RunOutcome::Ready))))
}

const USUAL: [f64; 5] = [5.0, 5.1, 5.2, 5.3, 5.4];

#[test]
fn what_takes_longer_is_named_with_the_component() {
    let comparison = Comparison::of(&runs(USUAL), &runs(USUAL.map(|it| it * 1.3)), 0.2).unwrap_or_else(|_| panic!());
    assert_eq!((comparison.change(), comparison.exit()), (Change::Regressed, Exit::Slower));
    let text = comparison.text();
    assert!(text.contains("   db            5.20 s  6.76 s  1.30"), "{text}");
    assert!(text.ends_with("regressed: deploy + ready, with a threshold of 20 %"), "{text}");
    let back = Comparison::of(&runs(USUAL.map(|it| it * 1.3)), &runs(USUAL), 0.2).unwrap_or_else(|_| panic!());
    assert_eq!((back.change(), back.exit()), (Change::Improved, Exit::Done));
}

/// Runs during which all cores of a host were busy, on which the calibration took that many milliseconds.
fn busy(seconds: [f64; 5], calibration: f64, optimised: bool) -> Selected {
    let busy = |seconds: f64| {
        let mut run = run(seconds, 2, Some(RunOutcome::Ready));
        run.header.calibration = Some(Calibration { seconds: calibration / 1000.0, optimised });
        let sample = |at: f64| Event {
            at: Duration::from_secs_f64(at),
            wall: Timestamp::UNIX_EPOCH,
            phase: Phase::Deploy,
            step: String::new(),
            kind: EventKind::Usage(Usage { host_cpu: Some(2.0 * at), ..Usage::default() }),
        };
        run.events.extend([0.0, seconds].map(sample));
        run
    };
    Selected::from(seconds.map(busy))
}

#[test]
fn a_slower_host_is_not_taken_for_a_slower_suite() {
    let slower = USUAL.map(|seconds| seconds * 1.3);
    let change = |base: &Selected, new: &Selected| {
        let comparison = Comparison::of(base, new, 0.2).unwrap_or_else(|_| panic!());
        (comparison.change(), comparison.text().contains("scaled to the speed"))
    };
    assert_eq!(change(&busy(USUAL, 2.0, true), &busy(slower, 2.6, true)), (Change::Same, true));
    assert_eq!(change(&busy(USUAL, 2.0, true), &busy(slower, 2.0, true)), (Change::Regressed, false));
    // Neither an older run without a calibration nor one of another build says how fast the host was.
    assert_eq!(change(&runs(USUAL), &busy(slower, 2.6, true)), (Change::Regressed, false));
    assert_eq!(change(&busy(USUAL, 2.0, false), &busy(slower, 2.6, true)), (Change::Regressed, false));
}

#[test]
fn runs_that_did_not_bring_the_suite_up_are_counted_and_not_compared() {
    let outcomes = [Some(RunOutcome::Failed), Some(RunOutcome::Unchanged), None];
    let failed = Selected::from(outcomes.map(|outcome| run(5.0, 2, outcome)));
    assert_eq!((failed.finished.len(), failed.others), (0, 3));
    let comparison = Comparison::of(&runs(USUAL), &failed, 0.2).unwrap_or_else(|_| panic!());
    assert_eq!(comparison.exit(), Exit::NotEnoughRuns);
    let text = comparison.text();
    assert!(
        text.contains(
            "medians of 5 and 0 runs, on clusters that were there; left out: 3 that did not bring the suite up"
        ),
        "{text}"
    );
    assert!(text.ends_with("not enough data: 5 runs on each side are needed"), "{text}");
}

#[test]
fn hosts_of_different_classes_are_not_compared() {
    let other = Selected::from(USUAL.map(|it| run(it, 8, Some(RunOutcome::Ready))));
    let Err(refused) = Comparison::of(&runs(USUAL), &other, 0.2) else { panic!("8 cores are not 2") };
    let text = "the runs are from hosts that cannot be compared: 2 cores, 24 GiB, x86_64, and 8 cores, 24 GiB, x86_64";
    assert_eq!((refused.exit, refused.text.as_str()), (Exit::Usage, text));
}

#[test]
fn percentages_are_read_with_and_without_their_sign() {
    assert_eq!((percent("20"), percent("20 %"), percent("7.5%")), (Ok(0.2), Ok(0.2), Ok(0.075)));
    for wrong in ["", "x", "-5", "0", "NaN", "1e9"] {
        assert!(percent(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn of_two_kinds_of_runs_that_cannot_be_compared_the_one_with_more_is_told() {
    let fresh = |mut run: RecordedRun| {
        let cluster = |seconds, kind| Event {
            at: Duration::from_secs(seconds),
            phase: Phase::Cluster,
            kind,
            ..run.events[0].clone()
        };
        let made = [cluster(0, EventKind::Started), cluster(2, EventKind::Finished(Outcome::Done))];
        run.events.splice(0..0, made);
        run
    };
    let ready = |seconds| run(seconds, 2, Some(RunOutcome::Ready));
    let new = USUAL.map(|seconds| fresh(ready(seconds))).into_iter().chain([ready(3.0)]);
    let comparison =
        Comparison::of(&Selected::from(Vec::new()), &Selected::from(new), 0.2).unwrap_or_else(|_| panic!());
    let text = comparison.text();
    assert!(text.contains("medians of 0 and 5 runs, each with a new cluster"), "{text}");
}
