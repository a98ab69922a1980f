//! What becomes of a manifest that the API server does not simply take, against a server in memory.

#![expect(clippy::unwrap_used, reason = "a test that cannot prepare its server has failed")]

#[path = "deploy/concurrent.rs"]
mod concurrent;
#[path = "deploy/jobs.rs"]
mod jobs;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use http::{Request, Response};
use kind_harness::cluster::PortMap;
use kind_harness::deploy::{Applier, ComponentManifests, Deployer, HostContext, Webhooks};
use kind_harness::host::resilience::Resilience;
use kind_harness::images::ComponentImages;
use kind_harness::readiness::Readiness;
use kind_harness::report::{EventKind, Events, Phase};
use kind_harness::suite::config::{Component, RetrySpec};
use kind_harness::suite::manifests::{self, Manifest};
use kube::Client;
use kube::client::Body;
use rstest::rstest;
use serde_json::{Value, json};
use tokio::time::{Instant, advance};

/// Serves two kinds, ConfigMap and Service, and answers requests to apply with what the test has put in line.
#[derive(Clone, Default)]
struct Server(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    answers: VecDeque<Value>,
    applies: Vec<String>,
}

impl Server {
    fn answering(answers: impl IntoIterator<Item = Value>) -> Server {
        Server(Arc::new(Mutex::new(State { answers: answers.into_iter().collect(), applies: Vec::new() })))
    }

    fn client(&self) -> Client {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let answer = server.answer(&request);
            async move {
                let status = u16::try_from(answer["code"].as_u64().unwrap_or(200)).unwrap();
                let body = Body::from(answer.to_string().into_bytes());
                Ok::<_, std::convert::Infallible>(Response::builder().status(status).body(body).unwrap())
            }
        });
        Client::new(service, "shop")
    }

    fn answer(&self, request: &Request<Body>) -> Value {
        match request.uri().path() {
            "/api/v1" => json!({
                "kind": "APIResourceList", "groupVersion": "v1", "resources":
                    [{"name": "configmaps", "singularName": "configmap", "namespaced": true, "kind": "ConfigMap", "verbs": []},
                     {"name": "services", "singularName": "service", "namespaced": true, "kind": "Service", "verbs": []}],
            }),
            "/api/v1/services" => json!({"kind": "ServiceList", "apiVersion": "v1", "metadata": {}, "items": [
                {"metadata": {"name": "other", "namespace": "shop"}, "spec": {"ports": [{"port": 80, "nodePort": 30081}]}},
                {"metadata": {"name": "web", "namespace": "stall"}, "spec": {"ports": [{"port": 80, "nodePort": 30080}]}},
            ]}),
            "/api/v1/namespaces/shop/serviceaccounts" => {
                json!({"kind": "ServiceAccountList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"},
                    "items": [{"metadata": {"name": "default", "namespace": "shop"}}]})
            }
            path if path.contains("/configmaps/") || path.contains("/services/") => {
                let mut state = self.0.lock().unwrap();
                state.applies.push(request.uri().query().unwrap_or_default().into());
                state.answers.pop_front().unwrap_or_else(|| panic!("it was asked once more than expected"))
            }
            path => failure(404, &format!("the server could not find the requested resource: {path}")),
        }
    }

    fn applies(&self) -> Vec<String> {
        self.0.lock().unwrap().applies.clone()
    }
}

fn failure(code: u16, message: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "x", "message": message, "code": code})
}

fn taken() -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "app", "namespace": "shop", "uid": "u1", "generation": 3}})
}

/// Deploys into the namespace `shop` of `client`'s server; every image is on the nodes.
fn deployer(client: Client, events: Events) -> Deployer {
    Deployer {
        applier: Applier::new(client.clone(), "shop"),
        readiness: Readiness::start(client, "shop", events.observer()),
        images: Arc::new(|_| async { Ok(ComponentImages::new()) }.boxed()),
        ports: PortMap::default(),
        events,
        context: HostContext::default(),
        patience: Duration::from_secs(300),
        webhooks: Webhooks::default(),
    }
}

/// The one object of `yaml`, and the folder of its file.
fn manifest(yaml: &str) -> (tempfile::TempDir, Manifest) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("app.yaml"), yaml).unwrap();
    let manifest = manifests::load(folder.path(), &["app.yaml".into()]).unwrap().remove(0);
    (folder, manifest)
}

/// Applies the one object of `yaml`, and tells how that ended and what was said meanwhile.
async fn apply(server: &Server, yaml: &str) -> (Result<String, String>, Vec<String>) {
    let (_folder, manifest) = manifest(yaml);
    let (events, mut said) = Events::channel();
    let applied = Applier::new(server.client(), "shop").apply(&manifest, &events).await;
    drop(events);
    let mut warnings = Vec::new();
    while let Some(event) = said.recv().await {
        if let EventKind::Warning(text) = event.kind {
            warnings.push(text);
        }
    }
    let applied = applied.map(|applied| format!("{} {}", applied.uid, applied.generation));
    (applied.map_err(|error| error.to_string()), warnings)
}

const CONFIG_MAP: &str = "# A comment first.\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: app}\n";

#[rstest]
#[case::throttled(failure(429, "too many requests"))]
#[case::a_server_that_starts(failure(503, "apiserver not ready"))]
#[case::a_webhook_that_is_not_there_yet(failure(500, "failed calling webhook \"x\": connection refused"))]
#[case::a_race_with_another_writer(failure(409, "the object has been modified"))]
#[tokio::test(start_paused = true)]
async fn what_passes_is_tried_again(#[case] first: Value) {
    let server = Server::answering([first.clone(), first, taken()]);
    assert_eq!(apply(&server, CONFIG_MAP).await, (Ok("u1 3".into()), vec![]));
    assert_eq!(server.applies().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_lacks_its_namespaces_account_is_tried_again_once_that_is_there() {
    let text = "pods \"app\" is forbidden: error looking up service account shop/default: serviceaccount \"default\" not found";
    let server = Server::answering([failure(403, text), taken()]);
    let began = Instant::now();
    assert_eq!(apply(&server, CONFIG_MAP).await, (Ok("u1 3".into()), vec![]));
    assert_eq!(
        (server.applies().len(), began.elapsed()),
        (2, Duration::ZERO),
        "no pause, which would be a second or more"
    );
}

#[rstest]
#[case::a_field_that_does_not_exist(
    failure(400, "strict decoding error: unknown field data.b"),
    "strict decoding error: unknown field data.b"
)]
#[case::not_allowed(failure(403, "configmaps is forbidden"), "configmaps is forbidden")]
#[case::a_mistake_of_the_servers(failure(500, "an internal error"), "an internal error")]
#[tokio::test(start_paused = true)]
async fn a_refusal_is_final_and_names_the_line(#[case] answer: Value, #[case] words: &str) {
    let server = Server::answering([answer]);
    let (result, _) = apply(&server, CONFIG_MAP).await;
    assert_eq!(result.unwrap_err(), format!("app.yaml:2: configmap/app was refused: {words}"));
}

#[tokio::test(start_paused = true)]
async fn what_goes_on_failing_is_given_up_after_five_attempts() {
    let server = Server::answering(std::iter::repeat_n(failure(503, "apiserver not ready"), 5));
    let began = Instant::now();
    let (result, _) = apply(&server, CONFIG_MAP).await;
    assert_eq!(result.unwrap_err(), "app.yaml:2: configmap/app was refused: apiserver not ready");
    assert_eq!(server.applies().len(), 5);
    let pauses = Duration::from_secs(1 + 2 + 4 + 8);
    assert!((pauses..=pauses + 4 * Duration::from_secs(1)).contains(&began.elapsed()), "{:?}", began.elapsed());
}

/// Whoever is told of retries learns whose they are, and what the attempt before failed of.
#[tokio::test(start_paused = true)]
async fn a_retry_is_an_event_of_its_component() {
    let server = Server::answering([failure(503, "apiserver not ready"), taken()]);
    let (_folder, manifest) = manifest(CONFIG_MAP);
    let (events, mut said) = Events::channel();
    let resilience = Resilience::new(&RetrySpec::default(), events.handle(Phase::Deploy, "cluster"));
    let deployer = deployer(server.client(), events);
    let deployer = Deployer { applier: deployer.applier.clone().with(resilience), ..deployer };
    let component = Component { name: "web".into(), ..Component::default() };
    let deployed = deployer
        .deploy(vec![ComponentManifests { component, manifests: vec![manifest], ..ComponentManifests::default() }])
        .await
        .unwrap();
    assert_eq!(deployed["web"].objects.len(), 1);
    let mut retries = Vec::new();
    while let Ok(event) = said.try_recv() {
        if let EventKind::Retry { attempt, of, cause, .. } = event.kind {
            retries.push((event.phase, event.step, attempt, of, cause));
        }
    }
    let cause = "service unavailable (applying configmap/app)".to_owned();
    assert_eq!(retries, [(Phase::Deploy, "web".to_owned(), 2, 5, cause)]);
}

/// Three objects were given up for the same cause: the fourth would only take as long to fail.
#[tokio::test(start_paused = true)]
async fn a_server_that_goes_on_failing_is_left_alone_for_a_minute() {
    let server = Server::answering(std::iter::repeat_n(failure(503, "apiserver not ready"), 15).chain([taken()]));
    let (_folder, manifest) = manifest(CONFIG_MAP);
    let (applier, events) = (Applier::new(server.client(), "shop"), Events::discard());
    for _ in 0..3 {
        applier.apply(&manifest, &events).await.unwrap_err();
    }
    assert_eq!(
        applier.clone().apply(&manifest, &events).await.unwrap_err().to_string(),
        "app.yaml:2: configmap/app could not be applied: the API server is not asked, because 3 calls in a row came to \
         nothing: service unavailable; the next try is possible in 1m"
    );
    assert_eq!(server.applies().len(), 15);
    advance(Duration::from_mins(1)).await;
    assert_eq!(applier.apply(&manifest, &events).await.unwrap().uid, "u1");
}

#[rstest]
#[case::of_a_group_that_is_not_there("shop.example/v1", "Basket")]
#[case::of_a_group_that_is("v1", "ConfigMapp")]
#[tokio::test(start_paused = true)]
async fn a_kind_that_is_not_served_is_named(#[case] api_version: &str, #[case] kind: &str) {
    let server = Server::default();
    let yaml = format!("apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: app}}\n");
    let (result, _) = apply(&server, &yaml).await;
    let expected = format!(
        "app.yaml:1: {}/app is of a kind that the cluster does not serve: {api_version} {kind}",
        kind.to_lowercase()
    );
    assert_eq!(result.unwrap_err(), expected);
}

/// Somebody edited a field by hand: that is said, and the manifest wins.
#[rstest]
#[case::one("Apply failed with 1 conflict: conflict with \"kubectl-edit\": .data.a")]
#[case::several("Apply failed with 2 conflicts: conflicts with \"kubectl-edit\":\n- .data.a\n- .data.b")]
#[tokio::test(start_paused = true)]
async fn a_field_that_another_owns_is_taken_back_and_that_is_said(#[case] conflict: &str) {
    let server = Server::answering([failure(409, conflict), taken()]);
    let (result, warnings) = apply(&server, CONFIG_MAP).await;
    assert_eq!(result.unwrap(), "u1 3");
    assert_eq!(warnings, [format!("configmap/app: {conflict}; the manifest wins")]);
    let forced: Vec<bool> = server.applies().iter().map(|query| query.contains("force=true")).collect();
    assert_eq!(forced, [false, true]);
}

#[tokio::test(start_paused = true)]
async fn who_holds_a_node_port_is_named() {
    let words =
        "Service \"app\" is invalid: spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated";
    let server = Server::answering([failure(422, words)]);
    let service =
        "apiVersion: v1\nkind: Service\nmetadata: {name: app}\nspec: {ports: [{port: 80, nodePort: 30080}]}\n";
    let (result, _) = apply(&server, service).await;
    let expected = format!("app.yaml:1: service/app was refused: {words}; held by service/web of stall");
    assert_eq!(result.unwrap_err(), expected);
}
