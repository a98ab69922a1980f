//! What something that is not ready wants.

use serde::Serialize;

use crate::object::ObjectRef;

/// What something that is not ready wants, and what is wrong with that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Want {
    /// An object that does not exist.
    Object(ObjectRef),
    /// A key that a Secret or ConfigMap lacks.
    Key {
        /// The Secret or ConfigMap.
        object: ObjectRef,
        /// The key.
        key: String,
    },
    /// A claim that has no volume yet.
    Claim(ObjectRef),
    /// A quota that would be exceeded.
    Quota(ObjectRef),
    /// An image.
    Image {
        /// The image, as the pod names it.
        image: String,
        /// What is wrong with it.
        lack: ImageLack,
    },
    /// A resource of which no node has enough, such as `memory`.
    NodeResource(String),
    /// A taint of the nodes that is not tolerated, such as `gpu: only`.
    Taint(String),
}

/// What is wrong with an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum ImageLack {
    /// Its registry does not know it.
    NotFound,
    /// Its registry refuses it.
    Refused,
    /// Its registry cannot be reached, or has no time.
    NotPulled,
    /// It is not on the node, and is never pulled.
    NotLoaded,
}

impl Want {
    /// The object that is wanted, as far as it is one.
    #[must_use]
    pub fn object(&self) -> Option<&ObjectRef> {
        match self {
            Want::Object(object) | Want::Key { object, .. } | Want::Claim(object) | Want::Quota(object) => Some(object),
            Want::Image { .. } | Want::NodeResource(_) | Want::Taint(_) => None,
        }
    }

    /// The object that does not exist, when that is what is wrong.
    pub(crate) fn missing(&self) -> Option<&ObjectRef> {
        match self {
            Want::Object(object) => Some(object),
            _ => None,
        }
    }
}
