//! Judges a snapshot of objects without a history: a cause is taken to have lasted as long as the blamed object exists.

use std::time::Duration;

use jiff::Timestamp;

use super::finding::Finding;
use super::rules;
use super::view::{Key, Lenient, View};
use super::world::World;
use super::{Settings, UnreadyObject, Verdict};
use crate::object::ObjectRef;

/// Returns the finding about an object at `now`, and its verdict.
pub(super) fn judge(view: &View, world: &World, settings: &Settings, now: Timestamp) -> (Finding, Verdict) {
    let found = rules::judge(view, world, settings);
    let blamed = found.fault().and_then(|fault| world.get(&Key::from(&fault.object))).unwrap_or(view);
    let verdict = found.settle(age(blamed, now).unwrap_or(Duration::MAX));
    (found, verdict)
}

/// Returns what keeps the objects from being ready at `now`, failures first.
pub(super) fn unready(objects: &[ObjectRef], world: &World, settings: &Settings, now: Timestamp) -> Vec<UnreadyObject> {
    let unready = |object: &ObjectRef| {
        let (found, verdict) = match world.get(&Key::from(object)) {
            Some(view) => judge(view, world, settings, now),
            None => {
                let missing = Finding::waiting("Missing", "it does not exist");
                let verdict = missing.settle(Duration::ZERO);
                (missing, verdict)
            }
        };
        (!verdict.is_ready()).then(|| UnreadyObject::new(object.clone(), &found, verdict))
    };
    let mut unready: Vec<_> = objects.iter().filter_map(unready).collect();
    unready.sort_by_key(|object| !object.verdict.is_failed());
    unready
}

/// Returns the age of an object; `None` when it has no creation time.
pub(super) fn age(view: &View, now: Timestamp) -> Option<Duration> {
    let created: Timestamp = view.json.text("/metadata/creationTimestamp")?.parse().ok()?;
    // The node's clock may be ahead of ours.
    Some(Duration::try_from(now.duration_since(created)).unwrap_or_default())
}
