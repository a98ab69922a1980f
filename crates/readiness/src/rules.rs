//! The rules: pure functions from an object and the world to a finding.
//!
//! They accept any JSON and never fail; they use no clock: a [`Finding`](super::finding::Finding) has its grace, and
//! the caller knows how long it has lasted.

mod claim;
mod conditions;
mod container;
mod daemonset;
mod definition;
mod deployment;
mod image;
mod job;
mod messages;
mod named;
mod namespace;
mod parts;
mod pod;
mod replicaset;
mod schedule;
pub(super) mod service;
mod simple;
mod statefulset;
mod webhook;
pub(super) mod workload;

#[cfg(test)]
mod tests;

use super::finding::Finding;
use super::kinds::is_builtin;
use super::settings::Settings;
use super::view::{Lenient, View};
use super::world::World;

/// Judges an object in its world.
pub(crate) fn judge(view: &View, world: &World, settings: &Settings) -> Finding {
    let grace = &settings.grace;
    let kind = (view.group(), view.object.kind.as_str());
    if kind == ("", "Namespace") {
        return namespace::judge(view);
    }
    if view.is_deleted() {
        return Finding::waiting("Deleting", "it is being deleted");
    }
    if let Some(found) = unobserved(view).or_else(|| conditions::stalled_or_reconciling(view)) {
        return found;
    }
    let rule = settings.kinds.iter().find(|rule| (rule.group.as_str(), rule.kind.as_str()) == kind);
    if let Some(found) = rule.and_then(|rule| named::judge(view, rule)) {
        return found;
    }
    match kind {
        ("", "Pod") => pod::judge(view, world, grace),
        ("", "Service") => service::judge(view, world, grace),
        ("", "PersistentVolumeClaim") => claim::judge(view, world, grace),
        ("", "ReplicationController") | ("apps", "ReplicaSet") => replicaset::judge(view, world, grace),
        ("apps", "Deployment") => deployment::judge(view, world, grace),
        ("apps", "StatefulSet") => statefulset::judge(view, world, grace),
        ("apps", "DaemonSet") => daemonset::judge(view, world, grace),
        ("batch", "Job") => job::judge(view, world, grace),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => definition::judge(view),
        ("apiregistration.k8s.io", "APIService") => simple::api_service(view),
        ("networking.k8s.io", "Ingress") => simple::ingress(view),
        ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration") => {
            webhook::judge(view, world, grace)
        }
        ("autoscaling", "HorizontalPodAutoscaler") => simple::autoscaler(view),
        (group, _) if is_builtin(group) => conditions::ready_condition(view),
        _ => conditions::custom(view, world),
    }
}

/// Returns a finding if the status is of an older generation, which says nothing about the current one.
fn unobserved(view: &View) -> Option<Finding> {
    let generation = view.generation();
    let has_status =
        view.json.pointer("/status").is_some_and(|status| status.as_object().is_some_and(|s| !s.is_empty()));
    let always_observed =
        matches!(view.object.kind.as_str(), "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet");
    match view.json.int("/status/observedGeneration") {
        Some(observed) if Some(observed) < generation => {
            let generation = generation.unwrap_or_default();
            let text = format!("its controller is at generation {observed}, not yet at {generation}");
            Some(Finding::waiting("Unobserved", text))
        }
        None if always_observed && view.group() == "apps" && (generation.is_some() || !has_status) => {
            Some(Finding::waiting("Unobserved", "its controller has not looked at it yet"))
        }
        _ => None,
    }
}
