//! Which objects of a cluster may be removed, and why.

use serde_json::Value;

use crate::readiness::{Applied, ObjectRef};

/// An object that is to be removed, and what tells it from others of its name.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// Its name.
    pub object: ObjectRef,
    /// Why it may be removed.
    pub ownership: Ownership,
}

/// Why an object may be removed. Every request to delete one names a uid.
#[derive(Debug, Clone, PartialEq)]
pub enum Ownership {
    /// The cluster is ours, and everything in it: the object that has the name now.
    Cluster,
    /// We applied it: the object that has this uid.
    Uid(String),
    /// A run was about to create it, and did not live to learn its uid: an object that bears our label and this value of
    /// [`ENVIRONMENT_ANNOTATION`](crate::suite::manifests::ENVIRONMENT_ANNOTATION).
    Mark(String),
    /// It was there before us: its fields are given back, and it stays.
    Adopted(Box<Adopted>),
}

/// An object that was there before us.
#[derive(Debug, Clone, PartialEq)]
pub struct Adopted {
    /// Its uid.
    pub uid: String,
    /// The field manager that we applied it with.
    pub manager: String,
    /// Its state before that.
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
