//! Labels that identify everything created by the harness.

use std::collections::btree_map::Entry;

use kube::core::DynamicObject;
use serde_json::{Map, Value};

/// The label that names the manager of an object.
pub const MANAGED_BY_LABEL: &str = "app.kubernetes.io/managed-by";

/// The value of [`MANAGED_BY_LABEL`] on objects of the harness.
pub const MANAGED_BY: &str = "kind-harness";

/// The label that names the component of an object.
pub const COMPONENT_LABEL: &str = "kind-harness.dev/component";

/// The label that names the test of a namespace.
pub(crate) const TEST_LABEL: &str = "kind-harness.dev/test";

/// The annotation that names the environment that created an object in an existing cluster.
pub const ENVIRONMENT_ANNOTATION: &str = "kind-harness.dev/environment";

/// Labels `object` and its pods as part of `component`.
///
/// Selectors are not changed; and since they may use it, an existing [`MANAGED_BY_LABEL`] is kept too.
pub fn label(object: &mut DynamicObject, component: &str) {
    let labels = object.metadata.labels.get_or_insert_default();
    if let Entry::Vacant(vacant) = labels.entry(MANAGED_BY_LABEL.into()) {
        vacant.insert(MANAGED_BY.into());
    }
    labels.insert(COMPONENT_LABEL.into(), component.into());
    templates(&mut object.data, component);
}

/// Labels every pod template in `value`: values of keys like `template` with containers in their spec.
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

/// Returns the mapping under `key`, created if there is none; `None` if the value is not a mapping.
fn object_in<'a>(parent: &'a mut Map<String, Value>, key: &str) -> Option<&'a mut Map<String, Value>> {
    let value = parent.entry(key).or_insert(Value::Null);
    if value.is_null() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut()
}
