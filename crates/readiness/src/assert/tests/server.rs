//! An API server in memory that has one object, which can be watched.

use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use futures::channel::mpsc;
use futures::{StreamExt, stream};
use http::{Request, Response, Uri};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

type Answer = UnsyncBoxBody<Bytes, std::io::Error>;

/// An API server with at most one object. Clones are the same server.
#[derive(Clone)]
pub(super) struct Server(Arc<Mutex<State>>, Arc<tokio::sync::Notify>);

#[derive(Default)]
struct State {
    version: u64,
    object: Option<Value>,
    watches: Vec<mpsc::UnboundedSender<std::io::Result<Bytes>>>,
    /// Every change, for watches that go on where they were.
    changes: Vec<(u64, Bytes)>,
    /// What every request is answered with: a status, or nothing at all.
    refusal: Option<Refusal>,
    requests: Vec<String>,
}

/// How a server refuses requests.
#[derive(Clone, Copy)]
pub(super) enum Refusal {
    /// With this status and reason.
    Status(u16, &'static str),
    /// It cannot be reached.
    Unreachable,
    /// It never answers.
    Silence,
}

impl Server {
    /// A server with this object, or none.
    pub(super) fn new(object: Option<Value>) -> Server {
        let server = Server(Arc::default(), Arc::default());
        if let Some(object) = object {
            server.put(object);
        }
        server
    }

    pub(super) fn client(&self) -> Client {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = server.clone();
            let uri = request.uri().clone();
            async move { server.answer(&uri).await }
        });
        Client::new(service, "shop")
    }

    /// Creates or changes the object.
    pub(super) fn put(&self, mut object: Value) {
        let mut state = self.lock();
        state.version += 1;
        object["metadata"]["resourceVersion"] = state.version.to_string().into();
        let kind = if state.object.is_some() { "MODIFIED" } else { "ADDED" };
        state.object = Some(object.clone());
        state.send(kind, &object);
    }

    pub(super) fn delete(&self) {
        let mut state = self.lock();
        state.version += 1;
        let mut object = state.object.take().expect("the object to delete exists");
        object["metadata"]["resourceVersion"] = state.version.to_string().into();
        state.send("DELETED", &object);
    }

    /// Refuses every request from now on, and breaks every watch; or answers again.
    pub(super) fn refuse(&self, refusal: Option<Refusal>) {
        let mut state = self.lock();
        state.refusal = refusal;
        for watch in state.watches.drain(..) {
            let _ = watch.unbounded_send(Err(std::io::Error::other("connection reset")));
        }
    }

    /// Returns when a watch has been opened since this was last called.
    pub(super) async fn watched(&self) {
        self.1.notified().await;
    }

    /// The path and query of every request so far.
    pub(super) fn requests(&self) -> Vec<String> {
        self.lock().requests.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no test panics while it holds the server")
    }

    async fn answer(&self, uri: &Uri) -> std::io::Result<Response<Answer>> {
        let refusal = {
            let mut state = self.lock();
            state.requests.push(uri.to_string());
            state.refusal
        };
        match refusal {
            None => Ok(self.answer_now(uri)),
            Some(Refusal::Silence) => std::future::pending().await,
            Some(Refusal::Unreachable) => Err(std::io::Error::from(std::io::ErrorKind::ConnectionRefused)),
            Some(Refusal::Status(code, reason)) => {
                let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code,
                    "reason": reason, "message": format!("the server says {reason}")});
                Ok(Response::builder().status(code).body(whole(&status)).expect("a response"))
            }
        }
    }

    fn answer_now(&self, uri: &Uri) -> Response<Answer> {
        let mut state = self.lock();
        let parameters: Vec<&str> = uri.query().unwrap_or_default().split('&').collect();
        if !parameters.contains(&"watch=true") {
            let metadata = json!({"resourceVersion": state.version.to_string()});
            let items: Vec<&Value> = state.object.iter().collect();
            let list = json!({"kind": "List", "apiVersion": "v1", "metadata": metadata, "items": items});
            return Response::new(whole(&list));
        }
        let (sender, receiver) = mpsc::unbounded();
        let from = parameters.iter().find_map(|it| it.strip_prefix("resourceVersion=")?.parse::<u64>().ok());
        let missed = state.changes.iter().filter(|(version, _)| from.is_none_or(|from| *version > from));
        for (_, line) in missed {
            let _ = sender.unbounded_send(Ok(line.clone()));
        }
        state.watches.push(sender);
        self.1.notify_one();
        let frames = receiver.map(|line| line.map(Frame::data));
        Response::new(StreamBody::new(stream::empty().chain(frames)).boxed_unsync())
    }
}

impl State {
    fn send(&mut self, kind: &str, object: &Value) {
        let line: Bytes = format!("{}\n", json!({"type": kind, "object": object})).into();
        self.changes.push((self.version, line.clone()));
        self.watches.retain(|watch| watch.unbounded_send(Ok(line.clone())).is_ok());
    }
}

fn whole(value: &Value) -> Answer {
    Full::new(Bytes::from(value.to_string())).map_err(|never| match never {}).boxed_unsync()
}
