//! Needs of unready objects.

use serde::Serialize;

use crate::object::ObjectRef;

/// The need of an unready object, and the problem with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Want {
    /// An object that does not exist.
    Object(ObjectRef),
    /// A missing key of a Secret or ConfigMap.
    Key {
        /// The Secret or ConfigMap.
        object: ObjectRef,
        /// The key.
        key: String,
    },
    /// A claim without a volume.
    Claim(ObjectRef),
    /// A quota that would be exceeded.
    Quota(ObjectRef),
    /// An image.
    Image {
        /// The image reference in the pod.
        image: String,
        /// The problem with it.
        lack: ImageLack,
    },
    /// A resource that no node has enough of, such as `memory`.
    NodeResource(String),
    /// A taint of the nodes that is not tolerated, such as `gpu: only`.
    Taint(String),
}

/// The problem with an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum ImageLack {
    /// It is not in its registry.
    NotFound,
    /// Its registry denies access.
    Refused,
    /// Its registry is unreachable, or overloaded.
    NotPulled,
    /// It is not on the node, and is never pulled.
    NotLoaded,
}

impl Want {
    /// Returns the needed object, if it is one.
    #[must_use]
    pub fn object(&self) -> Option<&ObjectRef> {
        match self {
            Want::Object(object) | Want::Key { object, .. } | Want::Claim(object) | Want::Quota(object) => Some(object),
            Want::Image { .. } | Want::NodeResource(_) | Want::Taint(_) => None,
        }
    }

    /// Returns the missing object, if that is the problem.
    pub(crate) fn missing(&self) -> Option<&ObjectRef> {
        match self {
            Want::Object(object) => Some(object),
            _ => None,
        }
    }
}
