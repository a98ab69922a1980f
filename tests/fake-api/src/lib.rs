//! An API server in memory, for tests: objects that can be listed, watched, applied and deleted as in a real one, and faults on
//! demand.
//!
//! It keeps the parts of the protocol that clients depend on: resource versions, watches that resume from one or get
//! `410 Gone`, items of lists without their kinds, field ownership of server-side apply (lists are atomic), uid preconditions,
//! foreground deletion, finalizers, and a garbage collector that deletes what a deleted object owns, what is in a deleted namespace and the
//! objects of a deleted definition. A [`Server`] is asked through a [`kube::Client`] in memory, or by HTTP on a port.

mod answer;
mod apply;
mod delete;
mod faults;
mod kinds;
mod state;
mod transport;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};
use tokio::sync::Notify;

pub use faults::Refusal;
use state::State;

/// An API server. Clones are the same server.
#[derive(Debug, Clone, Default)]
pub struct Server {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Notified when a watch opens.
    opened: Notify,
}

/// A request that the server received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// `GET`, `PATCH` and so on.
    pub method: String,
    /// The path.
    pub path: String,
    /// The query; empty when there is none.
    pub query: String,
}

impl Asked {
    /// Whether it opens a watch.
    #[must_use]
    pub fn is_watch(&self) -> bool {
        self.query.split('&').any(|part| part == "watch=true")
    }
}

/// `list /path`, `watch /path`, or the method and the path of a request that is no `GET`.
impl std::fmt::Display for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let verb = match self.method.as_str() {
            "GET" if self.is_watch() => "watch",
            "GET" => "list",
            other => other,
        };
        write!(f, "{verb} {}", self.path)
    }
}

impl Server {
    /// A client of the server, whose default namespace is `shop`.
    #[must_use]
    pub fn client(&self) -> kube::Client {
        transport::client(self.clone())
    }

    /// Serves HTTP on a port of the loopback interface until the process ends.
    ///
    /// # Panics
    /// When there is no free port.
    #[must_use]
    pub fn listen(&self) -> SocketAddr {
        transport::listen(self.clone())
    }

    /// Serves a kind, whether or not it has objects. A kind is served by itself once an object of it was put.
    pub fn serve_kind(&self, api_version: &str, kind: &str, plural: &str, namespaced: bool) {
        self.lock().kinds.define(api_version, kind, plural, namespaced);
    }

    /// Creates or replaces an object as it is, and returns it with its new resource version. One without a uid gets one.
    ///
    /// # Panics
    /// When it has no `apiVersion`, `kind` or `metadata.name`.
    pub fn put(&self, object: Value) -> Value {
        self.lock().put(object)
    }

    /// Applies fields as another manager, `somebody`, does.
    ///
    /// # Panics
    /// When the object has no `apiVersion`, `kind` or `metadata.name`.
    pub fn apply(&self, object: &Value) {
        let mut state = self.lock();
        let key = state.key_of(object);
        state.apply(key, object, "somebody", true).unwrap_or_else(|conflict| panic!("{conflict}"));
    }

    /// Removes an object at once, finalizers or not.
    ///
    /// # Panics
    /// When it does not exist.
    pub fn remove(&self, api_version: &str, kind: &str, namespace: &str, name: &str) {
        let mut state = self.lock();
        let key = state.key(api_version, kind, namespace, name);
        state.remove(&key).expect("the object to remove exists");
        state.settle();
    }

    /// An object, with the owners of its fields.
    #[must_use]
    pub fn object(&self, api_version: &str, kind: &str, namespace: &str, name: &str) -> Option<Value> {
        let mut state = self.lock();
        let key = state.key(api_version, kind, namespace, name);
        state.objects.get(&key).map(state::Stored::shown)
    }

    /// Every object by its place, `plural/namespace/name`, with the owners of its fields and without its resource version.
    #[must_use]
    pub fn world(&self) -> BTreeMap<String, Value> {
        let state = self.lock();
        let shown = state.objects.iter().map(|(key, stored)| {
            let mut object = stored.shown();
            if let Some(metadata) = object["metadata"].as_object_mut() {
                metadata.remove("resourceVersion");
            }
            (format!("{}/{}/{}", key.plural, key.namespace, key.name), object)
        });
        shown.collect()
    }

    /// Every request so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Asked> {
        self.lock().requests.clone()
    }

    /// Changes that named no uid, and were refused for that.
    #[must_use]
    pub fn without_uid(&self) -> Vec<String> {
        self.lock().without_uid.clone()
    }

    /// Sends every watch a bookmark, as a server does when nothing happens.
    pub fn bookmark(&self) {
        self.lock().bookmark();
    }

    /// Ends every watch, as a server does after some minutes.
    pub fn end_watches(&self) {
        self.lock().watchers.clear();
    }

    /// Ends every watch with `410 Gone`; `meanwhile` runs before a client can list again.
    pub fn forget_history(&self, meanwhile: impl FnOnce(&Server)) {
        let watchers = std::mem::take(&mut self.lock().watchers);
        meanwhile(self);
        self.lock().forget_history();
        watchers.into_iter().for_each(|watcher| watcher.send(&state::gone()));
    }

    /// Returns when a watch has been opened since this was last called.
    pub async fn watched(&self) {
        self.shared.opened.notified().await;
    }

    /// Sets what every container's log says.
    pub fn set_log(&self, log: &str) {
        self.lock().log = log.to_owned();
    }

    /// Fills a collection, by its path, with objects that are made only when they are listed, page by page.
    pub fn generate(&self, path: &str, count: usize, object: fn(usize) -> Value) {
        self.lock().generated.insert(path.to_owned(), (count, object));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().expect("no test panics while it holds the server")
    }
}

fn status(code: u16, reason: &str, message: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": message, "code": code})
}
