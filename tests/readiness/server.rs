//! A tiny API server in memory: collections that can be listed, watched and changed, and a record of what was asked.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use futures::channel::mpsc;
use futures::{StreamExt, stream};
use http::{Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use kind_harness::readiness::{Applied, ObjectRef};
use kube::Client;
use kube::client::Body;
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};

/// Makes the object of that number.
type Generate = fn(usize) -> Value;

type Answer = UnsyncBoxBody<Bytes, std::io::Error>;

fn whole(text: String) -> Answer {
    Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed_unsync()
}

/// An API server in memory. Clones are the same server.
#[derive(Clone, Default)]
pub(crate) struct Server(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    version: u64,
    objects: BTreeMap<String, BTreeMap<String, Value>>,
    watchers: Vec<(String, mpsc::UnboundedSender<Bytes>)>,
    /// Every change, for watches that go on where they were: version, collection, line.
    history: Vec<(u64, String, Bytes)>,
    /// The version before which nothing is remembered.
    horizon: u64,
    plurals: BTreeMap<String, String>,
    /// Objects that are made when they are listed: how many, and how.
    generated: BTreeMap<String, (usize, Generate)>,
    forbidden: HashSet<String>,
    unserved: HashSet<String>,
    down: bool,
    log: String,
    requests: Vec<String>,
}

impl Server {
    pub(crate) fn client(&self) -> Client {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move { server.answer(&request) }
        });
        Client::new(service, "shop")
    }

    /// Creates or changes the objects of a YAML list. Returns them as if they had been applied.
    pub(crate) fn put(&self, yaml: &str) -> Vec<Applied> {
        let objects: Vec<Value> = serde_saphyr::from_str(yaml).expect("objects as YAML");
        objects.into_iter().map(|object| self.put_one(object)).collect()
    }

    fn put_one(&self, mut object: Value) -> Applied {
        let mut state = self.lock();
        state.version += 1;
        object["metadata"]["resourceVersion"] = state.version.to_string().into();
        let (path, name) = state.place(&object);
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let applied = Applied {
            object: ObjectRef {
                api_version: text("/apiVersion"),
                kind: text("/kind"),
                namespace: Some(text("/metadata/namespace")).filter(|namespace| !namespace.is_empty()),
                name: name.clone(),
            },
            uid: text("/metadata/uid"),
            generation: object["metadata"]["generation"].as_i64().unwrap_or_default(),
        };
        let known = state.objects.entry(path.clone()).or_default().insert(name, object.clone());
        state.tell(&path, if known.is_some() { "MODIFIED" } else { "ADDED" }, &object);
        applied
    }

    pub(crate) fn delete(&self, object: &ObjectRef) {
        let mut state = self.lock();
        state.version += 1;
        let version = state.version.to_string();
        let path = state.collection(&object.api_version, &object.kind, object.namespace.as_deref());
        let gone = state.objects.get_mut(&path).and_then(|objects| objects.remove(&object.name));
        let mut gone = gone.expect("the object to delete exists");
        gone["metadata"]["resourceVersion"] = version.into();
        state.tell(&path, "DELETED", &gone);
    }

    /// Ends every watch with 410 Gone; `meanwhile` happens before anybody can list again.
    pub(crate) fn forget_history(&self, meanwhile: impl FnOnce(&Server)) {
        let watchers = std::mem::take(&mut self.lock().watchers);
        meanwhile(self);
        {
            let mut state = self.lock();
            state.version += 1;
            state.horizon = state.version;
            state.history.clear();
        }
        for (_, watcher) in watchers {
            let _ = watcher.unbounded_send(gone());
        }
    }

    /// Stops answering, and breaks every connection; or comes back.
    pub(crate) fn set_down(&self, down: bool) {
        let mut state = self.lock();
        state.down = down;
        state.watchers.clear();
    }

    /// Tells every watch how far it has seen, as a server does when nothing happens.
    pub(crate) fn bookmark(&self) {
        let mut state = self.lock();
        state.version += 1;
        let version = state.version.to_string();
        state.watchers.retain(|(path, sender)| {
            let kind = path.rsplit('/').next().unwrap_or_default();
            let object = json!({"apiVersion": "v1", "kind": kind, "metadata": {"resourceVersion": version}});
            let line = json!({"type": "BOOKMARK", "object": object});
            sender.unbounded_send(format!("{line}\n").into()).is_ok()
        });
    }

    /// Ends every watch, as a server does after some minutes.
    pub(crate) fn end_watches(&self) {
        self.lock().watchers.clear();
    }

    /// Does not know a resource, by its plural.
    pub(crate) fn unserve(&self, plural: &str) {
        self.lock().unserved.insert(plural.to_owned());
    }

    /// Knows it again.
    pub(crate) fn serve(&self, plural: &str) {
        self.lock().unserved.remove(plural);
    }

    /// Fills a collection with objects that are made only when they are listed, page by page.
    #[allow(dead_code, reason = "only the bench needs so many")]
    pub(crate) fn generate(&self, path: &str, count: usize, object: Generate) {
        self.lock().generated.insert(path.to_owned(), (count, object));
    }

    /// Refuses a resource, by its plural.
    pub(crate) fn forbid(&self, plural: &str) {
        self.lock().forbidden.insert(plural.to_owned());
    }

    /// Names a custom resource whose plural is not the usual one.
    pub(crate) fn set_plural(&self, kind: &str, plural: &str) {
        self.lock().plurals.insert(kind.to_owned(), plural.to_owned());
    }

    /// What every container's log says.
    pub(crate) fn set_log(&self, log: &str) {
        self.lock().log = log.to_owned();
    }

    /// Every request so far, as `list /path` or `watch /path`.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.lock().requests.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no test panics while it holds the server")
    }

    fn answer(&self, request: &Request<Body>) -> Result<Response<Answer>, std::io::Error> {
        let mut state = self.lock();
        if state.down {
            return Err(std::io::Error::new(std::io::ErrorKind::ConnectionRefused, "connection refused"));
        }
        let path = request.uri().path().to_owned();
        let watch = request.uri().query().unwrap_or_default().split('&').any(|part| part == "watch=true");
        let verb = if watch { "watch" } else { "list" };
        state.requests.push(format!("{verb} {path}"));
        let plural = path.rsplit('/').next().unwrap_or_default();
        if plural == "log" {
            return Ok(Response::new(whole(state.log.clone())));
        }
        if path == "/version" {
            let empty = [
                "major",
                "minor",
                "gitVersion",
                "gitCommit",
                "gitTreeState",
                "buildDate",
                "goVersion",
                "compiler",
                "platform",
            ];
            let version: BTreeMap<_, _> = empty.into_iter().map(|field| (field, "")).collect();
            return Ok(Response::new(whole(json!(version).to_string())));
        }
        if state.unserved.contains(plural) {
            let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound",
                "message": "the server could not find the requested resource", "code": 404});
            let response = Response::builder().status(StatusCode::NOT_FOUND);
            return Ok(response.body(whole(status.to_string())).expect("a response"));
        }
        if state.forbidden.contains(plural) {
            let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Forbidden",
                "message": format!("{plural} is forbidden"), "code": 403});
            let response = Response::builder().status(StatusCode::FORBIDDEN);
            return Ok(response.body(whole(status.to_string())).expect("a response"));
        }
        if watch {
            let (sender, receiver) = mpsc::unbounded::<Bytes>();
            let parts = request.uri().query().unwrap_or_default().split('&');
            let from = parts.filter_map(|part| part.strip_prefix("resourceVersion=")).next();
            let from = from.and_then(|version| version.parse().ok()).unwrap_or(state.version);
            if from < state.horizon {
                let _ = sender.unbounded_send(gone());
            } else {
                for (_, _, line) in state.history.iter().filter(|(at, of, _)| *at > from && *of == path) {
                    let _ = sender.unbounded_send(line.clone());
                }
                state.watchers.push((path, sender));
            }
            let frames = receiver.map(|line| Ok::<_, std::io::Error>(Frame::data(line)));
            // The head of the answer comes at once, as a real server's does.
            return Ok(Response::new(StreamBody::new(stream::empty().chain(frames)).boxed_unsync()));
        }
        if let Some((count, object)) = state.generated.get(&path) {
            let query = request.uri().query().unwrap_or_default();
            let number = |key: &str| query.split('&').find_map(|part| part.strip_prefix(key)?.parse::<usize>().ok());
            let (from, limit) = (number("continue=").unwrap_or(0), number("limit=").unwrap_or(*count));
            let to = (from + limit).min(*count);
            let items: Vec<_> = (from..to).map(object).collect();
            let next = if to < *count { to.to_string() } else { String::new() };
            let metadata = json!({"resourceVersion": state.version.to_string(), "continue": next});
            let list = json!({"kind": "List", "apiVersion": "v1", "metadata": metadata, "items": items});
            return Ok(Response::new(whole(list.to_string())));
        }
        let items: Vec<_> = state.objects.get(&path).into_iter().flat_map(BTreeMap::values).map(untyped).collect();
        let list = json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": state.version.to_string()}, "items": items});
        Ok(Response::new(whole(list.to_string())))
    }
}

impl State {
    fn place(&self, object: &Value) -> (String, String) {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
        let path = self.collection(
            text("/apiVersion").expect("apiVersion"),
            text("/kind").expect("kind"),
            text("/metadata/namespace"),
        );
        (path, text("/metadata/name").expect("a name").to_owned())
    }

    fn collection(&self, api_version: &str, kind: &str, namespace: Option<&str>) -> String {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let usual = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind)).plural;
        let plural = self.plurals.get(kind).unwrap_or(&usual);
        let root = if group.is_empty() { "api" } else { "apis" };
        let namespace = namespace.map(|namespace| format!("namespaces/{namespace}/")).unwrap_or_default();
        format!("/{root}/{api_version}/{namespace}{plural}")
    }

    fn tell(&mut self, path: &str, kind: &str, object: &Value) {
        let line: Bytes = format!("{}\n", json!({"type": kind, "object": object})).into();
        self.history.push((self.version, path.to_owned(), line.clone()));
        let open = |(watched, sender): &(String, mpsc::UnboundedSender<Bytes>)| {
            watched != path || sender.unbounded_send(line.clone()).is_ok()
        };
        self.watchers.retain(open);
    }
}

/// The version that a watch wants to go on from is forgotten.
fn gone() -> Bytes {
    let gone = json!({"type": "ERROR", "object": {"kind": "Status", "apiVersion": "v1", "status": "Failure",
        "message": "too old resource version", "reason": "Expired", "code": 410}});
    format!("{gone}\n").into()
}

/// Items of a list do not say what they are.
fn untyped(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut() {
        fields.remove("apiVersion");
        fields.remove("kind");
    }
    object
}
