//! An API server over HTTP that keeps objects, and who owns their fields, as a real one does: enough of server-side apply to
//! tell what a guest leaves behind. Deleting a namespace deletes all that is in it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use serde_json::{Map, Value, json};

type Path = Vec<String>;
/// Plural, namespace, name.
type Key = (String, String, String);

const KINDS: [(&str, &str, &str, bool); 6] = [
    ("/api/v1", "namespaces", "Namespace", false),
    ("/api/v1", "configmaps", "ConfigMap", true),
    ("/api/v1", "secrets", "Secret", true),
    ("/api/v1", "nodes", "Node", false),
    ("/api/v1", "pods", "Pod", true),
    ("/apis/rbac.authorization.k8s.io/v1", "clusterroles", "ClusterRole", false),
];

/// The server. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) address: SocketAddr,
    shared: Arc<(Mutex<State>, Condvar)>,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<Key, Stored>,
    version: u64,
    uids: u64,
    history: Vec<(u64, String, Value)>,
    /// Verb and path of every request.
    requests: Vec<String>,
}

#[derive(Clone, Default)]
struct Stored {
    object: Value,
    /// The fields of each manager.
    owners: BTreeMap<String, BTreeSet<Path>>,
}

impl Api {
    /// One with a system namespace and a node.
    pub(crate) fn start() -> Api {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let api = Api { address: listener.local_addr().unwrap(), shared: Arc::default() };
        api.put("namespaces", "", "kube-system", json!({}));
        let served = api.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let api = served.clone();
                std::thread::spawn(move || api.serve(stream));
            }
        });
        api
    }

    /// Somebody else's object.
    pub(crate) fn put(&self, plural: &str, namespace: &str, name: &str, fields: Value) {
        self.lock().apply((plural.into(), namespace.into(), name.into()), &fields, "somebody", true).unwrap();
    }

    /// Somebody else deletes an object.
    pub(crate) fn remove(&self, plural: &str, namespace: &str, name: &str) {
        self.lock().delete(&(plural.into(), namespace.into(), name.into()));
    }

    /// The state of the world: every object with its uid, fields and their owners.
    pub(crate) fn world(&self) -> BTreeMap<String, Value> {
        let state = self.lock();
        let told = state.objects.iter().map(|((plural, namespace, name), stored)| {
            let mut object = stored.shown();
            object["metadata"].as_object_mut().unwrap().remove("resourceVersion");
            (format!("{plural}/{namespace}/{name}"), object)
        });
        told.collect()
    }

    pub(crate) fn object(&self, plural: &str, namespace: &str, name: &str) -> Option<Value> {
        let key = (plural.into(), namespace.into(), name.into());
        self.lock().objects.get(&key).map(|stored| stored.object.clone())
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.lock().requests.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.0.lock().unwrap()
    }

    fn serve(&self, mut stream: TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        let head: Vec<String> =
            reader.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
        let length = head.iter().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body).ok()?;
        let (verb, target) = head.first()?.split_once(' ')?;
        let target = target.split(' ').next()?.replace("%3D", "=").replace("%2F", "/").replace("%2C", ",");
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        if query.contains("watch=true") {
            return self.watch(stream, path, query);
        }
        let body = serde_json::from_slice(&body).unwrap_or_default();
        let (code, answer) = self.lock().answer(verb, path, query, &body);
        self.shared.1.notify_all();
        if verb == "PATCH" && path.ends_with("/unanswered") {
            // Served, but whoever asked never learns of it.
            std::thread::park();
        }
        let answer = answer.to_string();
        let head = format!("HTTP/1.1 {code} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", answer.len());
        stream.write_all((head + &answer).as_bytes()).ok()
    }

    fn watch(&self, mut stream: TcpStream, path: &str, query: &str) -> Option<()> {
        let plural = path.rsplit('/').next()?.to_owned();
        let since = query.split('&').find_map(|part| part.strip_prefix("resourceVersion="));
        let mut since: u64 = since.and_then(|version| version.parse().ok()).unwrap_or_default();
        stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n").ok()?;
        let mut state = self.lock();
        loop {
            let news: Vec<_> = state.history.iter().filter(|(at, of, _)| *at > since && *of == plural).collect();
            let text: String = news.iter().map(|(_, _, event)| format!("{event}\n")).collect();
            since = state.version;
            stream.write_all(text.as_bytes()).ok()?;
            state = self.shared.1.wait(state).unwrap();
        }
    }
}

impl State {
    fn answer(&mut self, verb: &str, path: &str, query: &str, body: &Value) -> (u16, Value) {
        self.requests.push(format!("{verb} {path}"));
        let kinds: Vec<_> = KINDS.iter().filter(|kind| kind.0 == path).collect();
        if !kinds.is_empty() {
            let kinds = kinds.iter().map(|(_, plural, kind, namespaced)| {
                json!({"name": plural, "singularName": "", "namespaced": namespaced, "kind": kind, "verbs": []})
            });
            let kinds: Vec<_> = kinds.collect();
            return (
                200,
                json!({"kind": "APIResourceList", "groupVersion": &path[path.len() - 2..], "resources": kinds}),
            );
        }
        let version = KINDS.iter().map(|kind| kind.0).find(|version| path.starts_with(version)).unwrap_or("/api/v1");
        let rest: Vec<&str> = path.strip_prefix(version).unwrap_or(path).trim_start_matches('/').split('/').collect();
        let (namespace, rest) = match rest[..] {
            ["namespaces", namespace, _, ..] => (namespace, &rest[2..]),
            _ => ("", &rest[..]),
        };
        let (plural, name) = (rest[0].to_owned(), rest.get(1).copied().unwrap_or_default());
        let value = |key: &str| query.split('&').find_map(|part| part.strip_prefix(key)).unwrap_or_default();
        let manager = value("fieldManager=");
        let named = if verb == "POST" { body["metadata"]["name"].as_str().unwrap_or_default() } else { name };
        let key: Key = (plural, namespace.to_owned(), named.to_owned());
        let found = self.objects.get(&key).map(Stored::shown);
        match (verb, found) {
            ("GET", _) if name.is_empty() => {
                let is_of = |it: &Key| it.0 == key.0 && (namespace.is_empty() || it.1 == namespace);
                let items: Vec<_> = self.objects.iter().filter(|(it, _)| is_of(it)).map(|(_, it)| it.shown()).collect();
                let metadata = json!({"resourceVersion": self.version.to_string()});
                (200, json!({"kind": "List", "apiVersion": "v1", "metadata": metadata, "items": items}))
            }
            ("GET", Some(found)) => (200, found),
            ("POST", Some(_)) => failure(409, "already exists"),
            ("POST", None) | ("PATCH", _) if named == "refused" => failure(422, "refused by the test"),
            ("POST", None) | ("PATCH", _) => {
                let uid = body.pointer("/metadata/uid").and_then(Value::as_str);
                if uid.is_some_and(|uid| found_uid(self.objects.get(&key)) != Some(uid)) {
                    return failure(409, "uid mismatch");
                }
                match self.apply(key, body, manager, value("force=") == "true") {
                    Ok(object) => (200, object),
                    Err(words) => failure(409, &words),
                }
            }
            ("PUT", Some(found)) if found["metadata"]["resourceVersion"] == body["metadata"]["resourceVersion"] => {
                (200, self.replace(&key, body, manager))
            }
            ("PUT", Some(_)) => failure(409, "the object has been modified"),
            ("DELETE", Some(found)) => {
                let uid = body.pointer("/preconditions/uid");
                assert!(uid.is_some(), "DELETE {path} names no uid");
                if uid != found.pointer("/metadata/uid") {
                    return failure(409, "Precondition failed: UID in precondition: x, UID in object meta: y");
                }
                self.delete(&key);
                (200, json!({"kind": "Status", "apiVersion": "v1", "status": "Success"}))
            }
            _ => failure(404, "not found"),
        }
    }

    /// Server-side apply. Lists are values.
    fn apply(&mut self, key: Key, wanted: &Value, manager: &str, force: bool) -> Result<Value, String> {
        let is_new = !self.objects.contains_key(&key);
        let mut stored = self.objects.get(&key).cloned().unwrap_or_else(|| self.blank(&key));
        let fields = leaves(wanted);
        for (path, value) in &fields {
            let differs = at(&stored.object, path) != Some(value);
            let mut others = stored.owners.iter().filter(|(other, theirs)| *other != manager && theirs.contains(path));
            if let Some((other, _)) = others.find(|_| differs)
                && !force
            {
                let field = path.join(".");
                return Err(format!("Apply failed with 1 conflict: conflict with \"{other}\": .{field}"));
            }
            if differs {
                stored.disown(path);
                set(&mut stored.object, path, Some(value.clone()));
            }
        }
        let ours: BTreeSet<Path> = fields.into_keys().collect();
        let former = stored.owners.insert(manager.to_owned(), ours).unwrap_or_default();
        for path in former {
            if !stored.owners.values().any(|theirs| theirs.contains(&path)) {
                set(&mut stored.object, &path, None);
            }
        }
        Ok(self.store(key, stored, if is_new { "ADDED" } else { "MODIFIED" }))
    }

    fn replace(&mut self, key: &Key, wanted: &Value, manager: &str) -> Value {
        let mut stored = self.objects[key].clone();
        for (path, value) in leaves(wanted) {
            if at(&stored.object, &path) != Some(&value) {
                stored.disown(&path);
                stored.owners.entry(manager.to_owned()).or_default().insert(path.clone());
                set(&mut stored.object, &path, Some(value));
            }
        }
        self.store(key.clone(), stored, "MODIFIED")
    }

    fn delete(&mut self, key: &Key) {
        let Some(stored) = self.objects.remove(key) else { return };
        self.version += 1;
        self.history.push((self.version, key.0.clone(), json!({"type": "DELETED", "object": stored.shown()})));
        if key.0 == "namespaces" {
            let within: Vec<_> = self.objects.keys().filter(|it| it.1 == key.2).cloned().collect();
            within.iter().for_each(|it| self.delete(it));
        }
    }

    fn store(&mut self, key: Key, mut stored: Stored, what: &str) -> Value {
        stored.owners.retain(|_, fields| !fields.is_empty());
        self.version += 1;
        stored.object["metadata"]["resourceVersion"] = self.version.to_string().into();
        let shown = stored.shown();
        self.history.push((self.version, key.0.clone(), json!({"type": what, "object": shown})));
        self.objects.insert(key, stored);
        shown
    }

    fn blank(&mut self, (plural, namespace, name): &Key) -> Stored {
        self.uids += 1;
        let (version, _, kind, namespaced) = KINDS.into_iter().find(|kind| kind.1 == plural).expect("a kind");
        let version = version.trim_start_matches("/apis/").trim_start_matches("/api/");
        let mut metadata =
            json!({"name": name, "uid": format!("uid-{}", self.uids), "creationTimestamp": "2026-01-01T00:00:00Z"});
        if namespaced {
            metadata["namespace"] = json!(namespace);
        }
        let mut object = json!({"apiVersion": version, "kind": kind, "metadata": metadata});
        if plural == "namespaces" {
            object["status"] = json!({"phase": "Active"});
        }
        Stored { object, owners: BTreeMap::new() }
    }
}

impl Stored {
    /// Nobody owns that field any more.
    fn disown(&mut self, path: &Path) {
        for theirs in self.owners.values_mut() {
            theirs.remove(path);
        }
    }

    /// With its managed fields.
    fn shown(&self) -> Value {
        let mut object = self.object.clone();
        let entries = self.owners.iter().map(|(manager, paths)| {
            let mut fields = json!({});
            for path in paths {
                let place = path.iter().fold(&mut fields, |place, name| &mut place[format!("f:{name}")]);
                *place = json!({});
            }
            json!({"manager": manager, "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1",
                   "time": "2026-02-02T00:00:00Z", "fieldsV1": fields})
        });
        object["metadata"]["managedFields"] = entries.collect();
        object
    }
}

fn found_uid(stored: Option<&Stored>) -> Option<&str> {
    stored?.object["metadata"]["uid"].as_str()
}

/// Every value of an object that can be owned.
fn leaves(object: &Value) -> BTreeMap<Path, Value> {
    fn walk(path: &Path, value: &Value, found: &mut BTreeMap<Path, Value>) {
        match value.as_object().filter(|fields| !fields.is_empty()) {
            Some(fields) => {
                fields.iter().for_each(|(key, value)| walk(&[path.clone(), vec![key.clone()]].concat(), value, found))
            }
            None => drop(found.insert(path.clone(), value.clone())),
        }
    }
    let mut found = BTreeMap::new();
    walk(&Vec::new(), object, &mut found);
    let is_owned = |path: &Path| match path[0].as_str() {
        "metadata" => ["labels", "annotations"].contains(&path.get(1).map_or("", String::as_str)),
        top => !["apiVersion", "kind", "status"].contains(&top),
    };
    found.retain(|path, _| !path.is_empty() && is_owned(path));
    found
}

fn at<'a>(object: &'a Value, path: &Path) -> Option<&'a Value> {
    path.iter().try_fold(object, |place, name| place.get(name))
}

/// Sets a field, or removes it, and with it maps that become empty.
fn set(object: &mut Value, path: &[String], value: Option<Value>) {
    let [name, rest @ ..] = path else { return };
    if !object.is_object() {
        *object = Value::Object(Map::new());
    }
    let Some(fields) = object.as_object_mut() else { return };
    match (rest, value) {
        ([], Some(value)) => drop(fields.insert(name.clone(), value)),
        ([], None) => drop(fields.remove(name)),
        (rest, value) => {
            set(fields.entry(name.clone()).or_insert(Value::Null), rest, value);
            if fields[name].as_object().is_some_and(Map::is_empty) {
                fields.remove(name);
            }
        }
    }
}

fn failure(code: u16, message: &str) -> (u16, Value) {
    let reason = if code == 404 { "NotFound" } else { "x" };
    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": message, "code": code});
    (code, status)
}
