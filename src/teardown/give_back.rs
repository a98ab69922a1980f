//! Restores fields of adopted objects for their earlier owners.

use futures::future::join_all;
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};
use serde_json::{Map, Value, json};

use super::KillError;
use super::components::{Removal, RemovalTarget, Round, answer};
use super::identity::{is_absent, is_another};
use super::objects::Objects;
use crate::cluster::{Adopted, Ownership};
use crate::readiness::ObjectRef;
use crate::report::Phase;
use crate::suite::manifests::MANAGED_BY;

/// The API server's own field manager for fields without a known one.
const UNKNOWN_MANAGER: &str = "before-first-apply";
/// How often the restore starts again after a concurrent write to the object.
const ATTEMPTS: usize = 5;

impl Objects {
    /// Restores the fields that we set on an object: values that others had set are restored under their field manager;
    /// fields that only we had are removed. Fields changed by others since are kept. Returns whether there was anything
    /// to restore.
    ///
    /// A field without an owner is removed: so values are restored first, and our ownership is given up last.
    pub(super) async fn give_back(&self, object: &ObjectRef, adopted: &Adopted) -> Result<bool, kube::Error> {
        let Some(api) = self.api(object).await? else { return Ok(false) };
        let mut attempt = 1;
        loop {
            match self.restore_and_release(&api, object, adopted).await {
                Err(kube::Error::Api(status)) if status.code == 409 && attempt < ATTEMPTS => attempt += 1,
                Err(error) if is_absent(&error) || is_another(&error) => return Ok(false),
                result => return result,
            }
        }
    }

    async fn restore_and_release(
        &self,
        api: &Api<DynamicObject>,
        object: &ObjectRef,
        adopted: &Adopted,
    ) -> Result<bool, kube::Error> {
        let look = || api.get_opt(&object.name);
        let found = self.resilience.api(&format!("looking at {object}"), look).await?;
        let Some(mut found) = found.filter(|found| found.uid().as_deref() == Some(&adopted.uid)) else {
            return Ok(false);
        };
        let state = serde_json::to_value(&found).map_err(kube::Error::SerdeError)?;
        // Applied by hand or by a test, with the manager name that every environment shares.
        let is_ours = |manager: &str| manager == adopted.manager || manager == MANAGED_BY;
        let ours = managers(&state).into_iter().filter(|(manager, _)| is_ours(manager));
        let ours = ours.map(|(_, fields)| fields).fold(json!({}), union);
        if is_empty(&ours) {
            return Ok(false);
        }
        let theirs = managers(&adopted.before).into_iter().filter(|(manager, _)| !is_ours(manager));
        let owners = theirs.chain([(UNKNOWN_MANAGER.to_owned(), ours.clone())]);
        for (manager, fields) in owners {
            let mut state = serde_json::to_value(&found).map_err(kube::Error::SerdeError)?;
            if restore(&common(&ours, &fields), &adopted.before, &mut state) {
                let restored = serde_json::from_value(state).map_err(kube::Error::SerdeError)?;
                let params = PostParams { field_manager: Some(manager), ..PostParams::default() };
                // Not a retried call: after a concurrent write, the whole restore starts again.
                found = api.replace(&object.name, &params, &restored).await?;
            }
        }
        let nothing = json!({
            "apiVersion": object.api_version, "kind": object.kind,
            "metadata": {"name": object.name, "namespace": found.metadata.namespace, "uid": adopted.uid},
        });
        let (params, patch) = (PatchParams::apply(&adopted.manager), Patch::Apply(&nothing));
        let release = || api.patch(&object.name, &params, &patch);
        self.resilience.api(&format!("giving {object} back"), release).await?;
        Ok(true)
    }
}

impl Removal<'_> {
    /// Restores adopted objects, after the component's own objects are gone.
    pub(super) async fn give_back(&self, doomed: &RemovalTarget, round: &mut Round) {
        let adopted = doomed.objects.iter().filter_map(|target| match &target.ownership {
            Ownership::Adopted(adopted) => Some((&target.object, adopted)),
            _ => None,
        });
        let given = adopted
            .map(async |(object, adopted)| (object, answer(object, self.objects.give_back(object, adopted)).await));
        for (object, given) in join_all(given).await {
            match given {
                Ok(false) => {}
                Ok(true) => {
                    round.there = true;
                    let text = format!("gave {object} back: it is as it was before, and stays");
                    self.events.note(Phase::Teardown, text);
                }
                Err(KillError::Api { object, source }) => round.errors.push(KillError::NotGivenBack { object, source }),
                Err(error) => round.errors.push(error),
            }
            round.others.push(object.clone());
        }
    }
}

/// Returns the field managers of an object, each with its fields as the API server writes them: `f:name` for a field,
/// `k:{"name":"x"}` for an item of a keyed list. Status belongs to controllers.
fn managers(object: &Value) -> Vec<(String, Value)> {
    let entries = object.pointer("/metadata/managedFields").and_then(Value::as_array).into_iter().flatten();
    let of_object = entries.filter(|entry| entry["subresource"].as_str().unwrap_or_default().is_empty());
    of_object.map(|it| (it["manager"].as_str().unwrap_or_default().to_owned(), it["fieldsV1"].clone())).collect()
}

/// Returns the union of both sets of fields.
fn union(mut one: Value, other: Value) -> Value {
    if let (Value::Object(fields), Value::Object(others)) = (&mut one, other) {
        for (key, theirs) in others {
            let ours = fields.remove(&key).unwrap_or_else(|| json!({}));
            fields.insert(key, union(ours, theirs));
        }
    }
    one
}

/// Returns the fields in both sets. Owning a field without nested entries includes everything in it.
fn common(ours: &Value, theirs: &Value) -> Value {
    let (Some(ours), Some(theirs)) = (ours.as_object(), theirs.as_object()) else { return json!({}) };
    let mut both = Map::new();
    for (key, inner) in ours {
        let Some(other) = theirs.get(key) else { continue };
        let inner = match (is_empty(inner), is_empty(other)) {
            (true, _) => other.clone(),
            (_, true) => inner.clone(),
            _ => match common(inner, other) {
                // Empty because nothing is shared, as opposed to owning the whole field.
                nothing if is_empty(&nothing) => continue,
                some => some,
            },
        };
        both.insert(key.clone(), inner);
    }
    Value::Object(both)
}

fn is_empty(fields: &Value) -> bool {
    fields.as_object().is_none_or(Map::is_empty)
}

/// Sets `fields` of `now` to their value in `before`, where they have one. Returns whether that changed anything.
fn restore(fields: &Value, before: &Value, now: &mut Value) -> bool {
    let mut changed = false;
    for (key, inner) in fields.as_object().into_iter().flatten() {
        let (was, is) = match key.split_once(':') {
            Some(("f", name)) => (before.get(name), now.get_mut(name)),
            Some(("k", keys)) => (item(before, keys), item_mut(now, keys)),
            // `.` is the item itself; members of sets belong to each of their owners.
            _ => continue,
        };
        let Some(was) = was else { continue };
        match is {
            Some(is) if is_empty(inner) => {
                changed |= is != was;
                is.clone_from(was);
            }
            Some(is) => changed |= restore(inner, was, is),
            None => {}
        }
    }
    changed
}

fn item<'a>(list: &'a Value, keys: &str) -> Option<&'a Value> {
    list.as_array()?.iter().find(|item| has_keys(item, keys))
}

fn item_mut<'a>(list: &'a mut Value, keys: &str) -> Option<&'a mut Value> {
    list.as_array_mut()?.iter_mut().find(|item| has_keys(item, keys))
}

fn has_keys(item: &Value, keys: &str) -> bool {
    let keys: Map<String, Value> = serde_json::from_str(keys).unwrap_or_default();
    !keys.is_empty() && keys.iter().all(|(key, value)| item.get(key) == Some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_fields_of_both_are_restored_and_only_where_there_was_a_value() {
        let ours = json!({
            "f:metadata": {"f:labels": {"f:app": {}, "f:new": {}}},
            "f:spec": {"f:replicas": {}, "f:containers": {"k:{\"name\":\"a\"}": {".": {}, "f:image": {}, "f:args": {}}}},
        });
        let theirs = json!({
            "f:metadata": {"f:labels": {".": {}, "f:app": {}, "f:other": {}}},
            "f:spec": {"f:containers": {"k:{\"name\":\"a\"}": {".": {}, "f:image": {}}, "k:{\"name\":\"b\"}": {".": {}}}},
        });
        let before = json!({
            "metadata": {"labels": {"app": "theirs", "other": "1"}},
            "spec": {"replicas": 1, "containers": [{"name": "b", "image": "b:1"}, {"name": "a", "image": "a:1"}]},
        });
        let mut now = json!({
            "metadata": {"labels": {"app": "ours", "new": "ours", "other": "changed since"}},
            "spec": {"replicas": 3, "containers": [{"name": "a", "image": "a:2", "args": ["x"]}, {"name": "b", "image": "b:2"}]},
        });
        assert!(restore(&common(&ours, &theirs), &before, &mut now));
        assert_eq!(now["metadata"]["labels"], json!({"app": "theirs", "new": "ours", "other": "changed since"}));
        let containers = json!([{"name": "a", "image": "a:1", "args": ["x"]}, {"name": "b", "image": "b:2"}]);
        assert_eq!(now["spec"], json!({"replicas": 3, "containers": containers}));
        assert!(restore(&ours, &before, &mut now), "what nobody is known for");
        assert_eq!(now["spec"]["replicas"], 1);
        assert!(!restore(&ours, &before, &mut now), "restored already");
    }

    #[test]
    fn whoever_owns_a_whole_map_owns_what_is_in_it() {
        let ours = json!({"f:data": {"f:a": {}}});
        assert_eq!(common(&ours, &json!({"f:data": {}})), ours);
        assert_eq!(common(&json!({"f:data": {}}), &ours), ours);
        assert_eq!(common(&ours, &json!({"f:spec": {}})), json!({}));
        assert_eq!(common(&ours, &json!({"f:data": {"f:b": {}}})), json!({}), "not all of the map");
        assert_eq!(union(ours, json!({"f:data": {"f:b": {}}})), json!({"f:data": {"f:a": {}, "f:b": {}}}));
    }
}
