//! Selects the probes of a component that are run: none where everything is scaled to zero, since nothing can answer.

use super::kinds::{find, is_builtin};
use super::rules::service::is_scaled_to_zero;
use super::rules::workload::desired;
use super::view::Key;
use super::world::World;
use super::{Place, Probe};

/// Returns whether `probe` is run for the component that consists of `objects`.
pub(super) fn is_asked<'a>(probe: &Probe, objects: impl IntoIterator<Item = &'a Key>, world: &World) -> bool {
    match probe {
        Probe::Tcp(Place::Service { namespace, name, .. })
        | Probe::Http { at: Place::Service { namespace, name, .. }, .. } => {
            let service =
                Key { group: String::new(), kind: "Service".into(), namespace: namespace.clone(), name: name.clone() };
            !world.get(&service).is_some_and(|service| is_scaled_to_zero(service, world))
        }
        Probe::Tcp(Place::Host(_)) | Probe::Http { at: Place::Host(_), .. } | Probe::Exec { .. } => {
            let mut workloads = objects.into_iter().filter(|key| makes_pods(key)).peekable();
            let is_zero = |key: &Key| {
                let scales = !matches!(key.kind.as_str(), "Pod" | "Job" | "DaemonSet") && is_builtin(&key.group);
                scales && world.get(key).is_some_and(|workload| desired(workload) == 0)
            };
            workloads.peek().is_none() || !workloads.all(is_zero)
        }
    }
}

/// Returns whether an object is a pod or creates pods; assumed for a custom resource.
pub(super) fn makes_pods(key: &Key) -> bool {
    !is_builtin(&key.group) || find(&key.group, &key.kind).is_some_and(|kind| kind.pods)
}
