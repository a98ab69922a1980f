//! What the harness promises: components are deployed at once, and every result is gathered.

use std::time::Duration;

use http::{Request, Response};
use kind_harness::deploy::{ComponentManifests, DeployError};
use kind_harness::report::{EventKind, Events, Phase};
use kind_harness::suite::config::{Component, Need, Until};
use kube::Client;
use kube::client::Body;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::{deployer, failure, manifest, taken};

/// A server that takes its time for each object: `delay` by the object's name, or `None` to refuse it at once.
#[expect(clippy::disallowed_methods, reason = "the time of a server is what is tested here, and the clock is paused")]
fn client(delay: fn(&str) -> Option<u64>) -> Client {
    let service = tower::service_fn(move |request: Request<Body>| async move {
        let path = request.uri().path().to_owned();
        let answer = match path.rsplit_once("/configmaps/") {
            Some((_, name)) => match delay(name) {
                Some(millis) => {
                    sleep(Duration::from_millis(millis)).await;
                    taken()
                }
                None => failure(422, "it is invalid"),
            },
            None if path == "/api/v1" => json!({"kind": "APIResourceList", "groupVersion": "v1", "resources":
                [{"name": "configmaps", "singularName": "configmap", "namespaced": true, "kind": "ConfigMap", "verbs": []}]}),
            None => failure(404, "not found"),
        };
        let status = u16::try_from(answer["code"].as_u64().unwrap_or(200)).unwrap();
        Ok::<_, std::convert::Infallible>(
            Response::builder().status(status).body(Body::from(answer.to_string().into_bytes())).unwrap(),
        )
    });
    Client::new(service, "shop")
}

/// A component of one object, and the folder of its file.
fn parcel(name: &str, object: &str, needs: Vec<Need>) -> (tempfile::TempDir, ComponentManifests) {
    let (folder, manifest) = manifest(object);
    let component = Component { name: name.into(), needs, ..Component::default() };
    (folder, ComponentManifests { component, manifests: vec![manifest], ..ComponentManifests::default() })
}

/// Deploys components `a` to `e`, of one object each, and returns the result, and in which order they were deployed.
async fn deploy(delay: fn(&str) -> Option<u64>) -> (Result<(), DeployError>, Vec<String>, Duration) {
    deploy_with(delay, |_| None).await
}

/// The same, with the component until whose objects are applied each one is held back.
async fn deploy_with(
    delay: fn(&str) -> Option<u64>,
    until_applied: fn(&str) -> Option<&str>,
) -> (Result<(), DeployError>, Vec<String>, Duration) {
    let (events, mut said) = Events::channel();
    let deployer = deployer(client(delay), events);
    let (_folders, stage): (Vec<_>, Vec<_>) = ["a", "b", "c", "d", "e"]
        .into_iter()
        .map(|name| {
            let need = |need: &str| Need { component: need.into(), until: Some(Until::Applied) };
            let needs = until_applied(name).into_iter().map(need).collect();
            parcel(name, &format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n"), needs)
        })
        .unzip();
    let began = Instant::now();
    let result = deployer.deploy(stage).await.map(drop);
    let took = began.elapsed();
    let mut order = Vec::new();
    while let Ok(event) = said.try_recv() {
        if event.phase == Phase::Deploy && matches!(event.kind, EventKind::Finished(_)) {
            order.push(event.step);
        }
    }
    (result, order, took)
}

#[tokio::test(start_paused = true)]
async fn five_components_of_300_ms_each_are_deployed_in_less_than_600() {
    let (result, _, took) = deploy(|_| Some(300)).await;
    assert!(result.is_ok(), "{result:?}");
    assert!(took < Duration::from_millis(600), "one after the other they take 1.5 s: {took:?}");
}

#[tokio::test(start_paused = true)]
async fn results_come_in_the_order_in_which_components_are_deployed() {
    let (result, order, _) = deploy(|name| Some(100 * u64::from(b'f' - name.as_bytes()[0]))).await;
    assert!(result.is_ok(), "{result:?}");
    assert_eq!(order, ["e", "d", "c", "b", "a"]);
}

#[tokio::test(start_paused = true)]
async fn every_component_that_failed_is_named() {
    let (result, ..) = deploy(|name| (name == "c").then_some(10)).await;
    let failed: Vec<String> = result.unwrap_err().failed.into_iter().map(|(name, _)| name).collect();
    assert_eq!(failed, ["a", "b", "d", "e"]);
}

#[tokio::test(start_paused = true)]
async fn until_holds_back_who_says_so_and_nobody_else() {
    let (result, order, took) = deploy_with(|_| Some(300), |name| (name == "b").then_some("e")).await;
    assert!(result.is_ok(), "{result:?}");
    assert_eq!(order.last().map(String::as_str), Some("b"), "{order:?}");
    let range = Duration::from_millis(600)..Duration::from_millis(900);
    assert!(range.contains(&took), "one after the other, the rest beside them: {took:?}");
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_component_that_fails_says_so() {
    let (result, ..) = deploy_with(|name| (name != "e").then_some(10), |name| (name == "b").then_some("e")).await;
    let failed = result.unwrap_err().to_string();
    assert!(failed.contains("\n  b: it needs e, which could not be deployed\n"), "{failed}");
    assert!(failed.starts_with("2 of 5 components"), "{failed}");
}

const DEFINITION: &str = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: widgets.shop.example}\n\
    spec: {group: shop.example, scope: Namespaced, names: {kind: Widget, plural: widgets},\n  \
    versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]}\n";

#[tokio::test]
async fn only_who_needs_a_definition_waits_until_it_is_served() {
    let server = fake_api::Server::default();
    server.serve_kind("apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions", false);
    server.serve_kind("v1", "ConfigMap", "configmaps", true);
    let (events, mut said) = Events::channel();
    let deployer = deployer(server.client(), events);
    let objects = [
        ("defines", DEFINITION),
        ("uses", "apiVersion: shop.example/v1\nkind: Widget\nmetadata: {name: a}\n"),
        ("other", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"),
    ];
    let stage = objects.into_iter().map(|(name, object)| parcel(name, object, Vec::new()));
    let (_folders, stage): (Vec<_>, Vec<_>) = stage.unzip();
    let deployed = tokio::spawn(async move { deployer.deploy(stage).await.map(drop) });
    let mut finished = async || loop {
        let event = said.recv().await.unwrap();
        if event.phase == Phase::Deploy && matches!(event.kind, EventKind::Finished(_)) {
            return event.step;
        }
    };
    assert_eq!(finished().await, "other");
    assert!(server.object("shop.example/v1", "Widget", "shop", "a").is_none(), "applied before its kind is served");
    let mut definition: serde_json::Value = serde_saphyr::from_str(DEFINITION).unwrap();
    definition["status"] = json!({"conditions": [{"type": "Established", "status": "True"}]});
    server.serve_kind("shop.example/v1", "Widget", "widgets", true);
    server.put(definition);
    let mut others = [finished().await, finished().await];
    others.sort();
    assert_eq!(others, ["defines", "uses"]);
    deployed.await.unwrap().unwrap();
}
