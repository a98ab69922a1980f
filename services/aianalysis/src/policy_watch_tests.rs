use std::{convert::Infallible, time::Duration};

use axum::{
    body::{Body as Answer, Bytes},
    http::{Request, Response},
};
use futures::channel::mpsc::{UnboundedSender, unbounded};
use kube::client::Body;
use service_common::Readiness;
use tokio::time::timeout;

use super::*;

/// A ConfigMap with this policy, as the API server has it.
fn config_map(version: u32, rego: &str) -> serde_json::Value {
    serde_json::json!({
        "apiVersion": "v1", "kind": "ConfigMap", "data": {"approval.rego": rego},
        "metadata": {"name": "policies", "namespace": "system", "resourceVersion": version.to_string()},
    })
}

fn policy_that_says(required: bool) -> String {
    format!("package aianalysis.approval\nimport rego.v1\nrequire_approval := {required}\nreason := \"r\"")
}

/// A follower of a ConfigMap that is not there at first, and what tells it of changes.
struct Scene {
    changes: UnboundedSender<Result<Bytes, Infallible>>,
    policy: Policy,
    readiness: Readiness,
    stop: CancellationToken,
    following: tokio::task::JoinHandle<()>,
}

impl Scene {
    fn new() -> Self {
        let (changes, watch) = unbounded();
        let watch = std::sync::Arc::new(std::sync::Mutex::new(Some(watch)));
        let service = tower::service_fn(move |request: Request<Body>| {
            let query = request.uri().query().unwrap_or_default().to_owned();
            assert!(query.contains("metadata.name%3Dpolicies") || query.contains("metadata.name=policies"), "{query}");
            let empty = r#"{"apiVersion":"v1","kind":"ConfigMapList","metadata":{"resourceVersion":"1"},"items":[]}"#;
            let body = match query.contains("watch=") {
                true => watch.lock().unwrap().take().map_or_else(Answer::empty, Answer::from_stream),
                false => Answer::from(empty),
            };
            async move { Ok::<_, Infallible>(Response::new(body)) }
        });
        let (policy, readiness, stop) = (Policy::default(), Readiness::default(), CancellationToken::new());
        let follower = Follower {
            config: PolicyConfig { namespace: "system".to_owned(), config_map: "policies".to_owned() },
            policy: policy.clone(),
            check: readiness.check("policy"),
            metrics: Metrics::new().0,
        };
        let following = tokio::spawn(follower.follow(Client::new(service, "default"), stop.clone()));
        Self { changes, policy, readiness, stop, following }
    }

    fn change(&self, kind: &str, object: &serde_json::Value) {
        let event = serde_json::json!({"type": kind, "object": object});
        self.changes.unbounded_send(Ok(format!("{event}\n").into())).unwrap();
    }

    async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let mut ticks = tokio::time::interval(Duration::from_millis(5));
        let waiting = async {
            while !holds(self) {
                ticks.tick().await;
            }
        };
        timeout(Duration::from_secs(5), waiting).await.unwrap_or_else(|_| panic!("in vain: {what}"));
    }

    fn says(&self, required: bool, degraded: bool) -> bool {
        let object = crate::samples::analysis("OOMKilled", "staging");
        let decision = self.policy.decide(&object, &crate::api::AIAnalysisStatus::default());
        (decision.required, decision.degraded) == (required, degraded)
    }
}

#[tokio::test]
async fn changes_take_effect_at_once_and_the_last_good_policy_outlives_what_follows_it() {
    let scene = Scene::new();
    scene.until("it is said that there is none", |it| it.policy.degraded().is_some()).await;
    let report = scene.readiness.report().to_string();
    assert!(report.contains("[-]policy failed: there is no ConfigMap policies in system"), "{report}");

    scene.change("ADDED", &config_map(2, &policy_that_says(false)));
    scene.until("the first policy is in force", |it| it.says(false, false) && it.readiness.report().ready).await;
    scene.change("MODIFIED", &config_map(3, &policy_that_says(true)));
    scene.until("the second policy is in force", |it| it.says(true, false)).await;
    scene.change("MODIFIED", &config_map(4, "package aianalysis.approval\nrequire_approval if {"));
    scene.until("a broken policy is noticed", |it| it.says(true, true) && it.readiness.report().ready).await;
    scene.change("MODIFIED", &config_map(5, &policy_that_says(false)));
    scene.until("it is mended", |it| it.says(false, false)).await;
    scene.change("DELETED", &config_map(6, &policy_that_says(false)));
    scene.until("it is gone", |it| it.says(false, true) && it.readiness.report().ready).await;

    scene.stop.cancel();
    timeout(Duration::from_secs(1), scene.following).await.expect("the watch ends when it is asked to").unwrap();
}
