//! Server-side apply, and updates, with the owners of fields. Lists are atomic.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::state::{Key, Path, State, Stored};

impl State {
    /// Applies `wanted` as `manager`; returns the object, or the conflict.
    pub(crate) fn apply(&mut self, key: Key, wanted: &Value, manager: &str, force: bool) -> Result<Value, String> {
        let mut stored = match self.objects.get(&key) {
            Some(stored) => stored.clone(),
            None => self.blank(&key, wanted),
        };
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
        Ok(self.store(key, stored))
    }

    /// Replaces the fields of an object; those that change are the manager's.
    pub(crate) fn replace(&mut self, key: &Key, wanted: &Value, manager: &str) -> Value {
        let mut stored = self.objects[key].clone();
        for (path, value) in leaves(wanted) {
            if at(&stored.object, &path) != Some(&value) {
                stored.disown(&path);
                stored.owners.entry(manager.to_owned()).or_default().insert(path.clone());
                set(&mut stored.object, &path, Some(value));
            }
        }
        self.store(key.clone(), stored)
    }

    fn blank(&mut self, key: &Key, wanted: &Value) -> Stored {
        let kind = self.kinds.find(&key.api_version, &key.plural).map(|it| it.kind.clone());
        let kind = kind.unwrap_or_else(|| wanted["kind"].as_str().unwrap_or_default().to_owned());
        let mut metadata =
            json!({"name": key.name, "uid": self.new_uid(), "creationTimestamp": "2026-01-01T00:00:00Z"});
        if !key.namespace.is_empty() {
            metadata["namespace"] = json!(key.namespace);
        }
        let mut object = json!({"apiVersion": key.api_version, "kind": kind, "metadata": metadata});
        if key.plural == "namespaces" {
            object["status"] = json!({"phase": "Active"});
        }
        Stored { object, owners: BTreeMap::new() }
    }
}

impl Stored {
    fn disown(&mut self, path: &Path) {
        for theirs in self.owners.values_mut() {
            theirs.remove(path);
        }
    }
}

/// Every value of an object that can be owned.
fn leaves(object: &Value) -> BTreeMap<Path, Value> {
    fn walk(path: &Path, value: &Value, found: &mut BTreeMap<Path, Value>) {
        match value.as_object().filter(|fields| !fields.is_empty()) {
            Some(fields) => {
                fields.iter().for_each(|(key, value)| walk(&[path.clone(), vec![key.clone()]].concat(), value, found));
            }
            None => drop(found.insert(path.clone(), value.clone())),
        }
    }
    let mut found = BTreeMap::new();
    walk(&Vec::new(), object, &mut found);
    let is_owned = |path: &Path| match path.first().map_or("", String::as_str) {
        "metadata" => ["labels", "annotations"].contains(&path.get(1).map_or("", String::as_str)),
        top => !["", "apiVersion", "kind", "status"].contains(&top),
    };
    found.retain(|path, _| is_owned(path));
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
