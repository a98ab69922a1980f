//! The API server in memory, with objects as YAML and as if they had been applied.

use kind_harness::readiness::{Applied, ObjectRef};
use kube::Client;
use serde_json::Value;

/// An API server in memory. Clones are the same server.
#[derive(Clone, Default)]
pub(crate) struct Server(fake_api::Server);

impl std::ops::Deref for Server {
    type Target = fake_api::Server;

    fn deref(&self) -> &fake_api::Server {
        &self.0
    }
}

impl Server {
    pub(crate) fn client(&self) -> Client {
        self.0.client()
    }

    /// Creates or changes the objects of a YAML list. Returns them as if they had been applied.
    pub(crate) fn put(&self, yaml: &str) -> Vec<Applied> {
        let objects: Vec<Value> = serde_saphyr::from_str(yaml).expect("objects as YAML");
        objects.into_iter().map(|object| self.put_one(object)).collect()
    }

    fn put_one(&self, object: Value) -> Applied {
        let uid = object["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
        let object = self.0.put(object);
        let generation = object["metadata"]["generation"].as_i64().unwrap_or_default();
        let name: kube::core::DynamicObject = serde_json::from_value(object).expect("an object");
        Applied { object: ObjectRef::of(&name), uid, generation }
    }

    pub(crate) fn delete(&self, object: &ObjectRef) {
        self.0.remove(&object.api_version, &object.kind, object.namespace.as_deref().unwrap_or_default(), &object.name);
    }

    /// Stops answering, and breaks every connection; or comes back.
    pub(crate) fn set_down(&self, down: bool) {
        self.0.refuse(down.then_some(fake_api::Refusal::Unreachable));
    }

    /// Every request so far, as `list /path` or `watch /path`.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.0.requests().iter().map(ToString::to_string).collect()
    }
}
