//! A world for the tests: an API server that has analyses, a HolmesGPT-API and a DataStorage, all in memory.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard},
};

use axum::{
    Json, Router,
    body::Body as Answer,
    http::{Method, Request, Response, StatusCode},
    routing::post,
};
use kube::{Client, ResourceExt, client::Body};
use serde_json::{Value, json};

use crate::{
    api::AIAnalysis, audit::Audit, hapi::Hapi, metrics::Metrics, policy::Policy, reconcile::Context,
    samples::answer_json,
};

/// Everything that the controller talks to; clones share it.
#[derive(Clone, Default)]
pub(crate) struct World {
    /// Name of an object → the object.
    objects: Arc<Mutex<BTreeMap<String, Value>>>,
    /// Phases that were written, in order.
    phases: Arc<Mutex<Vec<String>>>,
    /// Status writes that find the object changed by somebody else, who sets a label.
    pub(crate) conflicts: Arc<Mutex<u32>>,
    /// Status writes that are made, and whose answer is lost.
    pub(crate) lost_answers: Arc<Mutex<u32>>,
    /// What HolmesGPT-API answers, call by call; the last answer stays. None: what was asked is answered well.
    answers: Arc<Mutex<VecDeque<(StatusCode, String)>>>,
    pub(crate) calls: Arc<Mutex<u32>>,
    /// What DataStorage has: id → event.
    pub(crate) stored: Arc<Mutex<HashMap<String, Value>>>,
    /// Events that DataStorage was sent, again or not.
    pub(crate) sent: Arc<Mutex<usize>>,
    /// DataStorage is away.
    pub(crate) away: Arc<Mutex<bool>>,
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

impl World {
    pub(crate) fn new(objects: &[AIAnalysis], answers: Vec<(StatusCode, String)>) -> Self {
        let objects = objects.iter().map(|it| (it.name_any(), serde_json::to_value(it).unwrap())).collect();
        let answers = Arc::new(Mutex::new(answers.into()));
        Self { objects: Arc::new(Mutex::new(objects)), answers, ..Self::default() }
    }

    /// What a controller that starts now has: nothing but its connections.
    pub(crate) async fn context(&self) -> Arc<Context> {
        let this = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let this = this.clone();
            async move { Ok::<_, Infallible>(this.api(request).await) }
        });
        let (asked, sent) = (self.clone(), self.clone());
        let ask = post(move |Json(question): Json<Value>| async move { asked.answer(&question) });
        let take = post(move |Json(events): Json<Vec<Value>>| async move { sent.store(events) });
        let router = Router::new().route("/api/v1/incident/analyze", ask).route("/api/v1/audit/events/batch", take);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let (metrics, _) = Metrics::new();
        let policy = Policy::default();
        let rego = "package aianalysis.approval\nimport rego.v1\nrequire_approval := false\nreason := \"fine\"";
        policy.load(&[("a.rego".to_owned(), rego.to_owned())].into()).unwrap();
        let http = reqwest::Client::new();
        Arc::new(Context {
            client: Client::new(service, "default"),
            hapi: Hapi::new(http.clone(), &url),
            policy,
            audit: Audit::new(http, &url, metrics.clone()),
            metrics,
        })
    }

    fn answer(&self, question: &Value) -> (StatusCode, String) {
        *lock(&self.calls) += 1;
        let mut answers = lock(&self.answers);
        if answers.len() > 1 {
            return answers.pop_front().unwrap();
        }
        answers.front().cloned().unwrap_or_else(|| {
            let mut answer = answer_json();
            answer["incident_id"] = question["incident_id"].clone();
            (StatusCode::OK, answer.to_string())
        })
    }

    fn store(&self, events: Vec<Value>) -> StatusCode {
        if *lock(&self.away) {
            return StatusCode::SERVICE_UNAVAILABLE;
        }
        *lock(&self.sent) += events.len();
        let events = events.into_iter().map(|event| (event["event_id"].as_str().unwrap().to_owned(), event));
        lock(&self.stored).extend(events);
        StatusCode::CREATED
    }

    async fn api(&self, request: Request<Body>) -> Response<Answer> {
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let body = request.into_body().collect_bytes().await.unwrap();
        let sent: Value = serde_json::from_slice(&body).unwrap_or_default();
        let mut segments = uri.path().split('/').skip_while(|segment| *segment != "aianalyses").skip(1);
        let Some(name) = segments.next() else { return self.collection(uri.query().unwrap_or_default()) };
        let mut objects = lock(&self.objects);
        let Some(object) = objects.get_mut(name) else { return refusal(404) };
        if method == Method::GET {
            return found(object);
        }
        if method == Method::PUT && take_one(&self.conflicts) {
            object["metadata"]["labels"] = json!({"touched": "yes"});
            raise_version(object);
        }
        if sent["metadata"]["resourceVersion"] != object["metadata"]["resourceVersion"] {
            return refusal(409);
        }
        if segments.next() == Some("status") {
            let phase = sent["status"]["phase"].as_str().unwrap_or("none").to_owned();
            if object["status"]["phase"] != json!(phase) {
                lock(&self.phases).push(phase);
            }
            object["status"] = sent["status"].clone();
        } else {
            object["metadata"]["finalizers"] = sent["metadata"]["finalizers"].clone();
        }
        raise_version(object);
        if method == Method::PUT && take_one(&self.lost_answers) {
            return refusal(504);
        }
        let answer = found(object);
        if object["metadata"].get("deletionTimestamp").is_some() && object["metadata"]["finalizers"] == json!([]) {
            objects.remove(name);
        }
        answer
    }

    /// A list of all objects, or a watch in which nothing happens any more.
    fn collection(&self, query: &str) -> Response<Answer> {
        if query.contains("watch=") {
            let nothing = futures::stream::pending::<Result<axum::body::Bytes, Infallible>>();
            return Response::new(Answer::from_stream(nothing));
        }
        let items: Vec<_> = lock(&self.objects).values().cloned().collect();
        let list = json!({
            "apiVersion": "kubernaut.ai/v1alpha1", "kind": "AIAnalysisList",
            "metadata": {"resourceVersion": "1"}, "items": items,
        });
        found(&list)
    }

    pub(crate) fn objects(&self) -> Vec<AIAnalysis> {
        lock(&self.objects).values().map(|object| serde_json::from_value(object.clone()).unwrap()).collect()
    }

    /// The only object.
    pub(crate) fn object(&self) -> AIAnalysis {
        self.objects().remove(0)
    }

    pub(crate) fn phases(&self) -> Vec<String> {
        lock(&self.phases).clone()
    }

    /// Types of the events that DataStorage has, in the order of their times.
    pub(crate) fn trail(&self) -> Vec<String> {
        let stored = lock(&self.stored);
        let mut events: Vec<_> = stored.values().collect();
        events.sort_by_key(|event| event["event_timestamp"].to_string());
        events.iter().map(|event| event["event_type"].as_str().unwrap().to_owned()).collect()
    }
}

fn take_one(count: &Mutex<u32>) -> bool {
    let mut count = lock(count);
    let some = *count > 0;
    *count = count.saturating_sub(1);
    some
}

fn raise_version(object: &mut Value) {
    let version: u64 = object["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap();
    object["metadata"]["resourceVersion"] = json!((version + 1).to_string());
}

fn found(object: &Value) -> Response<Answer> {
    Response::new(Answer::from(object.to_string().into_bytes()))
}

fn refusal(code: u16) -> Response<Answer> {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code,
        "message": "refused", "reason": if code == 409 { "Conflict" } else { "NotFound" },
    });
    Response::builder().status(code).body(Answer::from(status.to_string().into_bytes())).unwrap()
}
