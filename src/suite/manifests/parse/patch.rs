//! Patches: partial objects that are merged into complete ones, like Kubernetes' strategic merge.
//!
//! Mappings are merged key by key, and `null` deletes a key. Lists with named elements are merged by name, the patch's
//! elements first, like `kubectl apply -k`. Every other list is replaced, and in custom resources every list.

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Map, Value as Json};

use super::Manifest;
use crate::readiness::{ObjectRef, kinds};
use crate::suite::yaml::{Diagnostic, Key, Node, Source, Value, did_you_mean};

/// Merges the patch `node` into the one of `manifests` that it names, or returns why it cannot.
pub(super) fn apply(source: &Source, node: &Node, manifests: &mut [Manifest]) -> Result<(), Box<Diagnostic>> {
    let name = reference(node).ok_or_else(|| {
        let message = "a patch must name its object by `apiVersion`, `kind` and `metadata.name`";
        Box::new(Diagnostic::at(source, node.span, message))
    })?;
    let Some(index) = manifests.iter().position(|manifest| ObjectRef::of(&manifest.object) == name) else {
        return Err(Box::new(no_target(source, node, &name, manifests)));
    };
    let object = &mut manifests[index].object;
    let merge = Merge { source, by_name: kinds::is_builtin(kinds::group_of(&name.api_version)) };
    let Value::Map(entries) = &node.value else { return Ok(()) };
    for (key, part) in entries {
        match key.name.as_str() {
            "apiVersion" | "kind" => {}
            "metadata" => object.metadata = merge.metadata(&object.metadata, part)?,
            _ => {
                let whole = object.data.as_object_mut().ok_or_else(|| {
                    Box::new(Diagnostic::at(source, key.span, format!("`{name}` is nothing that can be patched")))
                })?;
                merge.entry(whole, key, part)?;
            }
        }
    }
    Ok(())
}

/// Returns the reference of the object to patch.
fn reference(node: &Node) -> Option<ObjectRef> {
    let text = |node: &Node, key: &str| node.get(key).and_then(Node::text).map(str::to_owned);
    let metadata = node.get("metadata")?;
    Some(ObjectRef {
        api_version: text(node, "apiVersion")?,
        kind: text(node, "kind")?,
        namespace: text(metadata, "namespace"),
        name: text(metadata, "name")?,
    })
}

fn no_target(source: &Source, node: &Node, name: &ObjectRef, manifests: &[Manifest]) -> Diagnostic {
    let there: Vec<ObjectRef> = manifests.iter().map(|manifest| ObjectRef::of(&manifest.object)).collect();
    let help = match there.iter().find(|other| (&other.kind, &other.name) == (&name.kind, &name.name)) {
        Some(other) if other.namespace != name.namespace => match &other.namespace {
            Some(namespace) => format!("it is in namespace `{namespace}`: write that here too"),
            None => "it has no namespace: write none here".to_owned(),
        },
        Some(other) => format!("it is there as `{}`", other.api_version),
        None => {
            let names: Vec<String> = there.iter().map(ToString::to_string).collect();
            did_you_mean(&name.to_string(), names.iter().map(String::as_str))
                .unwrap_or_else(|| format!("the objects are {}", names.join(", ")))
        }
    };
    let span = node.at("metadata").at("name").span;
    Diagnostic::at(source, span, format!("there is no `{name}` to patch")).help(help)
}

/// The merge of one patch.
struct Merge<'a> {
    source: &'a Source,
    /// Whether lists are merged by the names of their elements.
    by_name: bool,
}

impl Merge<'_> {
    fn metadata(&self, whole: &ObjectMeta, patch: &Node) -> Result<ObjectMeta, Box<Diagnostic>> {
        let cannot = |error: serde_json::Error| {
            Box::new(Diagnostic::at(self.source, patch.span, format!("this is no metadata: {error}")))
        };
        let mut merged = serde_json::to_value(whole).map_err(cannot)?;
        self.value(&mut merged, "metadata", patch)?;
        let metadata: ObjectMeta = serde_json::from_value(merged.clone()).map_err(cannot)?;
        // Fields unknown to Kubernetes are dropped by the type, and missing afterwards.
        let known = serde_json::to_value(&metadata).map_err(cannot)?;
        let Value::Map(entries) = &patch.value else { return Ok(metadata) };
        match entries.iter().find(|(key, _)| merged.get(&key.name).is_some() && known.get(&key.name).is_none()) {
            Some((key, _)) => {
                Err(Box::new(Diagnostic::at(self.source, key.span, format!("unknown key `{}`", key.name))))
            }
            None => Ok(metadata),
        }
    }

    /// Merges `patch` into `whole`, the value of `key`.
    fn value(&self, whole: &mut Json, key: &str, patch: &Node) -> Result<(), Box<Diagnostic>> {
        match (whole, &patch.value) {
            (Json::Object(whole), Value::Map(entries)) => {
                entries.iter().try_for_each(|(key, part)| self.entry(whole, key, part))
            }
            (Json::Array(whole), Value::List(items)) if self.by_name && identity(key).is_some() => {
                self.list(whole, key, items)
            }
            (whole, _) => {
                *whole = self.fresh(patch)?;
                Ok(())
            }
        }
    }

    fn entry(&self, whole: &mut Map<String, Json>, key: &Key, part: &Node) -> Result<(), Box<Diagnostic>> {
        let Key { name: key, span } = key;
        if is_directive(key) {
            let message = format!("the directive `{key}` is not understood here");
            let help = "`null` deletes a key; what only some overlays have is left to them by the base";
            return Err(Box::new(Diagnostic::at(self.source, *span, message).help(help)));
        }
        match (&part.value, whole.get_mut(key)) {
            (Value::Null, _) => {
                whole.remove(key);
            }
            (_, Some(value)) => self.value(value, key, part)?,
            (_, None) => {
                whole.insert(key.clone(), self.fresh(part)?);
            }
        }
        Ok(())
    }

    /// Merges elements of the same name; the patch's come first, then those that it does not name.
    fn list(&self, whole: &mut Vec<Json>, key: &str, patch: &[Node]) -> Result<(), Box<Diagnostic>> {
        let mut merged: Vec<Json> = Vec::with_capacity(whole.len() + patch.len());
        let mut patched = BTreeSet::new();
        for item in patch {
            let json = self.fresh(item)?;
            let Some(name) = name_of(key, &json) else {
                let names = identity(key).unwrap_or_default().join("` or `");
                let message = format!("an element of `{key}` needs `{names}`, by which it is found");
                return Err(Box::new(Diagnostic::at(self.source, item.span, message)));
            };
            let there = whole.iter().position(|element| name_of(key, element).as_ref() == Some(&name));
            let Some(there) = there else {
                merged.push(json);
                continue;
            };
            if !patched.insert(there) {
                let message = format!("this element of `{key}` is patched twice");
                return Err(Box::new(Diagnostic::at(self.source, item.span, message)));
            }
            let mut element = whole[there].clone();
            self.value(&mut element, "", item)?;
            merged.push(element);
        }
        let rest = whole.drain(..).enumerate().filter(|(index, _)| !patched.contains(index));
        merged.extend(rest.map(|(_, element)| element));
        *whole = merged;
        Ok(())
    }

    /// Returns `patch` as a new value, in which `null` deletes nothing.
    fn fresh(&self, patch: &Node) -> Result<Json, Box<Diagnostic>> {
        match &patch.value {
            Value::Map(_) => {
                let mut whole = Json::Object(Map::new());
                self.value(&mut whole, "", patch)?;
                Ok(whole)
            }
            Value::List(items) => items.iter().map(|item| self.fresh(item)).collect::<Result<_, _>>().map(Json::Array),
            _ => patch.to_json(self.source),
        }
    }
}

/// Returns whether `key` is a merge directive, instead of a field.
fn is_directive(key: &str) -> bool {
    let word = key.split('/').next().unwrap_or_default();
    matches!(word, "$patch" | "$retainKeys" | "$setElementOrder" | "$deleteFromPrimitiveList")
}

/// Returns the keys that may identify an element of the list under `key`, of which the first present one counts; `None`
/// for lists without names. These are the merge keys of Kubernetes' own types.
fn identity(key: &str) -> Option<&'static [&'static str]> {
    Some(match key {
        "containers"
        | "initContainers"
        | "ephemeralContainers"
        | "env"
        | "volumes"
        | "imagePullSecrets"
        | "secrets" => &["name"],
        "volumeMounts" => &["mountPath"],
        "volumeDevices" => &["devicePath"],
        "hostAliases" => &["ip"],
        "topologySpreadConstraints" => &["topologyKey"],
        // Of containers, or of a Service.
        "ports" => &["containerPort", "port"],
        _ => return None,
    })
}

/// Returns the identity of an element of the list under `key`. Ports of two protocols are two ports.
fn name_of(key: &str, element: &Json) -> Option<String> {
    let name = identity(key)?.iter().find_map(|name| element.get(name))?;
    let protocol = element.get("protocol").filter(|_| key == "ports").and_then(Json::as_str);
    Some(format!("{name} {}", protocol.unwrap_or("TCP")))
}
