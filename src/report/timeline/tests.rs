use super::*;

pub(in crate::report) fn timeline(spans: &[(Phase, &str, u64, u64)]) -> Timeline {
    let span = |&(phase, step, start, end): &(Phase, &str, u64, u64)| Span {
        phase,
        step: step.into(),
        start: Duration::from_secs(start),
        end: Duration::from_secs(end),
        outcome: Outcome::Done,
    };
    Timeline { spans: spans.iter().map(span).collect(), ..Timeline::default() }
}

pub(in crate::report) fn example() -> Timeline {
    timeline(&[
        (Phase::Setup, "host", 0, 1),
        (Phase::Images, "node", 1, 4),
        (Phase::Images, "api", 1, 9),
        (Phase::Cluster, "kind", 4, 14),
        (Phase::Deploy, "db", 14, 15),
        (Phase::Deploy, "api", 14, 16),
        (Phase::Ready, "db", 15, 20),
        (Phase::Ready, "api", 16, 24),
    ])
}

#[test]
fn overlap_counts_once_in_wall_time_and_fully_in_efficiency() {
    let timeline = example();
    assert_eq!(timeline.wall(), Duration::from_secs(24));
    assert_eq!(timeline.phase(Phase::Images), Some((Duration::from_secs(1), Duration::from_secs(9))));
    assert_eq!(timeline.phase(Phase::Specs), None);
    // db 14 to 20, api 14 to 24: 16 s of start-up in 10 s.
    assert_eq!(timeline.overlap(), Some(1.6));
}

#[test]
fn time_in_which_every_component_waits_for_its_image_is_no_start_up() {
    let timeline = timeline(&[
        (Phase::Deploy, "db", 10, 11),
        (Phase::Ready, "db", 11, 14),
        (Phase::Deploy, "api", 60, 61),
        (Phase::Ready, "api", 61, 64),
        (Phase::Ready, "web", 62, 63),
    ]);
    assert_eq!(timeline.start_up(), Some(Duration::from_secs(8)));
    assert_eq!(Timeline::default().start_up(), None);
}

#[test]
fn the_critical_path_leaves_out_what_nobody_waited_for() {
    let timeline = example();
    let path: Vec<_> = timeline.critical_path().iter().map(|span| (span.phase, span.step.as_str())).collect();
    let expected = [
        (Phase::Setup, "host"),
        (Phase::Images, "node"),
        (Phase::Cluster, "kind"),
        (Phase::Deploy, "api"),
        (Phase::Ready, "api"),
    ];
    assert_eq!(path, expected);
}

#[test]
fn spans_are_made_from_events() {
    let (events, mut stream) = crate::report::Events::channel();
    events.step(Phase::Deploy, "a").done();
    drop(events.step(Phase::Deploy, "b"));
    drop(events);
    let mut timeline = Timeline::default();
    while let Some(event) = stream.blocking_recv() {
        timeline.record(&event);
    }
    let outcomes: Vec<_> = timeline.spans.iter().map(|span| (span.step.as_str(), &span.outcome)).collect();
    assert_eq!(outcomes, [("a", &Outcome::Done), ("b", &Outcome::Failed)]);
}

#[test]
fn a_retry_is_kept_with_its_step_and_cause() {
    let (events, mut stream) = crate::report::Events::channel();
    events.handle(Phase::Images, "redis:7").retry(2, 5, "timeout (pull)".into(), Duration::from_millis(1400));
    drop(events);
    let mut timeline = Timeline::default();
    timeline.record(&stream.blocking_recv().unwrap());
    let [retry] = timeline.retries.as_slice() else { panic!("{:?}", timeline.retries) };
    assert_eq!((retry.phase, retry.step.as_str(), retry.attempt, retry.of), (Phase::Images, "redis:7", 2, 5));
    assert_eq!((retry.cause.as_str(), retry.after), ("timeout (pull)", Duration::from_millis(1400)));
    assert!(timeline.spans.is_empty());
}
