//! Image references.

use std::collections::BTreeSet;

use kube::core::DynamicObject;
use serde_json::Value;

use crate::suite::manifests::ImageMap;
use crate::suite::reference::{is_pinned, normalized};

/// Replaces image references according to `map`, in every pod template of `object` at any depth: the containers of
/// `containers`, `initContainers` and `ephemeralContainers` under any `spec`.
///
/// Returns the references that are neither keys nor values of the map, sorted, each once. Idempotent.
pub fn images(object: &mut DynamicObject, map: &ImageMap) -> Vec<String> {
    let mut unknown = BTreeSet::new();
    containers(&mut object.data, &mut |container| replace(container, map, &mut unknown));
    unknown.into_iter().collect()
}

/// Lets containers of loaded images take them from the node: registries do not have them, or not these. Images that are
/// named by a digest were pushed instead, and no node has them yet. Returns one of the images that were to be pulled
/// always, or never.
pub(crate) fn pull_if_not_present(object: &mut DynamicObject, map: &ImageMap) -> Option<String> {
    let mut told = None;
    containers(&mut object.data, &mut |container| {
        let image = container["image"].as_str().unwrap_or_default().to_owned();
        if !map.values().any(|loaded| *loaded == image) {
            return;
        }
        let name = image.rsplit('/').next().unwrap_or_default();
        let is_latest = !name.contains('@') && name.split_once(':').is_none_or(|(_, tag)| tag == "latest");
        match container["imagePullPolicy"].as_str() {
            Some("Never") if is_pinned(&image) => told = Some(image),
            _ if is_pinned(&image) => return,
            Some("Always") => told = Some(image),
            // What Kubernetes would add.
            None if is_latest => {}
            _ => return,
        }
        container["imagePullPolicy"] = "IfNotPresent".into();
    });
    told
}

/// Returns the replacement of `image`, however `map` writes its reference.
fn lookup<'a>(map: &'a ImageMap, image: &str) -> Option<&'a String> {
    let same = |known: &str| normalized(known) == normalized(image);
    map.get(image).or_else(|| map.iter().find(|(known, _)| same(known)).map(|(_, replacement)| replacement))
}

/// Replaces every text of `object` that is exactly an image of `map`.
pub(crate) fn images_everywhere(object: &mut DynamicObject, map: &ImageMap) {
    fn walk(value: &mut Value, map: &ImageMap) {
        match value {
            Value::String(text) => {
                if let Some(replacement) = map.get(text) {
                    text.clone_from(replacement);
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| walk(item, map)),
            Value::Object(fields) => fields.values_mut().for_each(|field| walk(field, map)),
            _ => {}
        }
    }
    if !map.is_empty() {
        walk(&mut object.data, map);
    }
}

/// Returns the images of all containers in `object`.
pub(crate) fn images_of(object: &DynamicObject) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    containers(&mut object.data.clone(), &mut |container| {
        found.extend(container["image"].as_str().filter(|image| !image.is_empty()).map(str::to_owned));
    });
    found
}

/// Calls `each` for every container in the pod templates of `value`.
fn containers(value: &mut Value, each: &mut impl FnMut(&mut Value)) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| containers(item, each)),
        Value::Object(fields) => {
            for (key, field) in fields {
                if key == "spec" {
                    for list in ["containers", "initContainers", "ephemeralContainers"] {
                        let list = field.get_mut(list).and_then(Value::as_array_mut);
                        list.into_iter().flatten().filter(|container| container.is_object()).for_each(&mut *each);
                    }
                }
                containers(field, each);
            }
        }
        _ => {}
    }
}

fn replace(container: &mut Value, map: &ImageMap, unknown: &mut BTreeSet<String>) {
    let Some(Value::String(image)) = container.get_mut("image") else { return };
    if let Some(replacement) = lookup(map, image) {
        image.clone_from(replacement);
    } else if !map.values().any(|known| known == image) {
        unknown.insert(image.clone());
    }
}
