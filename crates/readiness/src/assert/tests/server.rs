//! The API server in memory, with at most one object.

use fake_api::Asked;
pub(super) use fake_api::Refusal;
use kube::Client;
use serde_json::Value;

/// An API server with at most one object. Clones are the same server.
#[derive(Clone)]
pub(super) struct Server(fake_api::Server);

impl Server {
    /// Returns a server with this object, or without one.
    pub(super) fn new(object: Option<Value>) -> Server {
        let server = Server(fake_api::Server::default());
        if let Some(object) = object {
            server.put(object);
        }
        server
    }

    pub(super) fn client(&self) -> Client {
        self.0.client()
    }

    /// Creates or changes the object.
    pub(super) fn put(&self, object: Value) {
        self.0.put(object);
    }

    pub(super) fn delete(&self) {
        let (_, object) = self.0.world().into_iter().next().expect("the object to delete exists");
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let [version, kind, namespace, name] =
            ["/apiVersion", "/kind", "/metadata/namespace", "/metadata/name"].map(text);
        self.0.remove(version, kind, namespace, name);
    }

    /// Refuses every request from now on, and breaks every watch; or responds again.
    pub(super) fn refuse(&self, refusal: Option<Refusal>) {
        self.0.refuse(refusal);
    }

    /// Resolves when a watch was opened since the last call.
    pub(super) async fn watched(&self) {
        self.0.watched().await;
    }

    /// Returns the path and query of every request so far.
    pub(super) fn requests(&self) -> Vec<String> {
        let target = |Asked { path, query, .. }: Asked| format!("{path}?{query}");
        self.0.requests().into_iter().map(target).collect()
    }
}
