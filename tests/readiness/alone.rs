//! Readiness without the rest of the harness.

use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use kind_harness::readiness::conditions::{has_failed, is_ready};
use kind_harness::readiness::{Expectation, Listing, ObjectRef, Place, Probe, Settings, Verdict, survey};
use kind_harness::readiness::{NotReady, wait_for};
use kube::Api;
use kube::runtime::wait::{Condition, await_condition};
use tokio::time::timeout;

use crate::objects::{crashes, deployment, pod, waits};
use crate::server::Server;
use crate::{in_seconds, settle};

fn web(namespace: &str) -> ObjectRef {
    ObjectRef {
        api_version: "apps/v1".into(),
        kind: "Deployment".into(),
        namespace: Some(namespace.into()),
        name: "web".into(),
    }
}

#[tokio::test(start_paused = true)]
async fn objects_are_waited_for_wherever_they_come_from() {
    let server = Server::default();
    let client = server.client();
    let wait = tokio::spawn(async move { wait_for(&client, [web("shop"), web("yard")], in_seconds(60)).await });
    settle().await;
    server.put(&deployment("web", 0));
    server.put(&deployment("web", 1).replace("namespace: shop", "namespace: yard"));
    settle().await;
    assert!(!wait.is_finished());
    server.put(&deployment("web", 1));
    let all = wait.await.expect("the wait").expect("ready");
    let names: Vec<_> = all.components.iter().map(|component| component.component.as_str()).collect();
    assert_eq!(names, ["deployment/web", "deployment/web (apps/v1 yard)"]);
    assert!(server.requests().iter().all(|request| !request.contains("//")), "{:?}", server.requests());
}

#[tokio::test(start_paused = true)]
async fn a_failure_ends_the_wait_with_its_reason() {
    let server = Server::default();
    server.put(&(deployment("web", 0) + &pod("web", &crashes(3))));
    let error = wait_for(&server.client(), [web("shop")], in_seconds(60)).await.expect_err("it crashes");
    assert!(matches!(error, NotReady::Failed { .. }), "{error:?}");
    assert!(error.to_string().contains("keeps crashing"), "{error}");
    let nothing = wait_for(&server.client(), [], in_seconds(60)).await.expect("nothing to wait for");
    assert!(nothing.components.is_empty());
}

#[tokio::test(start_paused = true)]
async fn conditions_are_those_of_kube() {
    let server = Server::default();
    server.put(&deployment("web", 0));
    let api: Api<Deployment> = Api::namespaced(server.client(), "shop");
    let wait = tokio::spawn(await_condition(api.clone(), "web", is_ready().or(has_failed())));
    let early = timeout(Duration::from_secs(5), async {
        while !wait.is_finished() {
            settle().await
        }
    })
    .await;
    assert!(early.is_err());
    server.put(&deployment("web", 1));
    let found = wait.await.expect("the wait").expect("found");
    assert!(is_ready().matches_object(found.as_ref()));
    assert!(!is_ready::<Deployment>().matches_object(None));
    assert!(is_ready::<Deployment>().not().matches_object(None));
}

/// A component that is a Deployment of the same name.
fn expectation(name: &str, probes: &[Probe]) -> Expectation {
    let object = ObjectRef {
        api_version: "apps/v1".into(),
        kind: "Deployment".into(),
        namespace: Some("shop".into()),
        name: name.into(),
    };
    Expectation { component: name.into(), objects: vec![object], probes: probes.to_vec() }
}

#[tokio::test]
async fn a_survey_lists_once_and_judges_by_age() {
    let server = Server::default();
    server.forbid("events");
    let old = pod("db", &waits("CreateContainerConfigError", "no"))
        .replace("namespace: shop,", "namespace: shop, creationTimestamp: '2020-01-01T00:00:00Z',");
    server.put(&(deployment("web", 1) + &deployment("db", 0) + &pod("web", &crashes(2)) + &old));
    let expectations = ["web", "db", "cache"].map(|name| expectation(name, &[]));
    let statuses = survey(&server.client(), "shop", &expectations).await.expect("listed");
    assert_eq!((&statuses[0].verdict, statuses[0].restarts), (&Verdict::Ready, 2));
    assert!(matches!(statuses[1].verdict, Verdict::Failed { .. }), "{:?}", statuses[1]);
    assert!(statuses[1].age.is_some_and(|age| age > Duration::from_secs(3600)));
    assert_eq!(statuses[2].verdict, Verdict::waiting("Missing", "it does not exist"));
    assert!(server.requests().iter().all(|request| request.starts_with("list ")));
    assert_eq!(server.requests().len(), 6);
}

#[tokio::test]
async fn components_are_asked_one_by_one_after_one_listing() {
    let server = Server::default();
    server.put(&deployment("web", 1));
    server.put(&deployment("db", 0));
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let probe =
        Probe::Http { at: Place::Host(silent.local_addr().unwrap()), path: "/".into(), status: 200, contains: None };
    let (settings, limit) = (Settings::default(), Duration::from_millis(300));
    let client = server.client();
    let all = [expectation("web", &[]), expectation("db", &[])];
    let listing = Listing::new(&client, "shop", &all).await.expect("listed");
    let lists = server.requests().len();
    let asked =
        async |name: &str, probes: &[Probe]| listing.ask(&client, &expectation(name, probes), &settings, limit).await;

    let answer = asked("web", &[]).await;
    assert!(answer.status.verdict.is_ready() && answer.response_time.is_some(), "{answer:?}");
    let answer = asked("web", std::slice::from_ref(&probe)).await;
    assert_eq!(answer.status.verdict.reason(), "CheckFailed");
    assert!(answer.status.verdict.message().unwrap().ends_with("does not answer in time"), "{answer:?}");
    assert!(answer.response_time.is_some_and(|time| (limit..limit * 2).contains(&time)), "{answer:?}");
    // Its objects are not ready, so its probe is not run.
    let answer = asked("db", &[probe]).await;
    assert!(!answer.status.verdict.is_ready() && answer.response_time.is_none(), "{answer:?}");
    assert_eq!(server.requests().len(), lists, "objects were listed again");
}
