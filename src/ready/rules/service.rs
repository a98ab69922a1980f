//! Services: the endpoints part. That a port answers is asked by a probe.

use serde_json::Value;

use crate::ready::finding::Finding;
use crate::ready::grace::{Cause, Grace};
use crate::ready::view::{Lenient, View};
use crate::ready::world::World;

pub(super) fn judge(view: &View, world: &World, grace: &Grace) -> Finding {
    if view.json.text("/spec/type") == Some("LoadBalancer") && view.json.list("/status/loadBalancer/ingress").is_empty()
    {
        return Finding::waiting("it has no address: nothing in the cluster provides load balancers yet");
    }
    if view.json.texts("/spec/selector").next().is_none() {
        return Finding::Ready;
    }
    let ports = view.json.list("/spec/ports");
    let unserved = ports.iter().find(|port| !is_served(view, port.text("/name"), world));
    match (unserved, has_ready_endpoint(view, world)) {
        (None, true) => Finding::Ready,
        (None, false) => no_endpoint(view, world),
        (Some(_), false) => no_endpoint(view, world),
        (Some(port), true) => Finding::failing(
            view,
            Cause::Endpoints,
            grace.of(Cause::Endpoints),
            format!("its pods are ready, but none serves port {}", describe(port)),
            "make targetPort the number, or the name, of a port that the pods declare",
        ),
    }
}

fn endpoints(slice: &View) -> impl Iterator<Item = &Value> {
    let is_ready = |endpoint: &&Value| endpoint.pointer("/conditions/ready").is_none_or(|ready| ready != false);
    slice.json.list("/endpoints").iter().filter(is_ready)
}

fn has_ready_endpoint(view: &View, world: &World) -> bool {
    world.slices(view).any(|slice| endpoints(slice).next().is_some())
}

/// Whether a ready endpoint serves the port of that name; a port without a name has a name of no letters.
fn is_served(view: &View, name: Option<&str>, world: &World) -> bool {
    let names_it = |slice: &&View| slice.json.list("/ports").iter().any(|port| port.text("/name") == name);
    world.slices(view).filter(names_it).any(|slice| endpoints(slice).next().is_some())
}

fn no_endpoint(view: &View, world: &World) -> Finding {
    let selector: Vec<_> = view.json.texts("/spec/selector").collect();
    let selects = |pod: &&View| {
        let has = |(key, value)| pod.json.texts("/metadata/labels").any(|label| label == (key, value));
        selector.iter().copied().all(has)
    };
    let pods = world.all("Pod", view.namespace()).filter(selects).count();
    let labels: Vec<_> = selector.iter().map(|(key, value)| format!("{key}={value}")).collect();
    Finding::waiting(match pods {
        0 => format!("no pod matches its selector {}", labels.join(",")),
        1 => "the pod behind it is not ready".into(),
        pods => format!("none of the {pods} pods behind it is ready"),
    })
}

fn describe(port: &Value) -> String {
    let number = port.int("/port").map_or_else(|| "?".into(), |number| number.to_string());
    let target = port.int("/targetPort").map(|n| n.to_string());
    let target = target.or_else(|| port.text("/targetPort").map(str::to_owned));
    target.filter(|target| *target != number).map_or_else(|| number.clone(), |t| format!("{number} (targetPort {t})"))
}
