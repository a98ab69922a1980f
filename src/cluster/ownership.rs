//! Ownership of objects in a cluster: which may be removed, and why.

use serde_json::Value;

use crate::readiness::{Applied, ObjectRef};

/// An object to remove, with what distinguishes it from others of the same name.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// Its name.
    pub object: ObjectRef,
    /// Why it may be removed.
    pub ownership: Ownership,
}

/// Why an object may be removed. Every delete request names a uid.
#[derive(Debug, Clone, PartialEq)]
pub enum Ownership {
    /// The whole cluster is ours: remove the object that has the name now.
    Cluster,
    /// We applied it: remove the object with this uid.
    Uid(String),
    /// A run was killed between creating it and recording its uid: remove an object with our label and this value of
    /// [`ENVIRONMENT_ANNOTATION`](crate::suite::manifests::ENVIRONMENT_ANNOTATION).
    Mark(String),
    /// It existed before: its fields are restored, and it is kept.
    Adopted(Box<Adopted>),
}

/// An object that existed before the environment.
#[derive(Debug, Clone, PartialEq)]
pub struct Adopted {
    /// Its uid.
    pub uid: String,
    /// Our field manager when we applied it.
    pub manager: String,
    /// Its earlier state.
    pub before: Value,
}

impl From<ObjectRef> for Target {
    fn from(object: ObjectRef) -> Target {
        Target { object, ownership: Ownership::Cluster }
    }
}

impl From<Applied> for Target {
    fn from(applied: Applied) -> Target {
        Target { object: applied.object, ownership: Ownership::Uid(applied.uid) }
    }
}
