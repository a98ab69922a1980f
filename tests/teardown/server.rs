//! The API server in memory, with the objects that the tests of removal need, all in namespace `shop`.

use kube::Client;
use serde_json::{Value, json};

/// Group and version, plural, kind, whether it is in a namespace.
const KINDS: [(&str, &str, &str, bool); 8] = [
    ("v1", "configmaps", "ConfigMap", true),
    ("v1", "pods", "Pod", true),
    ("v1", "namespaces", "Namespace", false),
    ("apps/v1", "deployments", "Deployment", true),
    ("apps/v1", "replicasets", "ReplicaSet", true),
    ("batch/v1", "jobs", "Job", true),
    ("example.com/v1", "widgets", "Widget", true),
    ("apiextensions.k8s.io/v1", "customresourcedefinitions", "CustomResourceDefinition", false),
];

/// An API server in memory. Clones are the same server.
#[derive(Clone)]
pub(crate) struct Server(fake_api::Server);

impl Default for Server {
    fn default() -> Server {
        let server = fake_api::Server::default();
        KINDS
            .iter()
            .for_each(|(version, plural, kind, namespaced)| server.serve_kind(version, kind, plural, *namespaced));
        Server(server)
    }
}

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

    /// A Deployment with its ReplicaSet and one pod.
    pub(crate) fn deployment(&self, name: &str, component: &str) {
        let owner =
            |kind: &str, uid: String| json!([{"apiVersion": "apps/v1", "kind": kind, "name": "owner", "uid": uid}]);
        self.put("deployments", name);
        let owners = owner("Deployment", format!("deployments-{name}"));
        self.put_with("replicasets", &format!("{name}-1"), json!({"ownerReferences": owners}));
        let labels = json!({"kind-harness.dev/component": component});
        let owners = owner("ReplicaSet", format!("replicasets-{name}-1"));
        self.put_with("pods", &format!("{name}-1-a"), json!({"ownerReferences": owners, "labels": labels}));
    }

    pub(crate) fn put(&self, plural: &str, name: &str) {
        self.put_with(plural, name, json!({}));
    }

    pub(crate) fn put_with_finalizer(&self, plural: &str, name: &str, finalizer: &str) {
        self.put_with(plural, name, json!({"finalizers": [finalizer]}));
    }

    pub(crate) fn put_with(&self, plural: &str, name: &str, mut metadata: Value) {
        let (version, _, kind, namespaced) = KINDS.into_iter().find(|it| it.1 == plural).expect("a kind");
        metadata["name"] = name.into();
        metadata["uid"] = format!("{plural}-{name}").into();
        if namespaced {
            metadata["namespace"] = "shop".into();
        }
        let mut object = json!({"apiVersion": version, "kind": kind, "metadata": metadata});
        if let Some((plural, group)) = name.split_once('.').filter(|_| kind == "CustomResourceDefinition") {
            let defined = KINDS.into_iter().find(|it| it.1 == plural).expect("a kind");
            let names = json!({"kind": defined.2, "plural": plural});
            let versions = json!([{"name": "v1", "served": true, "storage": true}]);
            object["spec"] = json!({"group": group, "names": names, "scope": "Namespaced", "versions": versions});
        }
        self.0.put(object);
    }

    /// What is there, as `plural/name`.
    pub(crate) fn left(&self) -> Vec<String> {
        let place = |place: &String| {
            let (plural, rest) = place.split_once('/').expect("a place");
            format!("{plural}/{}", rest.rsplit('/').next().expect("a name"))
        };
        self.0.world().keys().map(place).collect()
    }

    /// What was changed, in order, as `DELETE plural/name`.
    pub(crate) fn changes(&self) -> Vec<String> {
        let changes = self.0.requests().into_iter().filter(|asked| asked.method != "GET");
        let told = changes.map(|asked| {
            let parts: Vec<&str> = asked.path.rsplit('/').take(2).collect();
            format!("{} {}/{}", asked.method, parts[1], parts[0])
        });
        told.collect()
    }
}
