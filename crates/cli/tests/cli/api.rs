//! The API server in memory, on a port: a cluster in which other people's objects are.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::{Value, json};

const KINDS: [(&str, &str, &str, bool); 7] = [
    ("v1", "namespaces", "Namespace", false),
    ("v1", "configmaps", "ConfigMap", true),
    ("v1", "secrets", "Secret", true),
    ("v1", "nodes", "Node", false),
    ("v1", "pods", "Pod", true),
    ("v1", "podtemplates", "PodTemplate", true),
    ("rbac.authorization.k8s.io/v1", "clusterroles", "ClusterRole", false),
];

/// The server. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) address: SocketAddr,
    server: fake_api::Server,
}

impl Api {
    /// A server with a system namespace. It refuses objects named `refused`, and does not answer when ones named `unanswered` are
    /// applied.
    pub(crate) fn start() -> Api {
        let server = fake_api::Server::default();
        for (version, plural, kind, namespaced) in KINDS {
            server.serve_kind(version, kind, plural, namespaced);
        }
        server.refuse_name("refused");
        server.never_answer("unanswered");
        let api = Api { address: server.listen(), server };
        api.put("namespaces", "", "kube-system", json!({}));
        api
    }

    /// Applies another person's object.
    pub(crate) fn put(&self, plural: &str, namespace: &str, name: &str, mut fields: Value) {
        let (version, kind) = kind(plural);
        fields["apiVersion"] = version.into();
        fields["kind"] = kind.into();
        fields["metadata"]["name"] = name.into();
        if !namespace.is_empty() {
            fields["metadata"]["namespace"] = namespace.into();
        }
        self.server.apply(&fields);
    }

    /// Removes an object, as another person does.
    pub(crate) fn remove(&self, plural: &str, namespace: &str, name: &str) {
        let (version, kind) = kind(plural);
        self.server.remove(version, kind, namespace, name);
    }

    /// Lets the account of the tests see nothing of a resource.
    pub(crate) fn forbid(&self, plural: &str) {
        self.server.forbid(plural);
    }

    /// Lets the account of the tests change nothing of a resource.
    pub(crate) fn forbid_changes(&self, plural: &str) {
        self.server.forbid_changes(plural);
    }

    /// Lets the account of the tests see nothing of objects of this name.
    pub(crate) fn forbid_name(&self, name: &str) {
        self.server.forbid_name(name);
    }

    /// The state of the world: every object with its uid, fields and their owners.
    pub(crate) fn world(&self) -> BTreeMap<String, Value> {
        self.server.world()
    }

    pub(crate) fn object(&self, plural: &str, namespace: &str, name: &str) -> Option<Value> {
        let (version, kind) = kind(plural);
        self.server.object(version, kind, namespace, name)
    }

    /// Every request so far that is no watch, as `PATCH /path`.
    pub(crate) fn requests(&self) -> Vec<String> {
        let asked = self.server.requests().into_iter().filter(|asked| !asked.is_watch());
        asked.map(|asked| format!("{} {}", asked.method, asked.path)).collect()
    }
}

fn kind(plural: &str) -> (&'static str, &'static str) {
    let (version, _, kind, _) = KINDS.into_iter().find(|it| it.1 == plural).expect("a kind");
    (version, kind)
}
