//! The Services of a component's ports.

use kube::core::DynamicObject;
use serde_json::Value;

use super::Manifest;

/// A port of a Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServiceOfPort {
    /// The namespace of the Service.
    pub(crate) namespace: String,
    /// The name of the Service.
    pub(crate) name: String,
    /// The number of its port.
    pub(crate) port: u16,
}

/// Returns the Service among `manifests` that serves a port: the one with the node port `node`, or else one with a port of
/// this name. Objects that name no namespace are in `namespace`.
pub(crate) fn service_of(name: &str, node: u16, manifests: &[Manifest], namespace: &str) -> Option<ServiceOfPort> {
    let by_node = |it: &Value| it["nodePort"].as_u64() == Some(node.into());
    let by_name = |it: &Value| it["name"].as_str() == Some(name);
    find(manifests, namespace, &by_node).or_else(|| find(manifests, namespace, &by_name))
}

fn find(manifests: &[Manifest], namespace: &str, is_it: &dyn Fn(&Value) -> bool) -> Option<ServiceOfPort> {
    let services = manifests.iter().map(|manifest| &manifest.object).filter(|object| is_service(object));
    services.into_iter().find_map(|service| {
        let port = ports(service).find(|port| is_it(port))?["port"].as_u64()?;
        Some(ServiceOfPort {
            namespace: service.metadata.namespace.clone().unwrap_or_else(|| namespace.to_owned()),
            name: service.metadata.name.clone()?,
            port: u16::try_from(port).ok()?,
        })
    })
}

/// Removes these node ports from a Service, so that the API server chooses free ones: those of a cluster are shared by
/// everything in it.
pub(crate) fn free_node_ports(object: &mut DynamicObject, nodes: &[u16]) {
    if !is_service(object) {
        return;
    }
    let list = object.data.pointer_mut("/spec/ports").and_then(Value::as_array_mut);
    for port in list.into_iter().flatten().filter_map(Value::as_object_mut) {
        let node = port.get("nodePort").and_then(Value::as_u64);
        if nodes.iter().any(|it| Some(u64::from(*it)) == node) {
            port.remove("nodePort");
        }
    }
}

fn is_service(object: &DynamicObject) -> bool {
    object.types.as_ref().is_some_and(|types| types.api_version == "v1" && types.kind == "Service")
}

fn ports(service: &DynamicObject) -> impl Iterator<Item = &Value> {
    service.data.pointer("/spec/ports").and_then(Value::as_array).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::suite::manifests::ManifestSource;

    fn manifests() -> Vec<Manifest> {
        let service = |namespace: Option<&str>, name: &str, ports: Value| {
            let object = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace},
                "spec": {"ports": ports}});
            let source = ManifestSource { file: "a.yaml".into(), line: 1 };
            Manifest { source, object: serde_json::from_value(object).unwrap() }
        };
        vec![
            service(
                None,
                "api",
                json!([{"name": "http", "port": 80}, {"name": "grpc", "port": 90, "nodePort": 30080}]),
            ),
            service(Some("data"), "db", json!([{"name": "sql", "port": 5432}])),
        ]
    }

    fn found(name: &str, node: u16) -> Option<(String, String, u16)> {
        service_of(name, node, &manifests(), "shop").map(|it| (it.namespace, it.name, it.port))
    }

    #[test]
    fn a_service_is_found_by_its_node_port_or_by_the_name_of_its_port() {
        assert_eq!(found("http", 30080), Some(("shop".into(), "api".into(), 90)), "the node port decides");
        assert_eq!(found("sql", 30081), Some(("data".into(), "db".into(), 5432)));
        assert_eq!(found("other", 30082), None);
    }

    #[test]
    fn only_the_components_node_ports_are_freed() {
        let mut service = manifests().remove(0).object;
        service.data["spec"]["ports"][0]["nodePort"] = 31000.into();
        free_node_ports(&mut service, &[30080]);
        let ports = json!([{"name": "http", "port": 80, "nodePort": 31000}, {"name": "grpc", "port": 90}]);
        assert_eq!(service.data["spec"]["ports"], ports);
    }
}
