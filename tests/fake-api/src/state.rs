//! The objects, their history, and the watches on them.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use futures::channel::mpsc;
use serde_json::{Value, json};

use super::Asked;
use super::faults::Faults;
use super::kinds::Kinds;

/// The place of an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) plural: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) api_version: String,
}

/// Makes the object with a number.
pub(crate) type Generate = fn(usize) -> Value;

/// The path of a field in an object.
pub(crate) type Path = Vec<String>;

/// An object, and who set its fields.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stored {
    pub(crate) object: Value,
    /// The fields that each manager owns.
    pub(crate) owners: BTreeMap<String, BTreeSet<Path>>,
}

/// An open watch.
#[derive(Debug)]
pub(crate) struct Watcher {
    /// Group, version and plural.
    pub(crate) api_version: String,
    pub(crate) plural: String,
    /// The namespace and name that it is limited to; empty for all.
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) sender: mpsc::UnboundedSender<std::io::Result<Bytes>>,
}

impl Watcher {
    fn concerns(&self, key: &Key) -> bool {
        let all = |limit: &str, value: &str| limit.is_empty() || limit == value;
        self.api_version == key.api_version
            && self.plural == key.plural
            && all(&self.namespace, &key.namespace)
            && all(&self.name, &key.name)
    }

    pub(crate) fn send(&self, line: &Bytes) {
        // The client may have gone.
        let _ = self.sender.unbounded_send(Ok(line.clone()));
    }
}

/// All that the server knows.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) kinds: Kinds,
    pub(crate) objects: BTreeMap<Key, Stored>,
    pub(crate) version: u64,
    uids: u64,
    /// The version before which no watch can resume.
    horizon: u64,
    /// Every change since then: its version, the object, and the line that a watch receives.
    history: Vec<(u64, Key, Bytes)>,
    pub(crate) watchers: Vec<Watcher>,
    pub(crate) generated: BTreeMap<String, (usize, Generate)>,
    pub(crate) log: String,
    pub(crate) faults: Faults,
    pub(crate) requests: Vec<Asked>,
    pub(crate) without_uid: Vec<String>,
}

impl State {
    pub(crate) fn key(&mut self, api_version: &str, kind: &str, namespace: &str, name: &str) -> Key {
        let plural = self.kinds.plural(api_version, kind, !namespace.is_empty());
        Key { plural, namespace: namespace.into(), name: name.into(), api_version: api_version.into() }
    }

    pub(crate) fn key_of(&mut self, object: &Value) -> Key {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
        let namespace = text("/metadata/namespace").unwrap_or_default();
        let [version, kind, name] = ["/apiVersion", "/kind", "/metadata/name"]
            .map(|pointer| text(pointer).unwrap_or_else(|| panic!("{pointer} of {object}")));
        self.key(version, kind, namespace, name)
    }

    pub(crate) fn put(&mut self, mut object: Value) -> Value {
        let key = self.key_of(&object);
        if object["metadata"]["uid"].is_null() {
            let known = self.objects.get(&key).map(|known| known.object["metadata"]["uid"].clone());
            object["metadata"]["uid"] = known.unwrap_or_else(|| self.new_uid().into());
        }
        self.store(key, Stored { object, owners: BTreeMap::new() })
    }

    pub(crate) fn new_uid(&mut self) -> String {
        self.uids += 1;
        format!("uid-{}", self.uids)
    }

    /// Stores an object under a new version, and sends it to the watches. Returns it as a client sees it.
    pub(crate) fn store(&mut self, key: Key, mut stored: Stored) -> Value {
        stored.owners.retain(|_, fields| !fields.is_empty());
        self.version += 1;
        stored.object["metadata"]["resourceVersion"] = self.version.to_string().into();
        let shown = stored.shown();
        let known = self.objects.insert(key.clone(), stored);
        self.send(&key, if known.is_some() { "MODIFIED" } else { "ADDED" }, &shown);
        shown
    }

    /// Removes an object, whatever keeps it.
    pub(crate) fn remove(&mut self, key: &Key) -> Option<Value> {
        let mut stored = self.objects.remove(key)?;
        self.version += 1;
        stored.object["metadata"]["resourceVersion"] = self.version.to_string().into();
        let shown = stored.shown();
        self.send(key, "DELETED", &shown);
        Some(shown)
    }

    fn send(&mut self, key: &Key, kind: &str, object: &Value) {
        let line = line(kind, object);
        self.watchers.iter().filter(|watcher| watcher.concerns(key)).for_each(|watcher| watcher.send(&line));
        self.watchers.retain(|watcher| !watcher.sender.is_closed());
        self.history.push((self.version, key.clone(), line));
    }

    /// Opens a watch that resumes after version `since`.
    pub(crate) fn watch(&mut self, watcher: Watcher, since: u64) {
        if since < self.horizon {
            return watcher.send(&gone());
        }
        let missed = self.history.iter().filter(|(version, key, _)| *version > since && watcher.concerns(key));
        missed.for_each(|(_, _, line)| watcher.send(line));
        self.watchers.push(watcher);
    }

    pub(crate) fn bookmark(&mut self) {
        self.version += 1;
        let version = self.version.to_string();
        for watcher in &self.watchers {
            let metadata = json!({"resourceVersion": version});
            let kind = self.kinds.find(&watcher.api_version, &watcher.plural).map_or("", |it| it.kind.as_str());
            watcher.send(&line(
                "BOOKMARK",
                &json!({"apiVersion": watcher.api_version, "kind": kind, "metadata": metadata}),
            ));
        }
    }

    pub(crate) fn forget_history(&mut self) {
        self.version += 1;
        self.horizon = self.version;
        self.history.clear();
    }
}

impl Stored {
    /// The object with its managed fields.
    pub(crate) fn shown(&self) -> Value {
        let mut object = self.object.clone();
        if self.owners.is_empty() {
            return object;
        }
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

fn line(kind: &str, object: &Value) -> Bytes {
    format!("{}\n", json!({"type": kind, "object": object})).into()
}

/// The line that a watch receives whose version is forgotten.
pub(crate) fn gone() -> Bytes {
    line("ERROR", &super::status(410, "Expired", "too old resource version"))
}
