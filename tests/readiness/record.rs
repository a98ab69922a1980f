//! What is recorded of a wait, and that a replay comes to the same.

use std::io::BufReader;
use std::path::Path;
use std::time::Duration;

use kind_harness::readiness::{Readiness, Recorder, Replay, Settings, replay};
use serde_json::Value;
use tokio::time::Instant;

use crate::early::needs;
use crate::objects::{crashes, deployment, endpoints, pod, service, waits};
use crate::server::Server;
use crate::{in_seconds, settle};

fn start(server: &Server, file: &Path) -> Readiness {
    let recorder = Recorder::create(file).expect("a file to record into");
    let settings = Settings::default();
    Readiness::start_recorded(server.client(), "shop", (), settings, Some(recorder))
}

fn again(text: &str) -> Replay {
    replay(BufReader::new(text.as_bytes())).expect("a recording")
}

/// What was made of it while it was recorded: `(time, component, name, verdict, reason)`.
fn then(text: &str) -> Vec<(f64, Value)> {
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line of JSON"));
    lines.filter_map(|line| Some((line["at"].as_f64()?, line.get("verdict")?.clone()))).collect()
}

fn same(replayed: &Replay, text: &str) {
    let then = then(text);
    let told = |at: f64, judged: &Value| {
        format!("{at:.2} {} {} {} {}", judged["component"], judged["kind"], judged["verdict"], judged["message"])
    };
    let then_told: Vec<_> = then.iter().map(|(at, judged)| told(*at, judged)).collect();
    let now_told: Vec<_> = replayed
        .verdicts
        .iter()
        .map(|change| serde_json::to_value(change).expect("fields"))
        .map(|judged| told(judged["at"].as_f64().unwrap_or_default(), &judged))
        .collect();
    assert_eq!(now_told, then_told);
    for (now, (at, then)) in replayed.verdicts.iter().zip(then) {
        let drift = (now.at.as_secs_f64() - at).abs();
        assert!(drift < 0.003, "{now:?} came at {at}");
        let mut now = serde_json::to_value(now).expect("fields");
        now["at"] = then["at"].clone();
        assert_eq!(now, then);
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_replayed_at_its_moment() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let server = Server::default();
    let readiness = start(&server, file.path());
    let mut applied = server.put(&deployment("web", 0));
    applied.extend(server.put(&service("web")));
    readiness.expect("web", applied, Vec::new());
    readiness.expect("db", server.put(&deployment("db", 1)), Vec::new());
    readiness.expect("job", server.put(&deployment("job", 0)), Vec::new());
    settle().await;
    tokio::time::advance(Duration::from_millis(700)).await;
    server.put(&pod("web", &waits("CreateContainerConfigError", "secret \"db\" not found")));
    let wait = tokio::spawn({
        let readiness = readiness.clone();
        async move { readiness.wait_for_all_ready(None, in_seconds(60)).await }
    });
    settle().await;
    tokio::time::advance(Duration::from_secs(1)).await;
    server.put(&(pod("job", &crashes(1)) + &endpoints("web", false)));
    wait.await.expect("the wait").expect_err("failed");
    drop(readiness);

    let text = std::fs::read_to_string(file.path()).expect("the recording");
    let began = std::time::Instant::now();
    let replayed = again(&text);
    assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
    same(&replayed, &text);
    let [ended] = replayed.waits.as_slice() else { panic!("{:?}", replayed.waits) };
    assert_eq!(ended.how, "failed");
    assert!((3.6..4.0).contains(&ended.at.as_secs_f64()), "{ended:?}");
    let failed: Vec<_> = replayed.verdicts.iter().filter(|change| change.judgement.verdict.is_failed()).collect();
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0].judgement.verdict.reason(), "CreateContainerConfigError");

    let cut = &text[..text.len() - 20];
    assert_eq!(again(cut).waits.len(), 1, "a run that was killed leaves half a line");
    let patient = text.replace("\"config\":{\"secs\":3,", "\"config\":{\"secs\":30,");
    assert_ne!(patient, text);
    assert!((30.5..31.5).contains(&again(&patient).waits[0].at.as_secs_f64()), "another grace, another end");
}

#[tokio::test(start_paused = true)]
async fn readiness_is_replayed_and_an_outage_too() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let server = Server::default();
    let readiness = start(&server, file.path());
    readiness.expect("web", server.put(&deployment("web", 0)), Vec::new());
    settle().await;
    server.set_down(true);
    tokio::time::advance(Duration::from_secs(3)).await;
    server.set_down(false);
    settle().await;
    server.put(&deployment("web", 1));
    readiness.wait_for_all_ready(None, in_seconds(20)).await.expect("ready");
    server.set_down(true);
    readiness.expect("db", server.put(&deployment("db", 1)), Vec::new());
    let began = Instant::now();
    readiness.wait_for_all_ready(None, in_seconds(300)).await.expect_err("gone");
    assert!(began.elapsed() < Duration::from_secs(20));
    drop(readiness);
    let text = std::fs::read_to_string(file.path()).expect("the recording");
    let replayed = again(&text);
    same(&replayed, &text);
    let ends: Vec<_> = replayed.waits.iter().map(|wait| wait.how).collect();
    assert_eq!(ends, ["ready", "gone"]);
}

#[tokio::test(start_paused = true)]
async fn a_failure_before_all_is_applied_is_replayed() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let server = Server::default();
    let readiness = start(&server, file.path());
    readiness.plan(needs(&[("web", &["db"]), ("db", &[]), ("late", &[])]));
    readiness.expect("web", server.put(&deployment("web", 0)), Vec::new());
    server.put(&pod("web", &waits("CreateContainerConfigError", "secret \"db\" not found")));
    let failure = tokio::spawn({
        let readiness = readiness.clone();
        async move { readiness.failure(&["web", "db", "late"]).await }
    });
    settle().await;
    tokio::time::advance(Duration::from_secs(5)).await;
    readiness.expect("db", server.put(&deployment("db", 1)), Vec::new());
    failure.await.expect("the wait");
    drop(readiness);
    let text = std::fs::read_to_string(file.path()).expect("the recording");
    let replayed = again(&text);
    same(&replayed, &text);
    let [ended] = replayed.waits.as_slice() else { panic!("{:?}", replayed.waits) };
    assert_eq!(ended.how, "failed");
    assert!((8.0..8.5).contains(&ended.at.as_secs_f64()), "{ended:?}");
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_follows_one_for_failures_is_the_only_one_that_ends() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let server = Server::default();
    let readiness = start(&server, file.path());
    readiness.expect("web", server.put(&deployment("web", 0)), Vec::new());
    let early = tokio::time::timeout(Duration::from_secs(1), readiness.failure(&["web"])).await;
    assert!(early.is_err(), "nothing has failed: {early:?}");
    let wait = tokio::spawn({
        let readiness = readiness.clone();
        async move { readiness.wait_for_all_ready(Some(&["web"]), in_seconds(60)).await }
    });
    settle().await;
    server.put(&pod("web", &crashes(3)));
    wait.await.expect("the wait").expect_err("failed");
    drop(readiness);
    let text = std::fs::read_to_string(file.path()).expect("the recording");
    let ends: Vec<_> = again(&text).waits.iter().map(|wait| wait.how).collect();
    assert_eq!(ends, ["failed"]);
}

#[tokio::test(start_paused = true)]
async fn secrets_are_not_recorded() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let server = Server::default();
    let readiness = start(&server, file.path());
    let secret = "- {apiVersion: v1, kind: Secret, metadata: {name: db, namespace: shop, uid: s, annotations: {kubectl.kubernetes.io/last-applied-configuration: 'hunter2'}}, data: {password: aHVudGVyMg==}, stringData: {password: hunter2}}\n\
        - {apiVersion: v1, kind: Pod, metadata: {name: p, namespace: shop, uid: p}, spec: {containers: [{name: a, env: [{name: PASSWORD, value: hunter2}], args: [hunter2]}]}, status: {phase: Succeeded}}\n";
    readiness.expect("db", server.put(secret), Vec::new());
    readiness.wait_for_all_ready(None, in_seconds(5)).await.expect("ready");
    drop(readiness);
    let text = std::fs::read_to_string(file.path()).expect("the recording");
    assert!(text.contains("\"Secret\"") && !text.contains("hunter2") && !text.contains("aHVudGVyMg"), "{text}");
}

#[test]
fn what_is_no_recording_is_refused() {
    for (text, part) in [("", "does not begin"), ("hello\nworld\n", "line 1"), ("{\"at\":0}\n{}\n", "line 1")] {
        let error = replay(text.as_bytes()).expect_err(part).to_string();
        assert!(error.contains(part), "{error}");
    }
}
