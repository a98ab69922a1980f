//! One document as one object.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::{DynamicObject, TypeMeta};
use serde_json::{Map, Value as Json};

use crate::diagnostic::Diagnostic;
use crate::yaml::{self, Node, Source, Value};

/// The items of a `List` or of a typed list such as `ConfigMapList`; none for anything else.
pub(super) fn list_items(node: &Node) -> Option<&[Node]> {
    let is_list = node.get("kind")?.text()?.ends_with("List") && node.at("metadata").get("name").is_none();
    let items = node.get("items")?;
    (is_list && matches!(items.value, Value::List(_))).then(|| items.items())
}

/// The object that `node` describes, or all that is wrong with it.
pub(super) fn object(source: &Source, node: &Node) -> Result<DynamicObject, Vec<Diagnostic>> {
    let Value::Map(entries) = &node.value else {
        let problem = Diagnostic::at(source, node.span, "a manifest must be a mapping with `apiVersion` and `kind`");
        return Err(vec![problem]);
    };
    let mut problems = Vec::new();
    let mut required = |place: &Node, parent: &str, key: &str| match place.get(key) {
        Some(node) => node.text().filter(|text| !text.is_empty()).map(str::to_owned).or_else(|| {
            problems.push(Diagnostic::at(source, node.span, format!("`{parent}{key}` must be text")));
            None
        }),
        None => {
            problems.push(Diagnostic::at(source, place.span, format!("the object has no `{parent}{key}`")));
            None
        }
    };
    let api_version = required(node, "", "apiVersion");
    let kind = required(node, "", "kind");
    match node.get("metadata").filter(|metadata| matches!(metadata.value, Value::Map(_))) {
        Some(metadata) => required(metadata, "metadata.", "name"),
        None => required(node, "", "metadata"),
    };
    let (metadata, mut unknown) = match node.get("metadata").filter(|metadata| !matches!(metadata.value, Value::Null)) {
        Some(metadata) => yaml::decode::<ObjectMeta>(source, metadata),
        None => (None, Vec::new()),
    };
    let known: Vec<_> = problems.iter().map(|problem| problem.position).collect();
    unknown.retain(|problem| !known.contains(&problem.position));
    problems.extend(unknown);
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
