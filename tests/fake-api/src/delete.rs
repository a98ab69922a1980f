//! Deletion: finalizers, the garbage collector, and what a kubelet does with pods.

use serde_json::{Value, json};

use super::state::{Key, State, Stored};

/// When every deleted object was deleted.
const DELETED: &str = "2026-01-01T00:00:00Z";

impl State {
    /// Deletes an object as `options`, the body of the request, say. Returns the object while it is still there or was deleted in
    /// the foreground, else the status.
    pub(crate) fn delete(&mut self, key: &Key, options: &Value) -> Option<Value> {
        let stored = self.objects.get_mut(key)?;
        let metadata = &mut stored.object["metadata"];
        metadata["deletionTimestamp"] = DELETED.into();
        let in_foreground = options["propagationPolicy"] == "Foreground";
        if in_foreground {
            let mut finalizers = metadata["finalizers"].as_array().cloned().unwrap_or_default();
            finalizers.push("foregroundDeletion".into());
            metadata["finalizers"] = finalizers.into();
        }
        if options["gracePeriodSeconds"] == 0 {
            self.faults.stubborn.remove(&key.name);
        }
        if stored.object["status"]["phase"] == "Succeeded" {
            self.faults.slow.remove(&key.name);
        }
        let before = stored.shown();
        self.settle();
        let is_there = self.objects.get(key).is_some_and(is_deleted);
        let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Success", "details": {"uid": "x"}});
        Some(if in_foreground || is_there { before } else { status })
    }

    /// Lets the garbage collector and the kubelet work until nothing changes any more.
    pub(crate) fn settle(&mut self) {
        while let Some((key, removed)) = self.next_step() {
            if removed {
                self.remove(&key);
                if self.faults.made_again.remove(&key.name) {
                    let kind = self.kinds.find(&key.api_version, &key.plural).map_or("", |it| it.kind.as_str());
                    let mut metadata = json!({"name": key.name});
                    if !key.namespace.is_empty() {
                        metadata["namespace"] = json!(key.namespace);
                    }
                    self.put(json!({"apiVersion": key.api_version, "kind": kind, "metadata": metadata}));
                }
            } else if let Some(mut stored) = self.objects.get(&key).cloned() {
                stored.object["metadata"]["deletionTimestamp"] = DELETED.into();
                if self.faults.slow.contains(&key.name) {
                    stored.object["status"] = json!({"phase": "Succeeded"});
                    stored.object["metadata"]["deletionGracePeriodSeconds"] = 30.into();
                }
                self.store(key, stored);
            }
        }
    }

    /// The next object that is removed (`true`), or deleted because its owner is.
    fn next_step(&self) -> Option<(Key, bool)> {
        for (key, stored) in self.objects.iter().filter(|(_, stored)| is_deleted(stored)) {
            let children = || self.objects.iter().filter(|(other, child)| is_child(other, child, key, stored));
            if let Some((child, _)) = children().find(|(_, child)| !is_deleted(child)) {
                return Some((child.clone(), false));
            }
            let keeps = |finalizer: &Value| finalizer != "foregroundDeletion";
            let finalizers = stored.object["metadata"]["finalizers"].as_array();
            let is_kept = finalizers.is_some_and(|all| all.iter().any(keeps))
                || self.faults.stubborn.contains(&key.name)
                || self.faults.slow.contains(&key.name);
            if children().next().is_none() && !is_kept {
                return Some((key.clone(), true));
            }
        }
        None
    }
}

fn is_deleted(stored: &Stored) -> bool {
    stored.object["metadata"].get("deletionTimestamp").is_some()
}

/// Whether an object is deleted with its parent: it is owned by it, in that namespace, or of the kind that it defines.
fn is_child(key: &Key, child: &Stored, parent: &Key, stored: &Stored) -> bool {
    let uid = &stored.object["metadata"]["uid"];
    let mut owners = child.object["metadata"]["ownerReferences"].as_array().into_iter().flatten();
    match parent.plural.as_str() {
        "namespaces" if key.namespace == parent.name => true,
        "customresourcedefinitions" if parent.name.starts_with(&format!("{}.", key.plural)) => true,
        _ => owners.any(|owner| owner["uid"] == *uid),
    }
}
