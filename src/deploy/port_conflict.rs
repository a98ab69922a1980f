//! Who holds a port that a Service was refused.

use std::collections::HashSet;

use k8s_openapi::api::core::v1::Service;
use kube::api::{Api, DynamicObject, ListParams};

use crate::host::resilience::Resilience;

/// Whether `refusal` is about a node port that another Service has.
pub(super) fn is_port_taken(refusal: &kube::Error) -> bool {
    matches!(refusal, kube::Error::Api(status) if status.message.contains("provided port is already allocated"))
}

/// The Services that hold node ports which `wanted` asks for, as text. Nothing when they cannot be listed: what the API
/// server said stands on its own.
pub(super) async fn holders(client: &kube::Client, resilience: &Resilience, wanted: &DynamicObject) -> Option<String> {
    let ports = wanted.data.pointer("/spec/ports")?.as_array()?;
    let ports: HashSet<i64> = ports.iter().filter_map(|port| port["nodePort"].as_i64()).collect();
    let (api, params) = (Api::<Service>::all(client.clone()), ListParams::default());
    let services = resilience.api("listing services", || api.list(&params)).await.ok()?;
    let holders = services.into_iter().filter(|service| {
        let theirs = service.spec.iter().flat_map(|spec| spec.ports.iter().flatten());
        theirs.into_iter().any(|port| port.node_port.is_some_and(|port| ports.contains(&port.into())))
    });
    let holders: Vec<String> = holders
        .map(|service| {
            let namespace = service.metadata.namespace.unwrap_or_default();
            format!("service/{} of {namespace}", service.metadata.name.unwrap_or_default())
        })
        .collect();
    (!holders.is_empty()).then(|| format!("held by {}", holders.join(", ")))
}
