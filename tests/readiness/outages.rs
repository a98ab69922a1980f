//! What a watch must cope with, and how little it may ask.

use std::time::Duration;

use kind_harness::readiness::{NotReady, Readiness};
use tokio::time::{Instant, timeout};

use crate::objects::{deployment, pod, waits};
use crate::server::Server;
use crate::{in_seconds, settle, start};

#[tokio::test(start_paused = true)]
async fn nothing_is_listed_again_while_nothing_disconnects() {
    let server = Server::default();
    let (readiness, _events) = start(&server);
    for at in 0..50 {
        readiness.expect(&format!("web-{at}"), server.put(&deployment(&format!("web-{at}"), 0)), Vec::new());
    }
    settle().await;
    let asked = server.requests();
    assert!(asked.iter().filter(|request| request.starts_with("list ")).count() == asked.len() / 2, "{asked:?}");
    for round in 0..200 {
        let name = format!("web-{}", round % 50);
        server.put(&pod(&name, &waits("ContainerCreating", "")));
        server.put(&deployment(&name, u8::from(round >= 150)));
        server.bookmark();
        tokio::time::advance(Duration::from_secs(1)).await;
        settle().await;
    }
    readiness.wait_for_all_ready(None, in_seconds(5)).await.expect("ready");
    assert_eq!(server.requests(), asked, "neither GET nor LIST nor WATCH after the first");
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_ends_is_resumed_where_the_bookmark_says() {
    let server = Server::default();
    let (readiness, _events) = start(&server);
    readiness.expect("web", server.put(&deployment("web", 0)), Vec::new());
    settle().await;
    server.bookmark();
    settle().await;
    let before = server.requests();
    // As an API server does with every watch after some minutes.
    server.end_watches();
    settle().await;
    tokio::time::advance(Duration::from_secs(5)).await;
    settle().await;
    let after = server.requests();
    let lists = |requests: &[String]| requests.iter().filter(|request| request.starts_with("list ")).count();
    assert_eq!(lists(&after), lists(&before), "a watch that is resumed lists nothing");
    assert!(after.len() > before.len(), "it is resumed");
    server.put(&deployment("web", 1));
    readiness.wait_for_all_ready(None, in_seconds(5)).await.expect("ready");
}

#[tokio::test(start_paused = true)]
async fn what_changed_during_a_restart_is_seen_after_it() {
    let server = Server::default();
    let (readiness, _events) = start(&server);
    readiness.expect("web", server.put(&deployment("web", 0)), Vec::new());
    settle().await;
    server.set_down(true);
    server.put(&deployment("web", 1));
    tokio::time::advance(Duration::from_secs(4)).await;
    let wait = tokio::spawn(async move { readiness.wait_for_all_ready(None, in_seconds(60)).await });
    settle().await;
    assert!(!wait.is_finished());
    // A restarted server may have forgotten the version at which the watch would go on.
    server.set_down(false);
    server.forget_history(|_| {});
    wait.await.expect("the wait").expect("ready");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_names_the_rule_that_would_allow_it() {
    let server = Server::default();
    server.forbid("statefulsets");
    let readiness = Readiness::start(server.client(), "shop", ());
    let set = "- {apiVersion: apps/v1, kind: StatefulSet, metadata: {name: db, namespace: shop, uid: s}}";
    readiness.expect("db", server.put(set), Vec::new());
    let error = readiness.wait_for_all_ready(None, in_seconds(60)).await.expect_err("forbidden");
    assert!(matches!(error, NotReady::Forbidden { .. }), "{error:?}");
    let text = error.to_string();
    let rule = r#"allow it with this rule of a Role: {apiGroups: ["apps"], resources: ["statefulsets"], verbs: ["list", "watch"]}"#;
    assert!(text.contains(rule), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_definition_is_ready_when_its_kind_is_served() {
    let server = Server::default();
    server.serve_kind("example.com/v1", "Analysis", "analyses", true);
    server.set_served("analyses", false);
    let (readiness, _events) = start(&server);
    readiness.expect("crd", server.put(&crate::definition("True")), Vec::new());
    let early = timeout(Duration::from_secs(5), readiness.wait_for_all_ready(None, in_seconds(60))).await;
    assert!(early.is_err(), "established, but not served yet: {early:?}");
    server.set_served("analyses", true);
    readiness.wait_for_all_ready(None, in_seconds(5)).await.expect("ready");
}

#[tokio::test(start_paused = true)]
async fn an_object_of_a_kind_that_comes_later_is_found() {
    let server = Server::default();
    server.serve_kind("example.com/v1", "Analysis", "analyses", true);
    server.set_served("analyses", false);
    let (readiness, _events) = start(&server);
    let analysis = "- {apiVersion: example.com/v1, kind: Analysis, metadata: {name: a, namespace: shop, uid: a}}";
    readiness.expect("analysis", server.put(analysis), Vec::new());
    server.put(&crate::definition("True"));
    let early = timeout(Duration::from_secs(5), readiness.wait_for_all_ready(None, in_seconds(60))).await;
    assert!(early.is_err(), "{early:?}");
    server.set_served("analyses", true);
    readiness.wait_for_all_ready(None, in_seconds(5)).await.expect("ready");
}

#[tokio::test(start_paused = true)]
async fn an_object_recreated_under_its_name_is_the_one_that_counts() {
    let server = Server::default();
    let (readiness, _events) = start(&server);
    let applied = server.put(&deployment("web", 1));
    readiness.expect("web", applied.clone(), Vec::new());
    readiness.wait_for_all_ready(None, in_seconds(5)).await.expect("ready");
    server.delete(&applied[0].object);
    settle().await;
    server.put(&deployment("web", 0).replace("uid: d-web", "uid: d-web-2"));
    let early = timeout(Duration::from_secs(1), readiness.wait_for_all_ready(None, in_seconds(60))).await;
    assert!(early.is_err(), "the new one is not ready: {early:?}");
    server.put(&deployment("web", 1).replace("uid: d-web", "uid: d-web-2"));
    readiness.wait_for_all_ready(None, in_seconds(5)).await.expect("ready");
}

#[tokio::test(start_paused = true)]
async fn a_webhook_waits_for_a_service_of_another_namespace() {
    let server = Server::default();
    let (readiness, _events) = start(&server);
    let hook = "- {apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingWebhookConfiguration, metadata: {name: h, uid: h}, webhooks: [{name: deny, clientConfig: {service: {name: web, namespace: shop}}}]}";
    let elsewhere = |yaml: String| yaml.replace("namespace: shop", "namespace: guard");
    readiness.expect("hook", server.put(&elsewhere(hook.to_owned())), Vec::new());
    let early = timeout(Duration::from_secs(5), readiness.wait_for_all_ready(None, in_seconds(60))).await;
    assert!(early.is_err(), "{early:?}");
    server.put(&elsewhere(crate::objects::service("web")));
    server.put(&elsewhere(crate::objects::endpoints("web", true)));
    readiness.wait_for_all_ready(None, in_seconds(5)).await.expect("ready");
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_is_gone_is_named() {
    let server = Server::default();
    let (readiness, _events) = start(&server);
    readiness.expect("web", server.put(&deployment("web", 0)), Vec::new());
    settle().await;
    server.set_down(true);
    let began = Instant::now();
    let error = readiness.wait_for_all_ready(None, in_seconds(300)).await.expect_err("gone");
    assert_eq!(error.to_string(), "the API server has been unreachable for 10s: connection refused");
    assert!(began.elapsed() < Duration::from_secs(12));
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_comes_back_is_forgiven() {
    let server = Server::default();
    let (readiness, _events) = start(&server);
    readiness.expect("web", server.put(&deployment("web", 0)), Vec::new());
    settle().await;
    server.set_down(true);
    tokio::time::advance(Duration::from_secs(8)).await;
    server.set_down(false);
    let wait = timeout(Duration::from_secs(30), readiness.wait_for_all_ready(None, in_seconds(60))).await;
    assert!(wait.is_err(), "a quiet watch is no broken one: {wait:?}");
    server.put(&deployment("web", 1));
    readiness.wait_for_all_ready(None, in_seconds(5)).await.expect("ready");
}

#[tokio::test(start_paused = true)]
async fn what_vanished_while_history_was_lost_is_noticed() {
    let server = Server::default();
    let (readiness, _events) = start(&server);
    let applied = server.put(&deployment("web", 0));
    readiness.expect("web", applied.clone(), Vec::new());
    settle().await;
    server.forget_history(|_| server.delete(&applied[0].object));
    let error = readiness.wait_for_all_ready(None, in_seconds(60)).await.expect_err("deleted");
    assert!(error.to_string().contains("deployment/web: it was deleted while the run waited for it"), "{error}");
}
