//! Parses one document into one object.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::{DynamicObject, TypeMeta};
use serde_json::{Map, Value as Json};

use crate::suite::yaml::{self, Diagnostic, Node, Source, Value};

/// Returns the items of a `List` or of a typed list such as `ConfigMapList`; `None` for anything else.
pub(super) fn list_items(node: &Node) -> Option<&[Node]> {
    let is_list = node.get("kind")?.text()?.ends_with("List") && node.at("metadata").get("name").is_none();
    let items = node.get("items")?;
    (is_list && matches!(items.value, Value::List(_))).then(|| items.items())
}

/// Returns the object that `node` describes, or all of its problems.
pub(super) fn object(source: &Source, node: &Node) -> Result<DynamicObject, Vec<Diagnostic>> {
    let Value::Map(entries) = &node.value else {
        let problem = Diagnostic::at(source, node.span, "a manifest must be a mapping with `apiVersion` and `kind`");
        return Err(vec![problem]);
    };
    let mut problems = Vec::new();
    let mut required = |key: &str| {
        let text = node.get(key).and_then(Node::text).filter(|text| !text.is_empty());
        if text.is_none() {
            let message = if node.get(key).is_some() { "must be text" } else { "is missing here" };
            problems.push(Diagnostic::at(source, node.at(key).span, format!("`{key}` {message}")));
        }
        text.map(str::to_owned)
    };
    let api_version = required("apiVersion");
    let kind = required("kind");
    let metadata = metadata(source, node, &mut problems);
    let mut data = Map::new();
    for (key, value) in entries.iter().filter(|(key, _)| !["apiVersion", "kind", "metadata"].contains(&&*key.name)) {
        match value.to_json(source) {
            Ok(json) => {
                data.insert(key.name.clone(), json);
            }
            Err(problem) => problems.push(*problem),
        }
    }
    match (api_version, kind, metadata) {
        (Some(api_version), Some(kind), Some(metadata)) if problems.is_empty() => {
            let types = Some(TypeMeta { api_version, kind });
            Ok(DynamicObject { types, metadata, data: Json::Object(data) })
        }
        _ => Err(problems),
    }
}

/// Returns the metadata of the object `node`, if all of it can be parsed; a name is required.
fn metadata(source: &Source, node: &Node, problems: &mut Vec<Diagnostic>) -> Option<ObjectMeta> {
    let Some(place) = node.get("metadata").filter(|metadata| !matches!(metadata.value, Value::Null)) else {
        problems.push(Diagnostic::at(source, node.at("metadata").span, "`metadata.name` is missing here"));
        return None;
    };
    let (metadata, found) = yaml::decode::<ObjectMeta>(source, place);
    problems.extend(found);
    if metadata.as_ref().is_some_and(|metadata| metadata.name.as_deref().is_none_or(str::is_empty)) {
        problems.push(Diagnostic::at(source, place.at("name").span, "`metadata.name` is missing here"));
    }
    metadata
}
