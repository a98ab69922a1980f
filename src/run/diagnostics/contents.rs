//! Lists the contents of one namespace.

use futures::{StreamExt, stream};
use serde_json::Value;

use super::collect::{AT_ONCE, builtin, list};
use crate::readiness::Lenient;
use crate::readiness::kinds::{KINDS, defined_by};

/// Returns every object in a namespace, including custom objects, and the events about them. Kinds that cannot be
/// listed are left out.
pub(crate) async fn contents(client: &kube::Client, namespace: &str) -> Vec<Value> {
    let definitions = list(client, builtin("apiextensions.k8s.io/v1", "CustomResourceDefinition"), None).await;
    let definitions = definitions.unwrap_or_default();
    let custom = definitions.iter().filter(|definition| definition.text("/spec/scope") == Some("Namespaced"));
    let kinds = KINDS.iter().filter(|kind| kind.namespaced && kind.telling).map(|it| builtin(it.api_version, it.kind));
    let kinds = kinds.chain([builtin("v1", "Event")]).chain(custom.filter_map(defined_by));
    let lists: Vec<_> = kinds.map(|resource| list(client, resource, Some(namespace))).collect();
    let listed: Vec<_> = stream::iter(lists).buffer_unordered(AT_ONCE).collect().await;
    listed.into_iter().filter_map(Result::ok).flatten().collect()
}
