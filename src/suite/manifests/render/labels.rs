//! Labels by which everything that the harness made is found again.

use std::collections::btree_map::Entry;

use kube::core::DynamicObject;
use serde_json::{Map, Value};

/// The label that says who manages an object.
pub const MANAGED_BY_LABEL: &str = "app.kubernetes.io/managed-by";

/// What [`MANAGED_BY_LABEL`] says of objects of the harness.
pub const MANAGED_BY: &str = "kind-harness";

/// The label that says which component an object belongs to.
pub const COMPONENT_LABEL: &str = "kind-harness.dev/component";

/// The label that carries the name of the test that a namespace belongs to.
pub(crate) const TEST_LABEL: &str = "kind-harness.dev/test";

/// The annotation that says which environment created an object in a cluster that is not ours.
pub const ENVIRONMENT_ANNOTATION: &str = "kind-harness.dev/environment";

/// Labels `object` and the pods that it makes as part of `component`.
///
/// Selectors stay as they are; and since they may select by it, an [`MANAGED_BY_LABEL`] that is there stays too.
pub fn label(object: &mut DynamicObject, component: &str) {
    let labels = object.metadata.labels.get_or_insert_default();
    if let Entry::Vacant(vacant) = labels.entry(MANAGED_BY_LABEL.into()) {
        vacant.insert(MANAGED_BY.into());
    }
    labels.insert(COMPONENT_LABEL.into(), component.into());
    templates(&mut object.data, component);
}

/// Labels every pod template in `value`: what stands under a key like `template` and has containers in its spec.
fn templates(value: &mut Value, component: &str) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| templates(item, component)),
        Value::Object(fields) => {
            for (key, field) in fields {
                let has_containers = field.pointer("/spec/containers").is_some_and(Value::is_array);
                if has_containers && key.to_lowercase().ends_with("template") {
                    template(field, component);
                }
                templates(field, component);
            }
        }
        _ => {}
    }
}

fn template(template: &mut Value, component: &str) {
    let labels = template.as_object_mut().and_then(|template| object_in(template, "metadata"));
    if let Some(labels) = labels.and_then(|metadata| object_in(metadata, "labels")) {
        labels.entry(MANAGED_BY_LABEL).or_insert_with(|| MANAGED_BY.into());
        labels.insert(COMPONENT_LABEL.into(), component.into());
    }
}

/// The object under `key`, made when there is nothing; none when something else stands there.
fn object_in<'a>(parent: &'a mut Map<String, Value>, key: &str) -> Option<&'a mut Map<String, Value>> {
    let value = parent.entry(key).or_insert(Value::Null);
    if value.is_null() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut()
}
