//! A Job that has changed: deleted and made again if it is ours, refused as before if it is not.

use std::sync::{Arc, Mutex};

use http::{Method, Request, Response};
use http_body_util::BodyExt;
use kind_harness::deploy::Applier;
use kind_harness::report::{EventKind, Events};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

use super::{failure, manifest};

const REFUSAL: &str = "Job.batch \"seed\" is invalid: spec.template: Invalid value: {}: field is immutable";

/// A server that has a Job, and refuses to change it: what it was asked, in order.
#[derive(Clone)]
struct Server {
    manager: &'static str,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn client(&self) -> Client {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move {
                let (method, uri) = (request.method().clone(), request.uri().clone());
                let body = request.into_body().collect().await?.to_bytes();
                let answer = server.answer(&method, uri.path(), &String::from_utf8_lossy(&body));
                let status = u16::try_from(answer["code"].as_u64().unwrap_or(200)).unwrap();
                let body = Body::from(answer.to_string().into_bytes());
                Ok::<_, kube::Error>(Response::builder().status(status).body(body).unwrap())
            }
        });
        Client::new(service, "shop")
    }

    fn answer(&self, method: &Method, path: &str, body: &str) -> Value {
        if path == "/apis/batch/v1" {
            let jobs = json!({"name": "jobs", "singularName": "job", "namespaced": true, "kind": "Job", "verbs": []});
            return json!({"kind": "APIResourceList", "groupVersion": "batch/v1", "resources": [jobs]});
        }
        let mut asked = self.asked.lock().unwrap();
        let is_deleted = asked.iter().any(|what| what.starts_with("DELETE"));
        let body = if *method == Method::DELETE { body } else { "" };
        asked.push(format!("{method} {path} {body}").trim_end().to_owned());
        let job = |uid: &str| {
            json!({"apiVersion": "batch/v1", "kind": "Job", "metadata":
                {"name": "seed", "namespace": "shop", "uid": uid, "labels": {"app.kubernetes.io/managed-by": self.manager}}})
        };
        match (method.as_str(), is_deleted, path.ends_with("/seed")) {
            ("PATCH", false, _) => failure(422, REFUSAL),
            ("PATCH", true, _) => job("new"),
            ("GET", _, true) | ("DELETE", ..) => job("old"),
            // Whether it is gone.
            _ => {
                json!({"kind": "JobList", "apiVersion": "batch/v1", "metadata": {"resourceVersion": "1"}, "items": []})
            }
        }
    }
}

async fn apply(manager: &'static str) -> (Result<String, String>, Vec<String>, Vec<String>) {
    let server = Server { manager, asked: Arc::default() };
    let (_folder, manifest) = manifest("apiVersion: batch/v1\nkind: Job\nmetadata: {name: seed}\n");
    let (events, mut said) = Events::channel();
    let applied = Applier::new(server.client(), "shop").apply(&manifest, &events).await;
    let mut notes = Vec::new();
    while let Ok(event) = said.try_recv() {
        if let EventKind::Note(text) = event.kind {
            notes.push(text);
        }
    }
    let asked = server.asked.lock().unwrap().clone();
    (applied.map(|applied| applied.uid).map_err(|error| error.to_string()), notes, asked)
}

#[tokio::test(start_paused = true)]
async fn a_job_of_ours_that_has_changed_is_deleted_and_made_again() {
    let (applied, notes, asked) = apply("kind-harness").await;
    assert_eq!(applied.as_deref(), Ok("new"));
    assert_eq!(notes, ["job/seed has changed, which a Job cannot: it is deleted and made again"]);
    let jobs = "/apis/batch/v1/namespaces/shop/jobs";
    let verbs: Vec<_> = asked.iter().map(|what| what.split(' ').next().unwrap_or_default()).collect();
    assert_eq!(verbs, ["PATCH", "GET", "DELETE", "GET", "PATCH"], "{asked:?}");
    let (_, options) = asked[2].split_once(&format!("{jobs}/seed ")).unwrap();
    let options: Value = serde_json::from_str(options).unwrap();
    assert_eq!(options["propagationPolicy"], "Foreground");
    assert_eq!(options["preconditions"], json!({"uid": "old"}));
    assert_eq!(asked[3], format!("GET {jobs}"), "it is awaited that it is gone");
}

#[tokio::test(start_paused = true)]
async fn a_job_of_another_stays_and_the_refusal_too() {
    let (applied, notes, asked) = apply("Helm").await;
    assert_eq!(applied, Err(format!("app.yaml:1: job/seed was refused: {REFUSAL}")));
    assert!(notes.is_empty() && !asked.iter().any(|what| what.starts_with("DELETE")), "{notes:?} {asked:?}");
}
