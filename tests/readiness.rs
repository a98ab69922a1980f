//! The run's one watch and wait, against an API server in memory. Time is tokio's, and stands still while work is done.

#[path = "readiness/alone.rs"]
mod alone;
#[path = "readiness/early.rs"]
mod early;
#[path = "readiness/front.rs"]
mod front;
#[path = "readiness/needs.rs"]
mod needs;
#[path = "readiness/objects.rs"]
mod objects;
#[path = "readiness/outages.rs"]
mod outages;
#[path = "readiness/probes.rs"]
mod probes;
#[path = "readiness/record.rs"]
mod record;
#[path = "readiness/server.rs"]
mod server;
#[path = "readiness/states.rs"]
mod states;
#[path = "readiness/unschedulable.rs"]
mod unschedulable;

use std::time::Duration;

use kind_harness::readiness::{Applied, NotReady, ObjectRef, Readiness, Settings};
use kind_harness::report::{Event, EventKind, Events, Outcome, Phase};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, timeout};

use objects::{crashes, deployment, endpoints, pod, service, waits};
use server::Server;

fn start(server: &Server) -> (Readiness, UnboundedReceiver<Event>) {
    let (events, receiver) = Events::channel();
    (Readiness::start(server.client(), "shop", events.observer()), receiver)
}

fn in_seconds(seconds: u64) -> Instant {
    Instant::now() + Duration::from_secs(seconds)
}

fn drain(receiver: &mut UnboundedReceiver<Event>) -> Vec<(String, EventKind)> {
    let mut events = Vec::new();
    while let Ok(event) = receiver.try_recv() {
        assert_eq!(event.phase, Phase::Ready);
        events.push((event.step, event.kind));
    }
    events
}

/// Lets everything that can happen at this moment happen.
async fn settle() {
    let _ = timeout(Duration::from_millis(1), std::future::pending::<()>()).await;
}

#[tokio::test(start_paused = true)]
async fn ready_with_the_last_event() {
    let server = Server::default();
    let (readiness, mut events) = start(&server);
    let mut applied = server.put(&deployment("web", 0));
    applied.extend(server.put(&service("web")));
    readiness.expect("web", applied, Vec::new());
    readiness.expect("db", server.put(&deployment("db", 1)), Vec::new());

    server.put(&(pod("web", &waits("ContainerCreating", "")) + &endpoints("web", false)));
    settle().await;
    server.put(&deployment("web", 1));
    let waiter = tokio::spawn({
        let readiness = readiness.clone();
        async move { readiness.wait_for_all_ready(None, in_seconds(60)).await }
    });
    settle().await;
    assert!(!waiter.is_finished(), "its endpoints are not ready");

    let before = Instant::now();
    server.put(&endpoints("web", true));
    let all = waiter.await.expect("the wait").expect("ready");
    assert!(before.elapsed() < Duration::from_millis(1), "no poll was waited for");
    let names: Vec<_> = all.components.iter().map(|ready| ready.component.as_str()).collect();
    assert_eq!(names, ["web", "db"]);
    assert!(all.components[0].after > all.components[1].after);

    let events = drain(&mut events);
    let of = |name: &str| -> Vec<_> {
        events.iter().filter(|(step, _)| step == name).map(|(_, kind)| kind.clone()).collect()
    };
    assert_eq!(of("db").first(), Some(&EventKind::Started));
    assert_eq!(of("db").last(), Some(&EventKind::Finished(Outcome::Done)));
    let web = of("web");
    assert_eq!(web.last(), Some(&EventKind::Finished(Outcome::Done)));
    let progress = "deployment/web: 0 of 1 replicas ready: pod/web-1-a: container app: ContainerCreating";
    assert!(web.contains(&EventKind::Progress(progress.into())), "{web:?}");
    assert!(web.contains(&EventKind::Progress("service/web: the pod behind it is not ready".into())), "{web:?}");
    let position = |name: &str| events.iter().position(|e| *e == (name.into(), EventKind::Finished(Outcome::Done)));
    assert!(position("db") < position("web"), "each component ends when it is ready");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_asked_twice() {
    let server = Server::default();
    let (readiness, _events) = start(&server);
    for round in 0..20 {
        let name = format!("web-{round}");
        let mut applied = server.put(&deployment(&name, 0));
        applied.extend(server.put(&service(&name)));
        readiness.expect(&name, applied, Vec::new());
        settle().await;
        server.put(&(pod(&name, "") + &endpoints(&name, true) + &deployment(&name, 1)));
    }
    readiness.wait_for_all_ready(None, in_seconds(5)).await.expect("ready");
    let mut requests = server.requests();
    let asked = requests.len();
    requests.sort();
    requests.dedup();
    assert_eq!(requests.len(), asked, "each kind is listed once and watched once");
    assert_eq!(asked, 2 * 8, "{requests:?}");
}

#[tokio::test(start_paused = true)]
async fn the_deadline_quotes_the_last_reason() {
    let server = Server::default();
    let (readiness, mut events) = start(&server);
    readiness.expect("web", server.put(&deployment("web", 0)), Vec::new());
    readiness.expect("db", server.put(&deployment("db", 1)), Vec::new());
    server.put(&pod("web", &waits("ContainerCreating", "")));
    let error = readiness.wait_for_all_ready(Some(&["web", "db", "cache"]), in_seconds(30)).await.expect_err("late");
    assert!(matches!(&error, NotReady::Deadline { waiting, of: 3, .. } if waiting.len() == 2), "{error:?}");
    let text = error.to_string();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], "2 of 3 components are not ready after 30s: web, cache");
    assert_eq!(lines[1], "  web");
    assert_eq!(lines[2], "    deployment/web: 0 of 1 replicas ready: pod/web-1-a: container app: ContainerCreating");
    assert_eq!(lines[4], "    nothing of it has been applied yet");
    assert!(drain(&mut events).contains(&("web".into(), EventKind::Finished(Outcome::Failed))));
}

#[tokio::test(start_paused = true)]
async fn a_crash_loop_ends_the_wait_early_with_its_log() {
    let server = Server::default();
    server.set_log("connecting\npanic: no such table\n");
    let (readiness, _events) = start(&server);
    readiness.expect("web", server.put(&deployment("web", 0)), Vec::new());
    readiness.expect("job", server.put(&deployment("job", 0)), Vec::new());
    readiness.expect("db", server.put(&deployment("db", 0)), Vec::new());
    server.put(&(pod("web", &crashes(2)) + &pod("job", &waits("ErrImageNeverPull", ""))));
    let began = Instant::now();
    let waiter = tokio::spawn(async move { readiness.wait_for_all_ready(None, in_seconds(300)).await });
    settle().await;
    server.put(&pod("web", &crashes(3)));
    let error = waiter.await.expect("the wait").expect_err("failed");
    assert!(began.elapsed() < Duration::from_millis(250), "{:?}", began.elapsed());
    let text = error.to_string();
    assert_eq!(text.lines().next(), Some("2 of 3 components failed: web, job"));
    assert!(
        text.contains("deployment/web: pod/web-1-a: container app keeps crashing: exit code 7, 3 restarts"),
        "{text}"
    );
    assert!(text.contains("| panic: no such table"), "{text}");
    assert!(text.contains("deployment/job: pod/job-1-a: container app: image img is not on the node"), "{text}");
    assert!(text.ends_with("not ready yet: db"), "{text}");
    let NotReady::Failed { failed, .. } = error else { panic!("failed") };
    assert_eq!(failed[0].objects[0].logs.len(), 1, "the same log is told once");
}

#[tokio::test(start_paused = true)]
async fn a_missing_secret_has_its_grace_and_may_come() {
    let server = Server::default();
    let (readiness, _events) = start(&server);
    readiness.expect("web", server.put(&deployment("web", 0)), Vec::new());
    server.put(&pod("web", &waits("CreateContainerConfigError", "secret \"db\" not found")));
    tokio::time::advance(Duration::from_secs(2)).await;
    server.put("- {apiVersion: v1, kind: Secret, metadata: {name: db, namespace: shop}}");
    let wait = timeout(Duration::from_secs(20), readiness.wait_for_all_ready(None, in_seconds(60))).await;
    assert!(wait.is_err(), "the kubelet will try again: {wait:?}");

    let secret = ObjectRef {
        api_version: "v1".into(),
        kind: "Secret".into(),
        namespace: Some("shop".into()),
        name: "db".into(),
    };
    server.delete(&secret);
    let began = Instant::now();
    let error = readiness.wait_for_all_ready(None, in_seconds(60)).await.expect_err("failed");
    assert!(error.to_string().contains("secret \"db\" not found"), "{error}");
    assert!((3..4).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_component_on_its_way_renews_the_grace() {
    let server = Server::default();
    let (readiness, _events) = start(&server);
    readiness.expect("web", server.put(&deployment("web", 0)), Vec::new());
    server.put(&pod("web", &waits("CreateContainerConfigError", "secret \"db\" not found")));
    tokio::time::advance(Duration::from_secs(10)).await;
    settle().await;
    readiness.expect("db", server.put(&deployment("db", 1)), Vec::new());
    let wait = timeout(Duration::from_secs(2), readiness.wait_for_all_ready(None, in_seconds(60))).await;
    assert!(wait.is_err(), "{wait:?}");
}

#[tokio::test(start_paused = true)]
async fn status_of_an_older_generation_is_not_believed() {
    let server = Server::default();
    let (readiness, _events) = start(&server);
    let applied = server.put(&deployment("web", 1));
    let newer = applied.into_iter().map(|applied| Applied { generation: 2, ..applied }).collect();
    readiness.expect("web", newer, Vec::new());
    let error = readiness.wait_for_all_ready(None, in_seconds(1)).await.expect_err("stale");
    assert!(error.to_string().contains("the watch has not shown the applied generation yet"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn events_may_be_forbidden_but_not_what_is_needed() {
    let server = Server::default();
    server.forbid("events");
    let (readiness, mut events) = start(&server);
    readiness.expect("web", server.put(&deployment("web", 0)), Vec::new());
    let wait = timeout(Duration::from_secs(20), readiness.wait_for_all_ready(None, in_seconds(60))).await;
    assert!(wait.is_err(), "{wait:?}");
    let warnings = drain(&mut events).into_iter().filter(|(_, kind)| matches!(kind, EventKind::Warning(_))).count();
    assert_eq!(warnings, 1);
    let asked = server.requests().iter().filter(|request| request.ends_with("/events")).count();
    assert!(asked < 12, "it is not asked for ever: {asked}");

    server.forbid("statefulsets");
    let set = "- {apiVersion: apps/v1, kind: StatefulSet, metadata: {name: db, namespace: shop, uid: s}}";
    readiness.expect("db", server.put(set), Vec::new());
    let error = readiness.wait_for_all_ready(None, in_seconds(60)).await.expect_err("forbidden");
    let text = "the API server refuses to list and watch statefulsets.apps in namespace shop: statefulsets is forbidden: \
         User \"tester\" cannot list resource \"statefulsets\" in API group \"apps\" in the namespace \"shop\"";
    assert_eq!(error.to_string().lines().next(), Some(text));
}

#[tokio::test(start_paused = true)]
async fn a_custom_kind_is_watched_once_it_is_defined() {
    let server = Server::default();
    server.serve_kind("example.com/v1", "Analysis", "analyses", true);
    let (readiness, _events) = start(&server);
    let mut applied =
        server.put("- {apiVersion: example.com/v1, kind: Analysis, metadata: {name: a, namespace: shop, uid: a}}");
    applied.extend(server.put(&definition("False")));
    readiness.expect("analysis", applied, Vec::new());
    settle().await;
    assert!(!server.requests().iter().any(|request| request.contains("example.com")));
    server.put(&definition("True"));
    readiness.wait_for_all_ready(None, in_seconds(5)).await.expect("ready");
    assert!(server.requests().contains(&"watch /apis/example.com/v1/namespaces/shop/analyses".to_owned()));
}

fn definition(established: &str) -> String {
    format!(
        "- {{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {{name: analyses.example.com, uid: crd}}, \
         spec: {{group: example.com, names: {{kind: Analysis, plural: analyses}}, versions: [{{name: v1, served: true}}]}}, \
         status: {{conditions: [{{type: NamesAccepted, status: 'True'}}, {{type: Established, status: '{established}'}}]}}}}"
    )
}

#[tokio::test(start_paused = true)]
async fn a_component_that_is_ready_no_more_is_waited_for_again() {
    let server = Server::default();
    let (readiness, mut events) = start(&server);
    readiness.expect("web", server.put(&deployment("web", 1)), Vec::new());
    readiness.wait_for_all_ready(Some(&["web"]), in_seconds(5)).await.expect("the first stage");
    server.put(&deployment("web", 0));
    settle().await;
    let error = readiness.wait_for_all_ready(None, in_seconds(5)).await.expect_err("no longer ready");
    assert!(matches!(error, NotReady::Deadline { .. }), "{error}");
    let warned = drain(&mut events)
        .into_iter()
        .any(|(_, kind)| matches!(kind, EventKind::Warning(text) if text.contains("no longer")));
    assert!(warned);
}

#[tokio::test(start_paused = true)]
async fn settings_shorten_the_patience() {
    let server = Server::default();
    let settings = Settings { api_gone_after: Duration::from_secs(1), ..Settings::default() };
    let readiness = Readiness::start_with(server.client(), "shop", (), settings);
    readiness.expect("web", server.put(&deployment("web", 0)), Vec::new());
    settle().await;
    server.set_down(true);
    let began = Instant::now();
    readiness.wait_for_all_ready(None, in_seconds(300)).await.expect_err("gone");
    assert!(began.elapsed() < Duration::from_secs(3));
}
