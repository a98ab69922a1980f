//! What a person is told of a failure, against an API server in memory.

#[allow(dead_code, reason = "other tests use the rest of it")]
#[path = "readiness/objects.rs"]
mod objects;
#[allow(dead_code, reason = "other tests use the rest of it")]
#[path = "readiness/server.rs"]
mod server;

use kind_harness::diagnostics::{Diagnosis, Trouble, investigate};
use kind_harness::object::ObjectRef;
use kind_harness::ready::{Expectation, Settings, examine};
use objects::{crashes, deployment, pod, waits};
use server::Server;

const OLD: &str = "namespace: shop, creationTimestamp: '2020-01-01T00:00:00Z',";

fn put(server: &Server, name: &str, status: &str) {
    server.put(&(deployment(name, 0) + &pod(name, status).replace("namespace: shop,", OLD)));
}

async fn diagnosis(server: &Server, names: &[&str]) -> Diagnosis {
    let deployment = |name: &str| ObjectRef {
        api_version: "apps/v1".into(),
        kind: "Deployment".into(),
        namespace: Some("shop".into()),
        name: name.into(),
    };
    let expectation =
        |name: &&str| Expectation { component: (*name).into(), objects: vec![deployment(name)], probes: Vec::new() };
    let expected: Vec<_> = names.iter().map(expectation).collect();
    let unready = examine(&server.client(), "shop", &expected, &Settings::default()).await.expect("an answer");
    let trouble = Trouble { unready, of: names.len(), ..Trouble::default() };
    investigate(&server.client(), "shop", &trouble).await
}

#[tokio::test]
async fn one_missing_secret_is_one_root_cause() {
    let server = Server::default();
    for name in ["api", "web", "jobs"] {
        put(&server, name, &waits("CreateContainerConfigError", "secret \"db\" not found"));
    }
    server.put(&deployment("db", 1));
    let diagnosis = diagnosis(&server, &["db", "api", "web", "jobs"]).await;
    let headline = "3 of 4 not ready; root cause: secret/db missing, wanted by pod/api-1-a, pod/web-1-a, pod/jobs-1-a";
    assert_eq!(diagnosis.headline(), headline);
    assert_eq!(diagnosis.root_causes[0].next, "kubectl -n shop get secrets");
}

#[tokio::test]
async fn logs_are_shown_without_what_is_in_secrets() {
    let server = Server::default();
    server.set_log("connecting\npassword hunter2222 refused\n");
    server.put(
        "- {apiVersion: v1, kind: Secret, metadata: {name: db, namespace: shop}, data: {password: aHVudGVyMjIyMg==}}",
    );
    put(&server, "api", &crashes(5));
    server.put(
        "- {apiVersion: v1, kind: Event, metadata: {name: e, namespace: shop}, type: Warning, reason: BackOff, \
         message: back-off with hunter2222, involvedObject: {kind: Pod, name: api-1-a, namespace: shop}}",
    );
    let text = diagnosis(&server, &["api"]).await.to_string();
    assert!(text.contains("| password *** refused") && text.contains("back-off with ***"), "{text}");
    assert!(!text.contains("hunter2222"), "{text}");
    assert!(text.starts_with("1 of 1 not ready; root cause: pod/api-1-a: container app keeps crashing"), "{text}");
}

#[tokio::test]
async fn what_may_not_be_listed_is_left_out() {
    let server = Server::default();
    put(&server, "api", &crashes(5));
    for plural in ["secrets", "events", "persistentvolumeclaims"] {
        server.forbid(plural);
    }
    assert!(diagnosis(&server, &["api"]).await.to_string().contains("container app: waiting: CrashLoopBackOff"));
}
