//! An API server in memory that deletes as a real one does: in the foreground after what an object owns, not while there are
//! finalizers, and pods only when their kubelet says so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::channel::mpsc;
use futures::{StreamExt, stream};
use http::{Method, Request, Response};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

type Answer = UnsyncBoxBody<Bytes, std::io::Error>;

/// Plural and name.
type Key = (String, String);
/// Who watches a kind, or one object of it.
type Watcher = (String, Option<String>, mpsc::UnboundedSender<Bytes>);

/// Path of the version, plural, kind, whether it is in a namespace.
const KINDS: [(&str, &str, &str, bool); 8] = [
    ("/api/v1", "configmaps", "ConfigMap", true),
    ("/api/v1", "pods", "Pod", true),
    ("/api/v1", "namespaces", "Namespace", false),
    ("/apis/apps/v1", "deployments", "Deployment", true),
    ("/apis/apps/v1", "replicasets", "ReplicaSet", true),
    ("/apis/batch/v1", "jobs", "Job", true),
    ("/apis/example.com/v1", "widgets", "Widget", true),
    ("/apis/apiextensions.k8s.io/v1", "customresourcedefinitions", "CustomResourceDefinition", false),
];

/// An API server in memory. Clones are the same server.
#[derive(Clone, Default)]
pub(crate) struct Server(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    version: u64,
    objects: BTreeMap<Key, Value>,
    watchers: Vec<Watcher>,
    /// What was told, by version.
    history: Vec<(u64, Key, Bytes)>,
    /// Pods that only go when they are ended without grace.
    stubborn: BTreeSet<String>,
    /// Pods whose kubelet says that they have ended, and lets them go when somebody deletes them then.
    slow: BTreeSet<String>,
    /// Objects that somebody makes again at once.
    made_again: BTreeSet<String>,
    forbidden: BTreeSet<String>,
    silent: BTreeSet<String>,
    /// Kinds about which the next request that changes something is one too many.
    busy: BTreeSet<String>,
    requests: Vec<String>,
    /// Changes that did not say which object they are about.
    without_uid: Vec<String>,
}

impl Server {
    pub(crate) fn client(&self) -> Client {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await?.to_bytes();
                let body = serde_json::from_slice(&body).unwrap_or_default();
                let is_silent = |plural: &String| head.uri.path().contains(&format!("/{plural}/"));
                if server.lock().silent.iter().any(is_silent) {
                    std::future::pending::<()>().await;
                }
                Ok::<_, kube::Error>(server.lock().answer(&head, &body))
            }
        });
        Client::new(service, "shop")
    }

    /// A Deployment with its ReplicaSet and one pod.
    pub(crate) fn deployment(&self, name: &str, component: &str) {
        let mut state = self.lock();
        let owner =
            |kind: &str, uid: String| json!([{"apiVersion": "apps/v1", "kind": kind, "name": "owner", "uid": uid}]);
        state.put("deployments", name, json!({}));
        state.put(
            "replicasets",
            &format!("{name}-1"),
            json!({"ownerReferences": owner("Deployment", format!("deployments-{name}"))}),
        );
        let labels = json!({"kind-harness.dev/component": component});
        let owners = owner("ReplicaSet", format!("replicasets-{name}-1"));
        state.put("pods", &format!("{name}-1-a"), json!({"ownerReferences": owners, "labels": labels}));
    }

    pub(crate) fn put(&self, plural: &str, name: &str) {
        self.lock().put(plural, name, json!({}));
    }

    pub(crate) fn put_with_finalizer(&self, plural: &str, name: &str, finalizer: &str) {
        self.lock().put(plural, name, json!({"finalizers": [finalizer]}));
    }

    pub(crate) fn put_with(&self, plural: &str, name: &str, metadata: Value) {
        self.lock().put(plural, name, metadata);
    }

    /// Changes that named no uid.
    pub(crate) fn without_uid(&self) -> Vec<String> {
        self.lock().without_uid.clone()
    }

    /// This pod goes only when it is ended without grace.
    pub(crate) fn is_stubborn(&self, pod: &str) {
        self.lock().stubborn.insert(pod.to_owned());
    }

    /// This pod ends at once, but its kubelet takes its time to let it go.
    pub(crate) fn is_slow(&self, pod: &str) {
        self.lock().slow.insert(pod.to_owned());
    }

    /// Somebody makes this object again as soon as it is gone.
    pub(crate) fn is_made_again(&self, name: &str) {
        self.lock().made_again.insert(name.to_owned());
    }

    pub(crate) fn forbid(&self, plural: &str) {
        self.lock().forbidden.insert(plural.to_owned());
    }

    /// The next request that changes an object of this kind is one too many.
    pub(crate) fn is_busy(&self, plural: &str) {
        self.lock().busy.insert(plural.to_owned());
    }

    /// Requests about objects of this kind are never answered.
    pub(crate) fn hang(&self, plural: &str) {
        self.lock().silent.insert(plural.to_owned());
    }

    /// What is there, as `plural/name`.
    pub(crate) fn left(&self) -> Vec<String> {
        self.lock().objects.keys().map(|(plural, name)| format!("{plural}/{name}")).collect()
    }

    /// What was changed, in order, as `DELETE plural/name`.
    pub(crate) fn changes(&self) -> Vec<String> {
        self.lock().requests.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().expect("no test panics while it holds the server")
    }
}

impl State {
    fn put(&mut self, plural: &str, name: &str, mut metadata: Value) {
        let (version, _, kind, namespaced) = KINDS.into_iter().find(|it| it.1 == plural).expect("a kind");
        metadata["name"] = name.into();
        metadata["uid"] = format!("{plural}-{name}").into();
        if namespaced {
            metadata["namespace"] = "shop".into();
        }
        let version = version.trim_start_matches("/apis/").trim_start_matches("/api/");
        let mut object = json!({"apiVersion": version, "kind": kind, "metadata": metadata});
        if let Some((plural, group)) = name.split_once('.').filter(|_| kind == "CustomResourceDefinition") {
            let defined = KINDS.into_iter().find(|it| it.1 == plural).expect("a kind");
            let names = json!({"kind": defined.2, "plural": plural});
            let versions = json!([{"name": "v1", "served": true, "storage": true}]);
            object["spec"] = json!({"group": group, "names": names, "scope": "Namespaced", "versions": versions});
        }
        self.objects.insert((plural.into(), name.into()), object);
    }

    fn answer(&mut self, head: &http::request::Parts, body: &Value) -> Response<Answer> {
        let path = head.uri.path();
        if let Some(resources) = discovery(path) {
            return whole(200, &resources);
        }
        let segments: Vec<&str> = path.split('/').collect();
        let is_plural = |segment: &&str| KINDS.iter().any(|kind| kind.1 == *segment);
        let Some(at) = segments.iter().rposition(is_plural) else {
            return failure(404, "not served");
        };
        let (plural, name) = (segments[at].to_owned(), segments.get(at + 1).copied().unwrap_or_default().to_owned());
        if head.method != Method::GET {
            self.requests.push(format!("{} {plural}/{name}", head.method));
            let uid = body.pointer("/preconditions/uid").or(body.pointer("/metadata/uid")).and_then(Value::as_str);
            let Some(uid) = uid else {
                self.without_uid.push(format!("{} {plural}/{name}", head.method));
                return failure(500, "no uid");
            };
            let found = self.objects.get(&(plural.clone(), name.clone()));
            if found.is_some_and(|found| found["metadata"]["uid"] != uid) {
                let words = "the UID in the precondition (x) does not match the UID in record (y). The object might have \
                             been deleted and then recreated";
                return failure(409, words);
            }
            if self.forbidden.contains(&plural) {
                return failure(403, "not allowed");
            }
            if self.busy.remove(&plural) {
                return failure(429, "too many requests");
            }
        }
        let query = head.uri.query().unwrap_or_default().replace("%3D", "=").replace("%2F", "/");
        let value = |key: &str| query.split('&').find_map(|part| part.strip_prefix(key)).filter(|it| !it.is_empty());
        let field = value("fieldSelector=metadata.name=").map(str::to_owned);
        match (&head.method, name.as_str()) {
            (&Method::GET, "") if value("watch=") == Some("true") => {
                let since = value("resourceVersion=").and_then(|version| version.parse().ok()).unwrap_or_default();
                self.watch(plural, field, since)
            }
            (&Method::GET, "") => {
                let label = value("labelSelector=kind-harness.dev/component=");
                let wanted = |((of, name), object): &(&Key, &Value)| {
                    let has = |label: &str| object["metadata"]["labels"]["kind-harness.dev/component"] == label;
                    *of == plural && field.as_ref().is_none_or(|field| field == name) && label.is_none_or(has)
                };
                let items: Vec<&Value> = self.objects.iter().filter(wanted).map(|(_, object)| object).collect();
                let metadata = json!({"resourceVersion": self.version.to_string()});
                whole(200, &json!({"kind": "List", "apiVersion": "v1", "metadata": metadata, "items": items}))
            }
            (&Method::DELETE, _) => self.delete(&plural, &name, body),
            (method, _) => {
                let key = (plural, name);
                let Some(object) = self.objects.get_mut(&key) else { return failure(404, "not found") };
                if *method == Method::PATCH && body.pointer("/metadata/finalizers").is_some_and(Value::is_null) {
                    object["metadata"]["finalizers"] = json!([]);
                }
                let answer = whole(200, object);
                self.settle();
                answer
            }
        }
    }

    /// Tells what changed `since` that version, and what changes from now on.
    fn watch(&mut self, plural: String, field: Option<String>, since: u64) -> Response<Answer> {
        let (sender, receiver) = mpsc::unbounded::<Bytes>();
        let watcher = (plural, field, sender);
        for (_, key, line) in self.history.iter().filter(|(version, ..)| *version > since) {
            tell(&watcher, key, line);
        }
        self.watchers.push(watcher);
        let frames = receiver.map(|line| Ok::<_, std::io::Error>(Frame::data(line)));
        Response::new(StreamBody::new(stream::empty().chain(frames)).boxed_unsync())
    }

    fn delete(&mut self, plural: &str, name: &str, body: &Value) -> Response<Answer> {
        let key = (plural.to_owned(), name.to_owned());
        let Some(object) = self.objects.get_mut(&key) else { return failure(404, "not found") };
        object["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
        if body["propagationPolicy"] == "Foreground" {
            let mut finalizers = object["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
            finalizers.push("foregroundDeletion".into());
            object["metadata"]["finalizers"] = finalizers.into();
        }
        if body["gracePeriodSeconds"] == 0 {
            self.stubborn.remove(name);
        }
        if object["status"]["phase"] == "Succeeded" {
            self.slow.remove(name);
        }
        let before = self.objects.get(&key).cloned().unwrap_or_default();
        // Who deletes in the foreground is told that it goes, before it is gone.
        let answer = whole(200, &before);
        self.settle();
        let foreground = body["propagationPolicy"] == "Foreground";
        if foreground
            || self.objects.get(&key).is_some_and(|object| object["metadata"].get("deletionTimestamp").is_some())
        {
            return answer;
        }
        whole(200, &json!({"kind": "Status", "apiVersion": "v1", "status": "Success", "details": {"uid": "x"}}))
    }

    /// The garbage collector and the kubelet, until nothing changes any more.
    fn settle(&mut self) {
        while let Some((key, gone)) = self.next_step() {
            self.version += 1;
            if gone {
                if let Some(mut object) = self.objects.remove(&key) {
                    object["metadata"]["resourceVersion"] = self.version.to_string().into();
                    self.tell(&key, "DELETED", &object);
                }
                if self.made_again.remove(&key.1) {
                    self.put(&key.0, &key.1, json!({}));
                }
            } else if let Some(object) = self.objects.get_mut(&key) {
                object["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
                object["metadata"]["resourceVersion"] = self.version.to_string().into();
                if self.slow.contains(&key.1) {
                    object["status"] = json!({"phase": "Succeeded"});
                    object["metadata"]["deletionGracePeriodSeconds"] = 30.into();
                }
                let object = object.clone();
                self.tell(&key, "MODIFIED", &object);
            }
        }
    }

    /// What is to go now (`true`), or to be asked to.
    fn next_step(&self) -> Option<(Key, bool)> {
        let is_going = |object: &Value| object["metadata"].get("deletionTimestamp").is_some();
        for (key, object) in self.objects.iter().filter(|(_, object)| is_going(object)) {
            let uid = &object["metadata"]["uid"];
            let is_defined =
                |plural: &String| key.0 == "customresourcedefinitions" && key.1.starts_with(&format!("{plural}."));
            let is_owned = |it: &Value| it["metadata"]["ownerReferences"][0]["uid"] == *uid;
            let owned = || self.objects.iter().filter(|(key, it)| is_owned(it) || is_defined(&key.0));
            if let Some((child, _)) = owned().find(|(_, child)| !is_going(child)) {
                return Some((child.clone(), false));
            }
            let children = owned().count();
            let keeps = |finalizer: &Value| finalizer != "foregroundDeletion";
            let kept = object["metadata"]["finalizers"].as_array().is_some_and(|all| all.iter().any(keeps));
            if children == 0 && !kept && !self.stubborn.contains(&key.1) && !self.slow.contains(&key.1) {
                return Some((key.clone(), true));
            }
        }
        None
    }

    fn tell(&mut self, key: &Key, kind: &str, object: &Value) {
        let line: Bytes = format!("{}\n", json!({"type": kind, "object": object})).into();
        self.watchers.retain(|watcher| tell(watcher, key, &line));
        self.history.push((self.version, key.clone(), line));
    }
}

/// Whether the watcher is still there.
fn tell((plural, field, sender): &Watcher, key: &Key, line: &Bytes) -> bool {
    let concerns = *plural == key.0 && field.as_ref().is_none_or(|field| *field == key.1);
    !concerns || sender.unbounded_send(line.clone()).is_ok()
}

fn discovery(path: &str) -> Option<Value> {
    let kinds: Vec<_> = KINDS.iter().filter(|kind| kind.0 == path).collect();
    let resources = kinds.iter().map(|(_, plural, kind, namespaced)| {
        json!({"name": plural, "singularName": "", "namespaced": namespaced, "kind": kind, "verbs": ["delete"]})
    });
    let version = path.trim_start_matches("/apis/").trim_start_matches("/api/");
    let resources: Vec<_> = resources.collect();
    (!kinds.is_empty()).then(|| json!({"kind": "APIResourceList", "groupVersion": version, "resources": resources}))
}

fn whole(code: u16, body: &Value) -> Response<Answer> {
    let body = Full::new(Bytes::from(body.to_string())).map_err(|never| match never {}).boxed_unsync();
    Response::builder().status(code).body(body).expect("a response")
}

fn failure(code: u16, message: &str) -> Response<Answer> {
    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "x", "message": message, "code": code});
    whole(code, &status)
}
