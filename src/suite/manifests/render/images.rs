//! Image references.

use std::collections::BTreeSet;

use kube::core::DynamicObject;
use serde_json::Value;

use crate::suite::manifests::ImageMap;

/// Replaces image references according to `map`, in every pod template of `object` at any depth: the containers of
/// `containers`, `initContainers` and `ephemeralContainers` under any `spec`.
///
/// Returns the references that are neither keys nor values of the map, sorted, each once. Idempotent.
pub fn images(object: &mut DynamicObject, map: &ImageMap) -> Vec<String> {
    let mut unknown = BTreeSet::new();
    walk(&mut object.data, map, &mut unknown);
    unknown.into_iter().collect()
}

fn walk(value: &mut Value, map: &ImageMap, unknown: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| walk(item, map, unknown)),
        Value::Object(fields) => {
            for (key, field) in fields {
                if key == "spec" {
                    for list in ["containers", "initContainers", "ephemeralContainers"] {
                        let containers = field.get_mut(list).and_then(Value::as_array_mut);
                        containers.into_iter().flatten().for_each(|container| replace(container, map, unknown));
                    }
                }
                walk(field, map, unknown);
            }
        }
        _ => {}
    }
}

fn replace(container: &mut Value, map: &ImageMap, unknown: &mut BTreeSet<String>) {
    let Some(Value::String(image)) = container.get_mut("image") else { return };
    if let Some(replacement) = map.get(image) {
        image.clone_from(replacement);
    } else if !map.values().any(|known| known == image) {
        unknown.insert(image.clone());
    }
}
