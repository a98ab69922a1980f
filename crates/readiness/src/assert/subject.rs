//! The object that an assertion is about.

use std::fmt;

use kube::{Api, Resource};

/// The object that an assertion is about, as the API server addresses it.
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
    /// The object of that name that `api` finds.
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

    /// The resource, qualified by its group as kubectl does: `deployments.apps`.
    pub(super) fn qualified_resource(&self) -> String {
        if self.group.is_empty() { self.resource.clone() } else { format!("{}.{}", self.resource, self.group) }
    }

    /// Whether the object is a Secret, whatever type it is read as.
    pub(super) fn is_secret(&self) -> bool {
        self.group.is_empty() && self.resource == "secrets"
    }
}

/// `deployments/web in namespace shop`.
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.resource, self.name)?;
        self.namespace.iter().try_for_each(|namespace| write!(f, " in namespace {namespace}"))
    }
}
