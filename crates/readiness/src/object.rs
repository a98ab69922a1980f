//! How objects of the cluster are named throughout the harness.

use std::fmt;

use kube::core::{DynamicObject, GroupVersionKind};
use serde::{Deserialize, Serialize};

/// Names one object in a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ObjectRef {
    /// `group/version`, or `version` in the core group.
    pub api_version: String,
    /// The kind, such as `Deployment`.
    pub kind: String,
    /// The namespace; none for cluster-scoped objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The name.
    pub name: String,
}

impl ObjectRef {
    /// The name of `object`; parts that it lacks are empty.
    #[must_use]
    pub fn of(object: &DynamicObject) -> ObjectRef {
        let types = object.types.clone().unwrap_or_default();
        ObjectRef {
            api_version: types.api_version,
            kind: types.kind,
            namespace: object.metadata.namespace.clone(),
            name: object.metadata.name.clone().unwrap_or_default(),
        }
    }

    /// Group, version and kind.
    #[must_use]
    pub fn gvk(&self) -> GroupVersionKind {
        let (group, version) = self.api_version.split_once('/').unwrap_or(("", &self.api_version));
        GroupVersionKind::gvk(group, version, &self.kind)
    }
}

/// `deployment/redis`, as kubectl writes it.
impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.to_lowercase(), self.name)
    }
}

/// An object that was applied, and that a run therefore waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// Its name.
    pub object: ObjectRef,
    /// The identity that the API server gave it.
    pub uid: String,
    /// The generation that was applied; status of an older one is not believed.
    pub generation: i64,
}
