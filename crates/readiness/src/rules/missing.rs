//! Names the object that a message says is missing.

use crate::finding::{Fault, Finding};
use crate::object::ObjectRef;
use crate::world::World;

/// The kinds that the kubelet, the scheduler and controllers complain about, as they write them.
const KINDS: [(&str, &str); 4] = [
    ("secret", "Secret"),
    ("configmap", "ConfigMap"),
    ("persistentvolumeclaim", "PersistentVolumeClaim"),
    ("serviceaccount", "ServiceAccount"),
];

/// The object of which `message` says `secret "db" not found`, or the like.
pub(super) fn named_in(message: &str, namespace: &str) -> Option<ObjectRef> {
    KINDS.iter().find_map(|(word, kind)| {
        let (_, rest) = message.split_once(&format!("{word} \""))?;
        let (name, rest) = rest.split_once('"')?;
        rest.trim_start().starts_with("not found").then(|| ObjectRef {
            api_version: "v1".into(),
            kind: (*kind).into(),
            namespace: Some(namespace.into()),
            name: name.into(),
        })
    })
}

/// A fault whose missing object has appeared is about to heal: the kubelet or controller has not retried yet.
pub(super) fn unless_there(fault: Fault, world: &World) -> Finding {
    match &fault.missing {
        Some(missing) if world.has(missing) => Finding::waiting(
            fault.code.clone(),
            format!("{missing} is there now, and will be tried again ({})", fault.message),
        ),
        _ => fault.into(),
    }
}
