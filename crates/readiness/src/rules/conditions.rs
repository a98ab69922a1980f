//! Conditions, which objects report about themselves, above all custom resources.

use crate::finding::Finding;
use crate::view::{Condition, Lenient, View, conditions};
use crate::world::World;

use super::parts;

/// Conditions that must be True if they exist, by their usual names.
const UP: [&str; 14] = [
    "Ready",
    "Available",
    "Accepted",
    "Programmed",
    "Synced",
    "Established",
    "Healthy",
    "Reconciled",
    "ResolvedRefs",
    "Installed",
    "Initialized",
    "Serving",
    "UpToDate",
    "Valid",
];
/// Conditions that must not be True.
const DOWN: [&str; 16] = [
    "NotReady",
    "Degraded",
    "Progressing",
    "Reconciling",
    "Stalled",
    "Unavailable",
    "Failed",
    "Failing",
    "Failure",
    "Error",
    "Unhealthy",
    "Unready",
    "Issuing",
    "Pending",
    "Conflicted",
    "Terminating",
];

/// Judges the two conditions that have the same meaning on every kind.
pub(super) fn stalled_or_reconciling(view: &View) -> Option<Finding> {
    let current = |kind| view.condition(kind).filter(|c| c.is_true() && is_current(view, c));
    if let Some(stalled) = current("Stalled") {
        let reason = format!("stalled: {}", stalled.why());
        return Some(Finding::failed(view, "Stalled", reason, "see what its controller says"));
    }
    current("Reconciling").map(|c| Finding::waiting("Reconciling", format!("reconciling: {}", c.why())))
}

/// Judges a kind without a rule of its own: by its `Ready` condition if it has one, else it is ready once it exists.
pub(super) fn ready_condition(view: &View) -> Finding {
    match view.condition("Ready").filter(|ready| !ready.is_true()) {
        Some(ready) => Finding::waiting("NotReady", format!("not ready: {}", ready.why())),
        None => Finding::Ready,
    }
}

/// Judges a custom resource: every condition with a known usual meaning must have the right value.
pub(super) fn custom(view: &View, world: &World) -> Finding {
    let parts = match parts::of(view) {
        Ok(parts) => parts,
        Err(part) => {
            let text = format!("{part}: its controller has not reported conditions yet");
            return Finding::waiting("NoConditions", text);
        }
    };
    let mut any = !parts.is_empty();
    let mut behind = None;
    let own = view.conditions().map(|condition| (String::new(), condition));
    let theirs =
        parts.into_iter().flat_map(|part| conditions(part.conditions).map(move |it| (format!("{}: ", part.name), it)));
    for (part, condition) in own.chain(theirs) {
        any = true;
        let up = UP.contains(&condition.kind);
        let down = DOWN.contains(&condition.kind);
        if !(up || down) {
            continue;
        }
        if !is_current(view, &condition) {
            behind = behind.or_else(|| Some(format!("{part}condition {} is of an older generation", condition.kind)));
        } else if (up && !condition.is_true()) || (down && condition.is_true() && !is_over(&condition)) {
            let status = if condition.status.is_empty() { "unknown" } else { condition.status };
            let code = if up { format!("Not{}", condition.kind) } else { condition.kind.to_owned() };
            return Finding::waiting(code, format!("{part}{} is {status}: {}", condition.kind, condition.why()));
        }
    }
    if !any && promises_conditions(view, world) {
        return Finding::waiting("NoConditions", "its controller has not reported conditions yet");
    }
    behind.map_or(Finding::Ready, |text| Finding::waiting("Unobserved", text))
}

/// Returns whether a `Progressing` condition is complete: kinds modelled on the Deployment keep it True after a rollout.
fn is_over(condition: &Condition<'_>) -> bool {
    condition.kind == "Progressing" && condition.reason == "NewReplicaSetAvailable"
}

fn is_current(view: &View, condition: &Condition<'_>) -> bool {
    condition.observed.zip(view.generation()).is_none_or(|(observed, generation)| observed >= generation)
}

/// Returns whether the definition of a custom resource declares conditions in its status.
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
