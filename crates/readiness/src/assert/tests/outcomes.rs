//! Results of assertions while the API server responds.

use std::time::{Duration, Instant};

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{Api, DynamicObject};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};

use super::server::Server;
use crate::assert::{Error, HistoryEvent, Outcome, always, eventually, never};

/// Returns a Deployment with this number of ready replicas.
pub(super) fn deployment(ready: u64) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "uid": "u1", "generation": 1},
        "spec": {"replicas": 3, "selector": {}, "template": {}}, "status": {"readyReplicas": ready}})
}

pub(super) fn deployments(server: &Server) -> Api<Deployment> {
    Api::namespaced(server.client(), "shop")
}

fn ready(deployment: &Deployment) -> Option<i32> {
    deployment.status.as_ref().and_then(|status| status.ready_replicas)
}

/// Calls `act` once the server is watched.
fn once_watched(server: &Server, act: impl FnOnce(&Server) + Send + 'static) {
    let server = server.clone();
    tokio::spawn(async move {
        server.watched().await;
        act(&server);
    });
}

#[tokio::test]
async fn an_object_that_is_as_wanted_is_returned_at_once() {
    let server = Server::new(Some(deployment(3)));
    let web = eventually(&deployments(&server), "web").matches("status: {readyReplicas: 3}").await.unwrap();
    assert_eq!(ready(&web), Some(3));
    let requests = server.requests();
    assert!(requests.iter().all(|request| request.contains("fieldSelector=metadata.name=web")), "{requests:?}");
}

#[tokio::test]
async fn an_object_is_awaited_through_all_its_states() {
    let server = Server::new(None);
    once_watched(&server, |server| (1..=3).for_each(|ready| server.put(deployment(ready))));
    let web = eventually(&deployments(&server), "web")
        .matches("status: {readyReplicas: 3}")
        .contains(json!({"spec": {"replicas": 3}}))
        .is(|web: Option<&Deployment>| web.and_then(ready) == Some(3))
        .satisfies("three are ready", |web| ready(web) == Some(3))
        .await
        .unwrap();
    assert_eq!(ready(&web), Some(3));
    let watches = server.requests().iter().filter(|request| request.contains("watch=true")).count();
    assert_eq!(watches, 1, "{:?}", server.requests());
}

#[tokio::test(start_paused = true)]
async fn a_time_out_shows_the_nearest_miss_and_the_history() {
    let server = Server::new(Some(deployment(0)));
    once_watched(&server, |server| [2, 1].into_iter().for_each(|ready| server.put(deployment(ready))));
    let error = eventually(&deployments(&server), "web")
        .within(Duration::from_secs(7))
        .matches("{spec: {replicas: 3}, status: {readyReplicas: 2, availableReplicas: 2}}")
        .satisfies("has a leader", |_| false)
        .await
        .unwrap_err();
    let expected = r#"
deployments/web in namespace shop was not as wanted within 7 s
  wanted:
    spec:
      replicas: 3
    status:
      availableReplicas: 2
      readyReplicas: 2
    has a leader
  nearest miss, at +0 s:
    status.availableReplicas: wanted 2, was absent
    has a leader: wanted true, was false
  the object was then:
    status:
      readyReplicas: 2
  history:
    +0 s       found, generation 1
    +0 s       status.readyReplicas: 0 -> 2
    +0 s       status.readyReplicas: 2 -> 1"#;
    assert_eq!(format!("\n{error}"), expected);
    assert_eq!(format!("{error:?}"), error.to_string(), "a test that returns the error prints all of it");
}

#[tokio::test(start_paused = true)]
async fn an_object_that_never_exists_is_its_own_nearest_miss() {
    let server = Server::new(None);
    let error = eventually(&deployments(&server), "web").await.unwrap_err();
    let told = error.to_string();
    assert!(told.contains("within 30 s\n  wanted:\n    the object exists\n"), "{told}");
    assert!(told.contains("the object: wanted to exist, was absent"), "{told}");
    assert!(told.ends_with("there is no such object"), "{told}");
}

#[tokio::test]
async fn an_object_that_is_deleted_is_absent() {
    let server = Server::new(Some(deployment(3)));
    once_watched(&server, Server::delete);
    eventually(&deployments(&server), "web").absent().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_object_that_stays_is_not_absent() {
    let server = Server::new(Some(deployment(3)));
    let error = eventually(&deployments(&server), "web").absent().within(Duration::from_secs(2)).await.unwrap_err();
    assert_eq!(error.failure().unwrap().outcome, Outcome::StillExists);
    assert!(error.to_string().starts_with("deployments/web in namespace shop still exists after 2 s\n  history:"));
}

#[tokio::test(start_paused = true)]
async fn always_returns_the_last_state_after_the_whole_time() {
    let server = Server::new(Some(deployment(2)));
    once_watched(&server, |server| server.put(deployment(3)));
    let began = tokio::time::Instant::now();
    let web = always(&deployments(&server), "web").during(Duration::from_secs(9)).matches("spec: {replicas: 3}").await;
    assert_eq!(ready(&web.unwrap()), Some(3));
    assert_eq!(began.elapsed().as_secs(), 9);
}

#[tokio::test]
async fn always_fails_at_once_when_it_is_broken() {
    let server = Server::new(Some(deployment(3)));
    once_watched(&server, |server| [3, 2].into_iter().for_each(|ready| server.put(deployment(ready))));
    let began = Instant::now();
    let wanted = always(&deployments(&server), "web").during(Duration::from_secs(60));
    let error = wanted.matches("status: {readyReplicas: 3}").await.unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    let told = error.to_string();
    assert_eq!(error.failure().unwrap().outcome, Outcome::Broken);
    assert!(told.contains("and had to be for 60 s"), "{told}");
    assert!(told.contains("status.readyReplicas: wanted 3, was 2"), "{told}");
}

#[tokio::test]
async fn always_has_to_hold_at_the_first_look_and_until_the_object_is_deleted() {
    let server = Server::new(Some(deployment(2)));
    let error = always(&deployments(&server), "web").matches("status: {readyReplicas: 3}").await.unwrap_err();
    assert!(error.to_string().contains("was not as wanted at the first look, and had to be for 5 s"), "{error}");

    let server = Server::new(Some(deployment(3)));
    once_watched(&server, Server::delete);
    let error = never(&deployments(&server), "web").absent().during(Duration::from_secs(60)).await.unwrap_err();
    let failure = error.failure().unwrap();
    assert_eq!(failure.outcome, Outcome::Broken);
    let events: Vec<_> = failure.history.entries().map(|entry| entry.event.clone()).collect();
    assert_eq!(events, [HistoryEvent::Found { generation: Some(1) }, HistoryEvent::Deleted]);
}

#[tokio::test]
async fn never_fails_at_once_when_it_occurs() {
    let server = Server::new(None);
    once_watched(&server, |server| (0..3).for_each(|ready| server.put(deployment(ready))));
    let unwanted = never(&deployments(&server), "web").during(Duration::from_secs(60));
    let error = unwanted.matches("status: {readyReplicas: 1}").await.unwrap_err();
    let told = error.to_string();
    assert_eq!(error.failure().unwrap().outcome, Outcome::Occurred);
    assert!(told.contains("\n  unwanted:\n    status:\n      readyReplicas: 1\n  history:\n"), "{told}");
    assert!(told.contains("there is no such object\n    +") && told.contains("created, generation 1"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn never_holds_when_nothing_occurs() {
    let server = Server::new(Some(deployment(2)));
    let began = tokio::time::Instant::now();
    never(&deployments(&server), "web").matches("status: {readyReplicas: 3}").await.unwrap();
    assert_eq!(began.elapsed().as_secs(), 5);
    let error = never(&deployments(&server), "web").await.unwrap_err();
    assert_eq!(error.failure().unwrap().outcome, Outcome::Occurred, "it exists");
}

#[tokio::test(start_paused = true)]
async fn an_object_made_again_has_a_history_of_its_own() {
    let server = Server::new(Some(deployment(0)));
    once_watched(&server, |server| {
        let mut again = deployment(1);
        again["metadata"]["uid"] = "u2".into();
        server.put(again);
    });
    let error = eventually(&deployments(&server), "web").matches("status: {readyReplicas: 3}").await.unwrap_err();
    let events: Vec<_> = error.failure().unwrap().history.entries().map(|entry| entry.event.clone()).collect();
    let generation = Some(1);
    assert_eq!(
        events,
        [HistoryEvent::Found { generation }, HistoryEvent::Deleted, HistoryEvent::Created { generation }]
    );
}

#[tokio::test(start_paused = true)]
async fn data_of_secrets_is_compared_and_never_shown() {
    let secret = |value: &str| json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db", "namespace": "shop"}, "data": {"password": value}});
    let server = Server::new(Some(secret("aHVudGVyMg==")));
    let typed: Api<Secret> = Api::namespaced(server.client(), "shop");
    eventually(&typed, "db").matches("data: {password: aHVudGVyMg==}").await.unwrap();

    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "Secret"));
    let untyped: Api<DynamicObject> = Api::namespaced_with(server.client(), "shop", &resource);
    once_watched(&server, move |server| server.put(secret("c2Vzc2FtZQ==")));
    let first = eventually(&untyped, "db").matches("data: {password: d3JvbmcK}").await.unwrap_err();
    let second = eventually(&typed, "db").satisfies("is known", |_| false).await.unwrap_err();
    for error in [&first, &second] {
        let told = format!("{error} {error:?} {:?}", error.failure());
        for value in ["aHVudGVyMg", "c2Vzc2FtZQ", "d3JvbmcK"] {
            assert!(!told.contains(value), "{told}");
        }
    }
    let told = first.to_string();
    assert!(told.contains("data.password: wanted \"***\", was another value, masked too"), "{told}");
    assert!(told.contains("data.password: \"***\" -> \"***\""), "{told}");
    assert!(second.to_string().contains("the object was then:\n    data:\n      password:"), "{second}");
}

#[tokio::test]
async fn a_requirement_that_cannot_be_read_makes_no_request() {
    let server = Server::new(None);
    let maps: Api<ConfigMap> = Api::namespaced(server.client(), "shop");
    let error = eventually(&maps, "settings").matches("data: [").await.unwrap_err();
    assert!(matches!(error, Error::Invalid { .. }), "{error:?}");
    assert!(format!("{error:?}").contains("caused by: the wanted YAML cannot be read\n  caused by: "), "{error:?}");
    assert_eq!(server.requests(), Vec::<String>::new());
}
