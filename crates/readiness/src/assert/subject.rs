//! The object of an assertion.

use std::fmt;

use kube::{Api, Resource};

/// The object of an assertion, as the API server addresses it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Subject {
    /// The API group; empty for the core group.
    pub group: String,
    /// The resource, such as `deployments`.
    pub resource: String,
    /// The namespace; `None` for cluster-scoped objects, and for an [`Api::all`].
    pub namespace: Option<String>,
    /// The name.
    pub name: String,
}

impl Subject {
    /// Returns the reference of the object of that name in `api`.
    pub(super) fn new<K: Resource>(api: &Api<K>, name: &str) -> Subject {
        // `/api/v1/namespaces/shop/pods`, `/apis/apps/v1/deployments`
        let parts: Vec<&str> = api.resource_url().split('/').filter(|part| !part.is_empty()).collect();
        let group = if parts.first() == Some(&"apis") { parts.get(1).copied().unwrap_or_default() } else { "" };
        Subject {
            group: group.into(),
            resource: parts.last().copied().unwrap_or_default().into(),
            namespace: api.namespace().map(Into::into),
            name: name.into(),
        }
    }

    /// Returns the resource, qualified by its group as in kubectl: `deployments.apps`.
    pub(super) fn qualified_resource(&self) -> String {
        if self.group.is_empty() { self.resource.clone() } else { format!("{}.{}", self.resource, self.group) }
    }

    /// Returns whether the object is a Secret, regardless of its Rust type.
    pub(super) fn is_secret(&self) -> bool {
        self.group.is_empty() && self.resource == "secrets"
    }
}

/// Formats the object: `deployments/web in namespace shop`.
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.resource, self.name)?;
        self.namespace.iter().try_for_each(|namespace| write!(f, " in namespace {namespace}"))
    }
}
