//! Reads the objects of manifest files, and what a suite says of them.

use std::collections::BTreeSet;
use std::path::Path;

use kind_harness::suite::yaml;
use serde_json::Value;

/// Files of tools that look like objects, but are never applied.
const TOOLS: [&str; 3] = ["kustomize.config.k8s.io/", "skaffold/", "k3d.io/"];

/// Returns the objects in a file; `None` when it is no manifest: not YAML, or with a document that is no named object.
pub(super) fn objects(path: &Path) -> Option<Vec<Value>> {
    let documents = yaml::values(&fs_err::read_to_string(path).ok()?).ok()?;
    let objects: Vec<Value> = documents.into_iter().flat_map(items).collect();
    (!objects.is_empty() && objects.iter().all(is_object)).then_some(objects)
}

/// Returns the items of a `List`, and any other object itself.
fn items(document: Value) -> Vec<Value> {
    match (document["kind"].as_str(), document["items"].as_array()) {
        (Some(kind), Some(items)) if kind.ends_with("List") => items.clone(),
        _ => vec![document],
    }
}

fn is_object(value: &Value) -> bool {
    let api = text(&value["apiVersion"]);
    !api.is_empty()
        && !TOOLS.iter().any(|tool| api.starts_with(tool))
        && !text(&value["kind"]).is_empty()
        && !text(&value["metadata"]["name"]).is_empty()
}

/// Returns what makes an object the same as another: group, kind, namespace and name.
pub(super) fn identity(object: &Value) -> String {
    let group = text(&object["apiVersion"]).rsplit_once('/').map_or("", |(group, _)| group);
    let metadata = &object["metadata"];
    format!("{group} {} {}/{}", text(&object["kind"]), text(&metadata["namespace"]), text(&metadata["name"]))
}

/// Returns a text of an object; empty if there is none.
pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Adds the images of all containers in `value` to `found`.
pub(super) fn images(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (key, field) in fields {
                if ["containers", "initContainers"].contains(&key.as_str()) {
                    let containers = field.as_array().into_iter().flatten();
                    let references = containers.filter_map(|it| it["image"].as_str()).filter(|it| is_reference(it));
                    found.extend(references.map(str::to_owned));
                }
                images(field, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| images(item, found)),
        _ => {}
    }
}

/// Returns whether it is an image reference, and not a variable of a program that fills the file in.
fn is_reference(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|it| it.is_ascii_alphanumeric() || "._-/:@".contains(it))
}

/// Returns name and number of the fixed node ports of all Services of type NodePort. A port without a name of its own has
/// that of its Service.
pub(super) fn node_ports(objects: &[Value]) -> Vec<(String, u16)> {
    let is_node_port = |object: &&Value| object["kind"] == "Service" && object["spec"]["type"] == "NodePort";
    let mut ports: Vec<(String, u16)> = Vec::new();
    for service in objects.iter().filter(is_node_port) {
        for port in service["spec"]["ports"].as_array().into_iter().flatten() {
            let Some(number) = port["nodePort"].as_u64().and_then(|number| u16::try_from(number).ok()) else {
                continue;
            };
            if !(30_000..=32_767).contains(&number) || ports.iter().any(|(_, known)| *known == number) {
                continue;
            }
            let own = port["name"]
                .as_str()
                .filter(|name| !name.is_empty())
                .or(service["metadata"]["name"].as_str())
                .unwrap_or("port")
                .to_owned();
            let is_taken = ports.iter().any(|(name, _)| *name == own);
            ports.push((if is_taken { format!("{own}-{number}") } else { own }, number));
        }
    }
    ports
}
