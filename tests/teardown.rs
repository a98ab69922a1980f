//! Components are taken away, and the cluster stays; against an API server in memory. Time stands still while work is done.

#[path = "teardown/server.rs"]
mod server;
#[path = "teardown/uids.rs"]
mod uids;

use std::time::Duration;

use kind_harness::cluster::{Ownership, Target};
use kind_harness::host::resilience::Resilience;
use kind_harness::readiness::ObjectRef;
use kind_harness::report::{Event, EventKind, Events, Outcome, Phase};
use kind_harness::suite::config::RetrySpec;
use kind_harness::teardown::{RemovalTarget, RemoveOptions, remove};
use rstest::rstest;
use serde_json::{Value, json};
use tokio::time::Instant;

use server::Server;

/// `deployment/web` and the like, in namespace shop where they are in one.
fn object(name: &str) -> ObjectRef {
    let (kind, name) = name.split_once('/').expect("kind/name");
    let (api_version, kind, namespaced) = match kind {
        "deployment" => ("apps/v1", "Deployment", true),
        "configmap" => ("v1", "ConfigMap", true),
        "pod" => ("v1", "Pod", true),
        "widget" => ("example.com/v1", "Widget", true),
        "gadget" => ("example.org/v1", "Gadget", true),
        "gizmo" => ("example.com/v1", "Gizmo", true),
        "definition" => ("apiextensions.k8s.io/v1", "CustomResourceDefinition", false),
        other => panic!("no kind {other}"),
    };
    let namespace = namespaced.then(|| "shop".to_owned());
    ObjectRef { api_version: api_version.into(), kind: kind.into(), namespace, name: name.into() }
}

fn doomed(component: &str, objects: &[&str]) -> RemovalTarget {
    RemovalTarget { component: component.into(), objects: objects.iter().map(|name| object(name).into()).collect() }
}

/// Three components in two waves: `db` and `cache`, then `api`.
fn shop(server: &Server) -> Vec<Vec<RemovalTarget>> {
    for name in ["db", "cache", "api"] {
        server.deployment(name, name);
        server.put("configmaps", name);
    }
    let [db, cache, api] =
        ["db", "cache", "api"].map(|name| doomed(name, &[&format!("configmap/{name}"), &format!("deployment/{name}")]));
    vec![vec![db, cache], vec![api]]
}

/// Removes them; tells what went wrong, and the events.
async fn run(
    server: &Server,
    waves: Vec<Vec<RemovalTarget>>,
    kill: &RemoveOptions,
) -> (Result<(), String>, Vec<Event>) {
    let (events, mut stream) = Events::channel();
    let resilience = Resilience::new(&RetrySpec::default(), events.handle(Phase::Teardown, "cluster"));
    let result = remove(&server.client(), "shop", waves, kill, &events, &resilience).await;
    drop((events, resilience));
    let mut seen = Vec::new();
    while let Some(event) = stream.recv().await {
        seen.push(event);
    }
    (result.map_err(|error| error.to_string()), seen)
}

fn steps(events: &[Event]) -> Vec<(&str, &EventKind)> {
    let is_step = |event: &&Event| matches!(event.kind, EventKind::Started | EventKind::Finished(_));
    events.iter().filter(is_step).map(|event| (event.step.as_str(), &event.kind)).collect()
}

fn position(changes: &[String], change: &str) -> usize {
    changes.iter().position(|it| it == change).unwrap_or_else(|| panic!("{change} is not in {changes:?}"))
}

#[tokio::test(start_paused = true)]
async fn all_at_once_and_each_has_a_step_of_its_own() {
    let server = Server::default();
    let waves = shop(&server);
    let (result, events) = run(&server, waves, &RemoveOptions::default()).await;
    assert_eq!(result, Ok(()));
    assert_eq!(server.left(), Vec::<String>::new());
    assert!(events.iter().all(|event| event.phase == Phase::Teardown));
    let steps = steps(&events);
    assert!(steps[..3].iter().all(|(_, kind)| **kind == EventKind::Started), "{steps:?}");
    assert!(steps[3..].iter().all(|(_, kind)| **kind == EventKind::Finished(Outcome::Done)), "{steps:?}");
    assert_eq!(steps.len(), 6);
}

#[tokio::test(start_paused = true)]
async fn wave_by_wave_those_first_that_nobody_needs() {
    let server = Server::default();
    let waves = shop(&server);
    let (result, events) = run(&server, waves, &RemoveOptions { parallel: false, ..RemoveOptions::default() }).await;
    assert_eq!(result, Ok(()));
    let steps = steps(&events);
    assert_eq!(steps[..2], [("api", &EventKind::Started), ("api", &EventKind::Finished(Outcome::Done))]);
    assert_eq!(server.left(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_does_not_end_is_ended_without_grace_at_the_deadline() {
    let server = Server::default();
    let waves = shop(&server);
    server.make_stubborn("db-1-a");
    let began = Instant::now();
    let (result, events) = run(&server, waves, &RemoveOptions::default()).await;
    assert_eq!(result, Ok(()));
    assert_eq!(server.left(), Vec::<String>::new());
    let took = began.elapsed();
    assert!((Duration::from_secs(30)..Duration::from_secs(31)).contains(&took), "{took:?}");
    let forced: Vec<_> = server.changes().into_iter().filter(|change| change.contains(" pods/")).collect();
    assert_eq!(forced, ["DELETE pods/db-1-a"], "nobody else's");
    let warnings = events.iter().filter_map(|event| match &event.kind {
        EventKind::Warning(text) => Some(text.as_str()),
        _ => None,
    });
    let expected = "db: deployment/db not gone after 30s; ended without grace: pod/db-1-a";
    assert_eq!(warnings.collect::<Vec<_>>(), [expected]);
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_has_ended_is_not_waited_for() {
    let server = Server::default();
    let waves = shop(&server);
    server.make_slow("db-1-a");
    let began = Instant::now();
    let (result, _) = run(&server, waves, &RemoveOptions::default()).await;
    assert_eq!(result, Ok(()));
    assert_eq!(server.left(), Vec::<String>::new());
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    let dismissed: Vec<_> = server.changes().into_iter().filter(|change| change.contains(" pods/")).collect();
    assert_eq!(dismissed, ["DELETE pods/db-1-a"], "nobody else's");
}

#[tokio::test(start_paused = true)]
async fn who_has_no_time_does_not_wait_for_a_graceful_end() {
    let server = Server::default();
    let waves = shop(&server);
    server.make_stubborn("db-1-a");
    let began = Instant::now();
    let (result, _) =
        run(&server, waves, &RemoveOptions { deadline: Duration::ZERO, ..RemoveOptions::default() }).await;
    assert_eq!(result, Ok(()));
    assert_eq!(server.left(), Vec::<String>::new());
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_has_too_much_to_do_is_asked_again_and_that_is_told() {
    let server = Server::default();
    let waves = shop(&server);
    server.be_busy("deployments");
    let (result, events) = run(&server, waves, &RemoveOptions::default()).await;
    assert_eq!(result, Ok(()));
    assert_eq!(server.left(), Vec::<String>::new());
    let retries = events.iter().filter(|event| matches!(event.kind, EventKind::Retry { .. }));
    let told: Vec<_> = retries.map(|event| (event.phase, format!("{:?}", event.kind))).collect();
    let [(Phase::Teardown, retry)] = &told[..] else { panic!("{told:?}") };
    assert!(retry.contains("too many requests (deleting deployment/"), "{retry}");
}

#[rstest]
#[case::it_is_told(false)]
#[case::it_is_forced(true)]
#[tokio::test(start_paused = true)]
async fn a_finalizer_that_nobody_removes(#[case] force: bool) {
    let server = Server::default();
    let mut waves = shop(&server);
    server.put_with_finalizer("widgets", "w", "example.com/guard");
    waves[1][0].objects.push(object("widget/w").into());
    let (result, events) = run(&server, waves, &RemoveOptions { force, ..RemoveOptions::default() }).await;
    if force {
        assert_eq!(result, Ok(()));
        assert_eq!(server.left(), Vec::<String>::new());
        return;
    }
    let text = result.expect_err("it is kept");
    let expected = "not everything could be removed:\n  api: widget/w is kept by finalizers: example.com/guard; \
                    whoever put them there should remove them; `--force` does";
    assert_eq!(text, expected);
    assert_eq!(server.left(), ["widgets/w"], "everything else is gone");
    let failed = ("api", &EventKind::Finished(Outcome::Failed));
    assert!(steps(&events).contains(&failed));
    assert!(steps(&events).contains(&("db", &EventKind::Finished(Outcome::Done))));
}

#[rstest]
#[case::and_so_do_those_that_nobody_named(true)]
#[case::a_definition_alone_has_time(false)]
#[tokio::test(start_paused = true)]
async fn custom_objects_go_while_every_controller_is_still_there(#[case] more: bool) {
    let server = Server::default();
    let mut waves = shop(&server);
    server.put("widgets", "w");
    if more {
        server.put("widgets", "made-by-a-test");
    }
    server.put("customresourcedefinitions", "widgets.example.com");
    waves[1][0].objects.extend([object("definition/widgets.example.com").into(), object("widget/w").into()]);
    let (result, _) = run(&server, waves, &RemoveOptions::default()).await;
    assert_eq!(result, Ok(()));
    assert_eq!(server.left(), Vec::<String>::new());
    let changes = server.changes();
    let (widget, definition) = ("DELETE widgets/w", "DELETE customresourcedefinitions/widgets.example.com");
    let last = position(&changes, if more { definition } else { widget });
    assert!(position(&changes, widget) < position(&changes, definition), "{changes:?}");
    for controller in ["db", "cache", "api"] {
        assert!(last < position(&changes, &format!("DELETE deployments/{controller}")), "{changes:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_refusal_is_told_and_the_rest_is_gone() {
    let server = Server::default();
    let waves = shop(&server);
    server.forbid_changes("configmaps");
    let (result, _) = run(&server, waves, &RemoveOptions::default()).await;
    let text = result.expect_err("configmaps may not be deleted");
    for component in ["db", "cache", "api"] {
        assert!(text.contains(&format!("\n  {component}: configmap/{component} cannot be removed: ")), "{text}");
    }
    assert_eq!(server.left(), ["configmaps/api", "configmaps/cache", "configmaps/db"]);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_answer_is_not_waited_for_for_ever() {
    let server = Server::default();
    let waves = shop(&server);
    server.hang("configmaps");
    let (result, _) = run(&server, waves, &RemoveOptions::default()).await;
    let text = result.expect_err("nobody knows of configmaps");
    assert!(text.contains("\n  db: the API server does not say whether configmap/db is gone"), "{text}");
    assert_eq!(server.left(), ["configmaps/api", "configmaps/cache", "configmaps/db"]);
}

#[rstest]
#[case::looked_at(true)]
#[case::not_looked_at(false)]
#[tokio::test(start_paused = true)]
async fn what_somebody_makes_again_is_found_at_the_end(#[case] verify: bool) {
    let server = Server::default();
    let waves = shop(&server);
    server.make_again("cache");
    let (result, _) = run(&server, waves, &RemoveOptions { verify, ..RemoveOptions::default() }).await;
    let expected =
        "not everything could be removed:\n  cache: configmap/cache is still there: somebody has made it again";
    assert_eq!(result, if verify { Err(expected.to_owned()) } else { Ok(()) });
}

#[tokio::test(start_paused = true)]
async fn what_was_never_there_is_no_error_and_takes_no_time() {
    let server = Server::default();
    let began = Instant::now();
    let not_served = ["gadget/of-a-group-that-is-not-served", "gizmo/of-one-that-is"];
    let waves = vec![vec![doomed("api", &["deployment/api", not_served[0], not_served[1]])]];
    let (result, events) = run(&server, waves, &RemoveOptions::default()).await;
    assert_eq!(result, Ok(()));
    assert_eq!(steps(&events).last(), Some(&("api", &EventKind::Finished(Outcome::Unchanged))));
    assert!(began.elapsed() < Duration::from_secs(1));
}
