//! Conditions: what objects say about themselves, custom resources above all.

use crate::ready::finding::Finding;
use crate::ready::view::{Condition, Lenient, View};
use crate::ready::world::World;

/// Conditions that must be True where they exist.
const UP: [&str; 7] = ["Ready", "Available", "Accepted", "Programmed", "Synced", "Established", "Healthy"];
/// Conditions that must not be True.
const DOWN: [&str; 7] = ["NotReady", "Degraded", "Progressing", "Reconciling", "Stalled", "Unavailable", "Failed"];

/// The two conditions that mean the same on every kind.
pub(super) fn stalled_or_reconciling(view: &View) -> Option<Finding> {
    let current = |kind| view.condition(kind).filter(|c| c.is_true() && is_current(view, c));
    if let Some(stalled) = current("Stalled") {
        return Some(Finding::failed(view, format!("stalled: {}", stalled.why()), "see what its controller says"));
    }
    current("Reconciling").map(|c| Finding::waiting(format!("reconciling: {}", c.why())))
}

/// A kind without a rule of its own: its `Ready` condition if it has one, else being there is enough.
pub(super) fn ready_condition(view: &View) -> Finding {
    let ready = view.condition("Ready").filter(|ready| !ready.is_true());
    Finding::from_reason(ready.map(|ready| format!("not ready: {}", ready.why())))
}

/// A custom resource: every condition whose usual meaning is known must have the right value.
pub(super) fn custom(view: &View, world: &World) -> Finding {
    let mut any = false;
    let mut behind = None;
    for condition in view.conditions() {
        any = true;
        let up = UP.contains(&condition.kind);
        if !up && !DOWN.contains(&condition.kind) {
            continue;
        }
        if !is_current(view, &condition) {
            behind = behind.or_else(|| Some(format!("condition {} is of an older generation", condition.kind)));
        } else if up != condition.is_true() && (up || !condition.is_false()) {
            let status = if condition.status.is_empty() { "unknown" } else { condition.status };
            return Finding::waiting(format!("{} is {status}: {}", condition.kind, condition.why()));
        }
    }
    if !any && promises_conditions(view, world) {
        return Finding::waiting("its controller has not reported conditions yet");
    }
    Finding::from_reason(behind)
}

fn is_current(view: &View, condition: &Condition<'_>) -> bool {
    condition.observed.zip(view.generation()).is_none_or(|(observed, generation)| observed >= generation)
}

/// Whether the definition of a custom resource says that its status has conditions.
fn promises_conditions(view: &View, world: &World) -> bool {
    let version = view.object.api_version.rsplit('/').next().unwrap_or_default();
    let names_it = |definition: &&View| {
        definition.json.text("/spec/group") == Some(view.group())
            && definition.json.text("/spec/names/kind") == Some(&view.object.kind)
    };
    let definition = world.all("CustomResourceDefinition", "").find(names_it);
    let versions = definition.map_or(&[][..], |definition| definition.json.list("/spec/versions"));
    versions.iter().filter(|v| v.text("/name") == Some(version)).any(|v| {
        v.flag("/promisesConditions")
            || v.pointer("/schema/openAPIV3Schema/properties/status/properties/conditions").is_some()
    })
}
