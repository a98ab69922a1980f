use jiff::Timestamp;

use super::*;
use crate::report::{
    HostClass, Limits, Outcome, Phase, PlannedComponent, Reporter, console::QuietConsole, to_json, to_table,
};

pub(in crate::report) fn limits() -> Limits {
    Limits { a: 15.0, b: 25.0, c: 40.0, d: 60.0, warn: 30.0, critical: 60.0 }
}

pub(in crate::report) fn header() -> RunHeader {
    RunHeader {
        format: FORMAT,
        id: "20260101T000000-shop-1".into(),
        began: Timestamp::UNIX_EPOCH,
        version: "0.1.0".into(),
        suite: "shop".into(),
        cluster: "shop".into(),
        strategy: "parallel".into(),
        source: Some("0f".into()),
        host: HostClass { cores: 2, memory_gib: 24, arch: "x86_64".into() },
        calibration: None,
        limits: limits(),
        components: vec![PlannedComponent {
            name: "db".into(),
            until: Vec::new(),
            needs: Vec::new(),
            image_steps: vec!["redis:7".into()],
        }],
    }
}

/// Writes a run to `path` through a reporter, and returns its timeline.
async fn run(path: &Path) -> Timeline {
    let (events, reporter) = Reporter::start(QuietConsole);
    events.pending("db");
    events.step(Phase::Cluster, "kind").done();
    reporter.record(RunRecorder::create(path, header()).unwrap());
    let deploy = events.step(Phase::Deploy, "db");
    deploy.progress("applying");
    deploy.handle().retry(2, 5, "connection refused (applying db)".into(), Duration::from_millis(1234));
    deploy.done();
    events.step(Phase::Ready, "db").done();
    reporter.finish_as(Some(RunOutcome::Ready)).await
}

#[tokio::test]
async fn reports_made_from_the_file_are_those_of_the_run_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.jsonl");
    let timeline = run(&path).await;
    let read = RecordedRun::read(&path).unwrap();
    assert_eq!((read.header.clone(), read.outcome(), read.damage.clone()), (header(), Some(RunOutcome::Ready), None));
    assert_eq!(to_json(&read.timeline(), &read.header).to_string(), to_json(&timeline, &header()).to_string());
    assert_eq!(to_table(&read.timeline(), &read.header), to_table(&timeline, &header()));
    assert_eq!(read.events.len(), 9, "those of before the file was there are in it: {:?}", read.events);
}

#[tokio::test]
async fn a_file_cut_off_anywhere_is_read_up_to_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.jsonl");
    run(&path).await;
    let whole = fs_err::read(&path).unwrap();
    let head = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    for length in head..whole.len() - 1 {
        fs_err::write(&path, &whole[..length]).unwrap();
        let read = RecordedRun::read(&path).unwrap();
        let at_a_line = whole[length - 1] == b'\n' || whole[length] == b'\n';
        assert_eq!(read.damage.is_none(), at_a_line, "{length}: {:?}", read.damage);
        assert!(read.damage.is_none_or(|damage| damage.ends_with("it is cut off")));
        assert_eq!(read.end.is_some(), length == whole.len() - 1, "{length}");
    }
    // Killed between the start and the end of the deployment.
    let text = String::from_utf8(whole).unwrap();
    let kept: Vec<&str> = text.split_inclusive('\n').take(7).collect();
    fs_err::write(&path, kept.concat()).unwrap();
    let timeline = RecordedRun::read(&path).unwrap().timeline();
    let deploy = timeline.spans.iter().find(|span| span.phase == Phase::Deploy).unwrap();
    assert_eq!(deploy.outcome, Outcome::Failed);
}

#[tokio::test]
async fn a_secret_that_becomes_known_late_is_not_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.jsonl");
    let (events, reporter) = Reporter::start(QuietConsole);
    reporter.record(RunRecorder::create(&path, header()).unwrap());
    let step = events.step(Phase::Deploy, "db");
    step.progress("the password is late-secret-of-a-run");
    step.done();
    reporter.so_far().await;
    assert!(fs_err::read_to_string(&path).unwrap().contains("late-secret-of-a-run"));
    Redactor::global().learn_secret(&serde_json::json!({"stringData": {"password": "late-secret-of-a-run"}}));
    reporter.finish_as(Some(RunOutcome::Ready)).await;
    let text = fs_err::read_to_string(&path).unwrap();
    assert!(!text.contains("late-secret-of-a-run"), "{text}");
    let read = RecordedRun::read(&path).unwrap();
    assert_eq!((read.events.len(), read.outcome(), read.damage), (3, Some(RunOutcome::Ready), None));
}

#[test]
fn what_is_no_run_or_of_a_newer_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.jsonl");
    let refused = |text: &str| {
        fs_err::write(&path, text).unwrap();
        RecordedRun::read(&path).unwrap_err().to_string()
    };
    let name = path.display();
    let not_a_run = format!("{name} is not the file of a run: it does not begin with a run's header");
    for text in ["", "\n", "x", "{}", "{\"event\":{}}", "{\"run\":{\"format\":1}}"] {
        assert_eq!(refused(text), not_a_run, "{text:?}");
    }
    let newer = refused("{\"run\":{\"format\":99,\"other\":true}}\n");
    assert_eq!(newer, format!("{name} has format 99; this version of kind-harness reads formats up to 1"));
    assert!(matches!(RecordedRun::read(folder.path()), Err(RunFileError::Unreadable(_))));
}

#[test]
fn two_runs_in_one_file_are_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.jsonl");
    let line = |line: RunLine| format!("{}\n", serde_json::to_string(&line).unwrap());
    let end = || RunLine::End(RunEnd { outcome: None, left_out: 0 });
    let damage = |lines: [RunLine; 3]| {
        fs_err::write(&path, lines.map(line).concat()).unwrap();
        RecordedRun::read(&path).unwrap().damage.unwrap()
    };
    assert_eq!(
        damage([RunLine::Run(Box::new(header())), RunLine::Run(Box::new(header())), end()]),
        "line 2: a second run begins here"
    );
    assert_eq!(damage([RunLine::Run(Box::new(header())), end(), end()]), "line 3: the run has ended before");
    assert!(RunRecorder::create(&path, header()).is_err(), "a run's file is never written over");
}

#[test]
fn a_file_does_not_grow_without_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.jsonl");
    let mut recorder = RunRecorder::create(&path, header()).unwrap();
    let event = |kind| Event {
        at: Duration::from_secs(1),
        wall: Timestamp::UNIX_EPOCH,
        phase: Phase::Ready,
        step: "db".into(),
        kind,
    };
    let long = "x".repeat(1 << 20);
    (0..8).for_each(|_| recorder.event(&event(EventKind::Progress(long.clone()))));
    recorder.event(&event(EventKind::Finished(Outcome::Done)));
    recorder.end(None);
    let read = RecordedRun::read(&path).unwrap();
    assert_eq!(read.end, Some(RunEnd { outcome: None, left_out: 4 }));
    assert_eq!(read.events.last().map(|event| event.kind.clone()), Some(EventKind::Finished(Outcome::Done)));
}

#[test]
fn the_end_of_a_file_tells_how_its_run_has_ended() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.jsonl");
    let found = |text: &str| {
        fs_err::write(&path, text).unwrap();
        outcome_of(&path)
    };
    let run = format!("{{\"run\":\"{}\"}}\n", "x".repeat(500));
    let end = |outcome: &str| format!("{run}{{\"end\":{{\"leftOut\":0,\"outcome\":\"{outcome}\"}}}}\n");
    assert_eq!(found(&end("unchanged")), Some(RunOutcome::Unchanged));
    assert_eq!(found(&end("ready")), Some(RunOutcome::Ready));
    assert_eq!((found(&run), found("")), (None, None));
}
