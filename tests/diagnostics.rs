//! What a person is told of a failure, against an API server in memory.

#[allow(dead_code, reason = "other tests use the rest of it")]
#[path = "readiness/objects.rs"]
mod objects;
#[allow(dead_code, reason = "other tests use the rest of it")]
#[path = "readiness/server.rs"]
mod server;

use std::path::Path;
use std::time::Duration;

use kind_harness::cluster::{Cluster, PortMap, Record};
use kind_harness::readiness::{Expectation, ObjectRef, Settings, examine};
use kind_harness::run::diagnostics::{Bounds, Bundle, BundleContext, Diagnosis, Unreadiness, bundle, investigate};
use kind_harness::suite::config::{self, Overrides, ProviderKind};
use kind_harness::suite::name::ClusterName;
use kind_harness::suite::plan::Plan;
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
    let trouble = Unreadiness { unready, of: names.len(), ..Unreadiness::default() };
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

/// A suite of one component that brings a Secret.
fn plan(folder: &Path) -> Plan {
    let suite = "suite: tiny\nnamespace: shop\ncomponents:\n  - {name: api, manifests: [api.yaml]}\n";
    std::fs::write(folder.join("e2e.yaml"), suite).expect("written");
    let secret = "{apiVersion: v1, kind: Secret, metadata: {name: s}, stringData: {token: correct-horse}}";
    std::fs::write(folder.join("api.yaml"), secret).expect("written");
    Plan::new(config::load(&folder.join("e2e.yaml"), &Overrides::default()).expect("valid")).expect("in order")
}

fn cluster(client: kube::Client) -> Cluster {
    let record = Record {
        name: ClusterName::new("tiny").expect("a label"),
        suite: "e2e.yaml".into(),
        namespace: "shop".into(),
        provider: ProviderKind::Existing,
        context: None,
        engine: None,
        nodes: Vec::new(),
        layers: None,
        images: None,
        ports: PortMap::default(),
        shape: String::new(),
        created: jiff::Timestamp::UNIX_EPOCH,
        lease: None,
        deployment: None,
    };
    let config = kube::Config::new(http::Uri::from_static("http://127.0.0.1:1"));
    Cluster { record, kubeconfig: "kubeconfig".into(), config, client, nodes: None }
}

async fn bundled(client: kube::Client, time: Duration) -> (tempfile::TempDir, Bundle) {
    let folder = tempfile::tempdir().expect("a folder");
    let story = BundleContext { summary: "1 of 1 not ready".into(), timeline: Some(serde_json::json!({"format": 1})) };
    let bounds = Bounds { time, ..Bounds::default() };
    let made = bundle(&folder.path().join("to"), &plan(folder.path()), &cluster(client), &story, bounds).await;
    (folder, made.expect("a bundle"))
}

fn files(folder: &Path, found: &mut Vec<(String, String)>, root: &Path) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, found, root);
        } else {
            let name = path.strip_prefix(root).expect("below").display().to_string();
            found.push((name, std::fs::read_to_string(path).expect("text")));
        }
    }
    found.sort();
}

#[tokio::test]
async fn a_bundle_has_everything_but_secrets() {
    let server = Server::default();
    server.set_log("hunter2222 and correct-horse, Authorization: Bearer abcdefgh12345678\n");
    put(&server, "api", &crashes(5));
    server.put(
        "- {apiVersion: v1, kind: Secret, metadata: {name: db, namespace: shop}, data: {password: aHVudGVyMjIyMg==}}
- {apiVersion: v1, kind: ConfigMap, metadata: {name: c, namespace: shop, managedFields: [{manager: me}]}, data: {url: 'db://ann:hunter2222@db'}}
- {apiVersion: v1, kind: Event, metadata: {name: e, namespace: shop}, type: Warning, reason: BackOff, message: no hunter2222, involvedObject: {kind: Pod, name: api-1-a}}
- {apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: widgets.example.com}, spec: {group: example.com, scope: Namespaced, names: {kind: Widget, plural: widgets}, versions: [{name: v1, served: true, schema: {openAPIV3Schema: {}}}]}}
- {apiVersion: example.com/v1, kind: Widget, metadata: {name: w, namespace: shop}, spec: {env: [{name: API_KEY, value: abc}]}}",
    );
    let (_folder, bundle) = bundled(server.client(), Duration::from_secs(15)).await;
    assert_eq!(bundle.omitted, Vec::<String>::new());
    let mut found = Vec::new();
    files(&bundle.folder, &mut found, &bundle.folder);
    let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    let expected = [
        "events.txt",
        "logs/shop/api-1-a/app.log",
        "logs/shop/api-1-a/app.previous.log",
        "objects/_cluster/customresourcedefinition-widgets.example.com.yaml",
        "objects/shop/configmap-c.yaml",
        "objects/shop/deployment-api.yaml",
        "objects/shop/pod-api-1-a.yaml",
        "objects/shop/replicaset-api-1.yaml",
        "objects/shop/secret-db.yaml",
        "objects/shop/widget-w.yaml",
        "summary.txt",
        "timeline.json",
    ];
    assert_eq!(names, expected);
    for (name, text) in &found {
        for secret in ["hunter2222", "aHVudGVyMjIyMg", "correct-horse", "abcdefgh12345678", "managedFields", "openAPI"]
        {
            assert!(!text.contains(secret), "{secret} is in {name}:\n{text}");
        }
    }
    let text = |name: &str| &found.iter().find(|(known, _)| known == name).expect("it is there").1;
    assert!(text("objects/shop/configmap-c.yaml").contains("db://ann:***@db"));
    assert!(text("objects/shop/widget-w.yaml").contains("API_KEY"));
    assert_eq!(text("logs/shop/api-1-a/app.log"), "*** and ***, Authorization: Bearer ***\n");
    assert_eq!(text("events.txt"), "shop pod/api-1-a Warning BackOff: no ***\n");
    assert_eq!(bundle.bytes, found.iter().map(|(_, text)| text.len() as u64).sum::<u64>());
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_hangs_does_not_keep_a_bundle_from_ending() {
    let hangs = tower::service_fn(|_: http::Request<kube::client::Body>| {
        std::future::pending::<Result<http::Response<kube::client::Body>, std::io::Error>>()
    });
    let began = tokio::time::Instant::now();
    let (_folder, bundle) = bundled(kube::Client::new(hangs, "shop"), Duration::from_secs(15)).await;
    assert!(began.elapsed() <= Duration::from_secs(16), "{:?}", began.elapsed());
    let summary = std::fs::read_to_string(bundle.folder.join("summary.txt")).expect("a summary");
    assert!(summary.starts_with("1 of 1 not ready\n\nnot in this bundle:\n"), "{summary}");
    assert!(summary.contains("no answer within 3s"), "{summary}");
}
