//! Finds the Services whose node ports conflict with a rejected Service.

use std::collections::HashSet;

use k8s_openapi::api::core::v1::Service;
use kube::api::{Api, DynamicObject, ListParams};

use crate::host::resilience::Resilience;

/// Returns whether `refusal` is about a node port of another Service.
pub(super) fn is_port_taken(refusal: &kube::Error) -> bool {
    matches!(refusal, kube::Error::Api(status) if status.message.contains("provided port is already allocated"))
}

/// Returns the Services that use node ports requested by `wanted`, as text. `None` when they cannot be listed: then the
/// API server's error is reported alone.
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
