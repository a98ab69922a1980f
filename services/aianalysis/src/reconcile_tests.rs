use std::{
    collections::VecDeque,
    convert::Infallible,
    sync::{Mutex, MutexGuard},
};

use axum::{
    Router,
    http::{Method, Request, Response, StatusCode},
    routing::post,
};
use kube::client::Body;
use serde_json::{Value, json};

use super::*;
use crate::samples::{analysis, answer_json};

/// An API server that has one object, and keeps what is done to it.
#[derive(Clone)]
struct World {
    object: Arc<Mutex<Option<Value>>>,
    /// Phases that were written, in order.
    phases: Arc<Mutex<Vec<String>>>,
    /// Status writes that find the object changed by somebody else, who sets this label.
    conflicts: Arc<Mutex<u32>>,
    /// What HolmesGPT-API answers, call by call; the last answer stays.
    answers: Arc<Mutex<VecDeque<(StatusCode, String)>>>,
    calls: Arc<Mutex<u32>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

impl World {
    fn new(object: &AIAnalysis, answers: Vec<(StatusCode, String)>) -> Self {
        Self {
            object: Arc::new(Mutex::new(Some(serde_json::to_value(object).unwrap()))),
            phases: Arc::default(),
            conflicts: Arc::default(),
            answers: Arc::new(Mutex::new(answers.into())),
            calls: Arc::default(),
        }
    }

    async fn context(&self) -> Arc<Context> {
        let this = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let this = this.clone();
            async move { Ok::<_, Infallible>(this.api(request).await) }
        });
        let this = self.clone();
        let ask = post(move || async move { this.answer() });
        let hapi = Router::new().route("/api/v1/incident/analyze", ask);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, hapi).await.unwrap() });
        let (metrics, _) = Metrics::new();
        let policy = Policy::default();
        let rego = "package aianalysis.approval\nimport rego.v1\nrequire_approval := false\nreason := \"fine\"";
        policy.load(&[("a.rego".to_owned(), rego.to_owned())].into()).unwrap();
        Arc::new(Context {
            client: Client::new(service, "default"),
            hapi: Hapi::new(reqwest::Client::new(), &url),
            policy,
            audit: Audit::new(reqwest::Client::new(), "http://127.0.0.1:1", metrics.clone()),
            metrics,
        })
    }

    fn answer(&self) -> (StatusCode, String) {
        *lock(&self.calls) += 1;
        let mut answers = lock(&self.answers);
        if answers.len() > 1 { answers.pop_front().unwrap() } else { answers[0].clone() }
    }

    async fn api(&self, request: Request<Body>) -> Response<Body> {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let body = request.into_body().collect_bytes().await.unwrap();
        let sent: Value = serde_json::from_slice(&body).unwrap_or_default();
        let mut stored = lock(&self.object);
        let Some(object) = stored.as_mut() else { return refusal(404) };
        if method == Method::GET {
            return found(object);
        }
        if method == Method::PUT && *lock(&self.conflicts) > 0 {
            *lock(&self.conflicts) -= 1;
            object["metadata"]["labels"] = json!({"touched": "yes"});
            raise_version(object);
        }
        if sent["metadata"]["resourceVersion"] != object["metadata"]["resourceVersion"] {
            return refusal(409);
        }
        if path.ends_with("/status") {
            lock(&self.phases).push(sent["status"]["phase"].as_str().unwrap().to_owned());
            object["status"] = sent["status"].clone();
        } else {
            object["metadata"]["finalizers"] = sent["metadata"]["finalizers"].clone();
        }
        raise_version(object);
        let answer = found(object);
        let is_gone =
            object["metadata"].get("deletionTimestamp").is_some() && object["metadata"]["finalizers"] == json!([]);
        if is_gone {
            *stored = None;
        }
        answer
    }

    fn object(&self) -> AIAnalysis {
        serde_json::from_value(lock(&self.object).clone().unwrap()).unwrap()
    }

    fn phases(&self) -> Vec<String> {
        lock(&self.phases).clone()
    }
}

fn raise_version(object: &mut Value) {
    let version: u64 = object["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap();
    object["metadata"]["resourceVersion"] = json!((version + 1).to_string());
}

fn found(object: &Value) -> Response<Body> {
    Response::new(Body::from(object.to_string().into_bytes()))
}

fn refusal(code: u16) -> Response<Body> {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code,
        "message": "refused", "reason": if code == 409 { "Conflict" } else { "NotFound" },
    });
    Response::builder().status(code).body(Body::from(status.to_string().into_bytes())).unwrap()
}

fn good() -> (StatusCode, String) {
    (StatusCode::OK, answer_json().to_string())
}

#[tokio::test]
async fn a_new_object_is_taken_to_its_end_in_one_go() {
    let object = analysis("OOMKilled", "staging");
    let world = World::new(&object, vec![good()]);
    let context = world.context().await;
    let action = reconcile(Arc::new(object.clone()), context.clone()).await.unwrap();
    assert_eq!(action, Action::await_change());
    assert_eq!(world.phases(), ["Pending", "Investigating", "Analyzing", "Completed"]);
    let done = world.object();
    assert_eq!(done.finalizers(), [FINALIZER]);
    assert_eq!(done.status.as_ref().unwrap().observed_generation, Some(1));
    let expected = [
        "aianalysis.phase.transition",
        "aianalysis.holmesgpt.call",
        "aianalysis.phase.transition",
        "aianalysis.rego.evaluation",
        "aianalysis.approval.decision",
        "aianalysis.phase.transition",
        "aianalysis.analysis.completed",
    ];
    assert_eq!(context.audit.waiting_types(), expected);

    // The cache may still have the object as it was: nothing happens twice.
    reconcile(Arc::new(object), context).await.unwrap();
    assert_eq!((world.phases().len(), *lock(&world.calls)), (4, 1));
}

#[tokio::test]
async fn a_failed_call_is_tried_again_later_and_a_refused_one_is_not() {
    let object = analysis("OOMKilled", "staging");
    let world = World::new(&object, vec![(StatusCode::INTERNAL_SERVER_ERROR, String::new()), good()]);
    let context = world.context().await;
    let action = reconcile(Arc::new(object.clone()), context.clone()).await.unwrap();
    assert_ne!(action, Action::await_change());
    let status = world.object().status.unwrap();
    assert_eq!((status.phase, status.consecutive_failures), (Some(Phase::Investigating), Some(1)));
    reconcile(Arc::new(world.object()), context).await.unwrap();
    let status = world.object().status.unwrap();
    assert_eq!((status.phase, status.consecutive_failures), (Some(Phase::Completed), Some(0)));

    let world = World::new(&object, vec![(StatusCode::BAD_REQUEST, "no".to_owned())]);
    reconcile(Arc::new(object), world.context().await).await.unwrap();
    assert_eq!(world.object().status.unwrap().phase, Some(Phase::Failed));
    assert_eq!(*lock(&world.calls), 1);
}

#[tokio::test]
async fn five_failures_are_enough() {
    let object = analysis("OOMKilled", "staging");
    let world = World::new(&object, vec![(StatusCode::SERVICE_UNAVAILABLE, String::new())]);
    let context = world.context().await;
    for _ in 0..7 {
        reconcile(Arc::new(object.clone()), context.clone()).await.unwrap();
    }
    assert_eq!(*lock(&world.calls), 5);
    let status = world.object().status.unwrap();
    assert_eq!(status.phase, Some(Phase::Failed));
    assert_eq!(status.sub_reason, Some(crate::api::SubReason::MaxRetriesExceeded));
}

#[tokio::test]
async fn somebody_elses_label_does_not_cost_an_investigation() {
    let object = analysis("OOMKilled", "staging");
    let world = World::new(&object, vec![good()]);
    *lock(&world.conflicts) = 2;
    reconcile(Arc::new(object), world.context().await).await.unwrap();
    assert_eq!((world.phases().len(), *lock(&world.calls)), (4, 1));
    assert_eq!(world.object().labels()["touched"], "yes");
}

#[tokio::test]
async fn a_deleted_object_is_let_go_and_a_missing_one_is_no_error() {
    let mut object = serde_json::to_value(analysis("OOMKilled", "staging")).unwrap();
    object["metadata"]["finalizers"] = json!([FINALIZER]);
    object["metadata"]["deletionTimestamp"] = json!("2025-01-01T00:00:00Z");
    let object: AIAnalysis = serde_json::from_value(object).unwrap();
    let world = World::new(&object, vec![good()]);
    let context = world.context().await;
    reconcile(Arc::new(object.clone()), context.clone()).await.unwrap();
    assert!(lock(&world.object).is_none());
    assert_eq!(*lock(&world.calls), 0);
    assert_eq!(context.audit.waiting_types(), ["aianalysis.error.occurred"]);
    reconcile(Arc::new(object), context).await.unwrap();
}
