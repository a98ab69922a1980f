//! Services: their endpoints. Whether a port answers is checked by a probe.

use serde_json::Value;

use crate::finding::Finding;
use crate::grace::{Cause, Grace};
use crate::view::{Lenient, View};
use crate::world::World;

use super::workload::desired;

/// The kinds whose pods a Service may select.
const WORKLOADS: [&str; 5] = ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController"];

pub(super) fn judge(view: &View, world: &World, grace: &Grace) -> Finding {
    let text = |pointer: &str| view.json.text(pointer);
    if text("/spec/type") == Some("LoadBalancer") && view.json.list("/status/loadBalancer/ingress").is_empty() {
        return Finding::waiting("NoAddress", "it has no address: nothing in the cluster provides load balancers yet");
    }
    if text("/spec/type") == Some("ExternalName") || view.json.texts("/spec/selector").next().is_none() {
        return Finding::Ready;
    }
    if world.is_saved() && world.slices(view).next().is_none() {
        // Without saved endpoints, the pods show whether there are any.
        return if pods(view, world).any(is_ready) { Finding::Ready } else { no_endpoint(view, world, grace) };
    }
    let ports = view.json.list("/spec/ports");
    let unserved = ports.iter().find(|port| !is_served(view, port.text("/name"), world));
    match (unserved, has_ready_endpoint(view, world)) {
        (None, true) => Finding::Ready,
        (_, false) => no_endpoint(view, world, grace),
        (Some(port), true) => Finding::failing(
            view,
            Cause::Endpoints,
            grace.of(Cause::Endpoints),
            format!("its pods are ready, but none serves port {}", describe(port)),
            "make targetPort the number, or the name, of a port that the pods declare",
        ),
    }
}

/// Returns the number of ready addresses and the ports of a slice, or of each subset of the older kind Endpoints.
fn parts(slice: &View) -> impl Iterator<Item = (usize, &[Value])> {
    let is_ready = |endpoint: &&Value| endpoint.pointer("/conditions/ready").is_none_or(|ready| ready != false);
    let ready = slice.json.list("/endpoints").iter().filter(is_ready).count();
    let subsets = slice.json.list("/subsets").iter();
    let subsets = subsets.map(|subset| (subset.list("/addresses").len(), subset.list("/ports")));
    std::iter::once((ready, slice.json.list("/ports"))).chain(subsets)
}

fn has_ready_endpoint(view: &View, world: &World) -> bool {
    world.slices(view).flat_map(parts).any(|(ready, _)| ready > 0)
}

/// Returns whether a ready endpoint serves the port of that name; an unnamed port has an empty name.
fn is_served(view: &View, name: Option<&str>, world: &World) -> bool {
    let names_it = |ports: &[Value]| ports.iter().any(|port| port.text("/name") == name);
    world.slices(view).flat_map(parts).any(|(ready, ports)| ready > 0 && names_it(ports))
}

/// Returns the pods that the Service selects.
fn pods<'a>(view: &'a View, world: &'a World) -> impl Iterator<Item = &'a View> {
    let selector: Vec<_> = view.json.texts("/spec/selector").collect();
    world.all("Pod", view.namespace()).filter(move |pod| {
        let labels = pod.json.pointer("/metadata/labels");
        let label = |key: &str| labels.and_then(|labels| labels.get(key)).and_then(Value::as_str);
        selector.iter().all(|(key, value)| label(key) == Some(value))
    })
}

fn is_ready(pod: &View) -> bool {
    !pod.is_deleted() && pod.condition("Ready").is_some_and(|ready| ready.is_true())
}

/// Returns whether everything that the Service selects is scaled to zero, so that nothing can answer.
pub(crate) fn is_scaled_to_zero(view: &View, world: &World) -> bool {
    let selector: Vec<_> = view.json.texts("/spec/selector").collect();
    let mut workloads = WORKLOADS.iter().flat_map(|kind| world.all(kind, view.namespace())).filter(|workload| {
        // Older recordings have no template.
        let labels = ["/spec/template/metadata/labels", "/spec/selector/matchLabels"];
        let labels = labels.iter().find_map(|at| workload.json.pointer(at)).filter(|labels| labels.is_object());
        let label = |key: &str| labels.and_then(|labels| labels.get(key)).and_then(Value::as_str);
        !selector.is_empty() && selector.iter().all(|(key, value)| label(key) == Some(value))
    });
    workloads.next().is_some_and(|first| desired(first) == 0) && workloads.all(|workload| desired(workload) == 0)
}

fn no_endpoint(view: &View, world: &World, grace: &Grace) -> Finding {
    if is_scaled_to_zero(view, world) {
        return Finding::Ready;
    }
    match pods(view, world).count() {
        0 => no_pod(view, world, grace),
        1 => Finding::waiting("NoReadyEndpoints", "the pod behind it is not ready"),
        pods => Finding::waiting("NoReadyEndpoints", format!("none of the {pods} pods behind it is ready")),
    }
}

/// Judges a Service without matching pods: this is final only once no pod that may match is starting in the namespace.
fn no_pod(view: &View, world: &World, grace: &Grace) -> Finding {
    let labels: Vec<_> = view.json.texts("/spec/selector").map(|(key, value)| format!("{key}={value}")).collect();
    let reason = format!("no pod matches its selector {}", labels.join(","));
    let has_ended = |pod: &View| matches!(pod.json.text("/status/phase"), Some("Succeeded" | "Failed"));
    let mut others = world.all("Pod", view.namespace()).peekable();
    let settled = others.peek().is_some() && others.all(|pod| is_ready(pod) || has_ended(pod));
    if !settled || world.all("ReplicaSet", view.namespace()).any(lacks_pods) {
        return Finding::waiting("NoPods", reason);
    }
    let hint = "make spec.selector the labels of the pods that shall serve it";
    Finding::failing(view, Cause::Endpoints, grace.of(Cause::Endpoints), reason, hint)
}

fn lacks_pods(set: &View) -> bool {
    set.json.int("/spec/replicas").unwrap_or(1) > set.json.int("/status/readyReplicas").unwrap_or_default()
}

fn describe(port: &Value) -> String {
    let number = port.int("/port").map_or_else(|| "?".into(), |number| number.to_string());
    let target = port.int("/targetPort").map(|n| n.to_string());
    let target = target.or_else(|| port.text("/targetPort").map(str::to_owned));
    target.filter(|target| *target != number).map_or_else(|| number.clone(), |t| format!("{number} (targetPort {t})"))
}
