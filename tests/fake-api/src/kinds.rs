//! The kinds that the server serves.

use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};

/// A kind that is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) api_version: String,
    pub(crate) kind: String,
    pub(crate) plural: String,
    pub(crate) namespaced: bool,
}

/// All kinds that are served.
#[derive(Debug, Default)]
pub(crate) struct Kinds(Vec<Kind>);

impl Kinds {
    pub(crate) fn define(&mut self, api_version: &str, kind: &str, plural: &str, namespaced: bool) {
        let kind = Kind { api_version: api_version.into(), kind: kind.into(), plural: plural.into(), namespaced };
        self.0.retain(|known| (&known.api_version, &known.kind) != (&kind.api_version, &kind.kind));
        self.0.push(kind);
    }

    /// The plural of a kind, which is served from now on. The plural of a kind that is not known is the usual one.
    pub(crate) fn plural(&mut self, api_version: &str, kind: &str, namespaced: bool) -> String {
        if let Some(known) = self.0.iter().find(|it| it.api_version == api_version && it.kind == kind) {
            return known.plural.clone();
        }
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let plural = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind)).plural;
        self.define(api_version, kind, &plural, namespaced);
        plural
    }

    /// The kind with that plural.
    pub(crate) fn find(&self, api_version: &str, plural: &str) -> Option<&Kind> {
        self.0.iter().find(|it| it.api_version == api_version && it.plural == plural)
    }

    /// The answer to discovery of a group and version; none when nothing of it is served.
    pub(crate) fn discovery(&self, api_version: &str) -> Option<Value> {
        let kinds = self.0.iter().filter(|kind| kind.api_version == api_version);
        let resources: Vec<_> = kinds
            .map(|it| {
                json!({"name": it.plural, "singularName": "", "namespaced": it.namespaced, "kind": it.kind,
                       "verbs": ["delete", "list"]})
            })
            .collect();
        let list = json!({"kind": "APIResourceList", "groupVersion": api_version, "resources": resources});
        (!resources.is_empty()).then_some(list)
    }
}
