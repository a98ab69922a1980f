//! Probes that a component must pass once its objects are ready.

use super::kind;
use crate::cluster::PortMap;
use crate::readiness::{Place, Probe};
use crate::suite::config::{Check, Component, Port, ProviderKind, ServicePort};
use crate::suite::manifests::{COMPONENT_LABEL, Manifest, ServiceOfPort, service_of};

/// Built-in kinds whose objects have pods.
const WITH_PODS: [&str; 7] =
    ["Pod", "ReplicaSet", "Deployment", "StatefulSet", "DaemonSet", "ReplicationController", "Job"];

/// From where the ports of a component are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// From the host, at their addresses.
    FromHost,
    /// Through the API server, where a Service in the manifests serves them: their addresses are only guessed.
    ThroughApi,
}

impl Asked {
    /// Returns from where ports are asked in a cluster of this provider.
    pub(crate) fn by(provider: ProviderKind) -> Asked {
        match provider {
            ProviderKind::Kind => Asked::FromHost,
            ProviderKind::Existing => Asked::ThroughApi,
        }
    }
}

/// Returns the probes of a component: its checks; a connection to each of its ports without a check; and one to each
/// port of its Services that is not asked from the host.
pub(crate) fn probes(
    component: &Component,
    manifests: &[Manifest],
    ports: &PortMap,
    asked: Asked,
    namespace: &str,
) -> Vec<Probe> {
    let at = |port: &Port| {
        let found = service_of(&port.name, port.node, manifests, namespace).filter(|_| asked == Asked::ThroughApi);
        let inside = found.map(|ServiceOfPort { namespace, name, port }| Place::Service { namespace, name, port });
        inside.or_else(|| ports.get(&component.name, &port.name).map(Place::Host))
    };
    let named = |name: &str| component.ports.iter().find(|port| port.name == name);
    let service = |service: &ServicePort| Place::Service {
        namespace: of_service(manifests, service, namespace),
        name: service.name.clone(),
        port: service.port,
    };
    let checked = component.checks.iter().filter_map(|check| {
        if let Some(command) = &check.exec {
            return Some(Probe::Exec {
                namespace: of_pods(manifests, namespace),
                selector: format!("{COMPONENT_LABEL}={}", component.name),
                command: command.clone(),
                contains: check.contains.clone(),
            });
        }
        let port = check.port.as_deref().and_then(named).and_then(at);
        Some(self::asked(check, port.or_else(|| check.service.as_ref().map(service))?))
    });
    let from_host = || component.ports.iter().filter(|port| matches!(at(port), Some(Place::Host(_))));
    let unchecked = from_host().filter(|port| {
        let is_it = |check: &Check| check.port.as_ref() == Some(&port.name);
        !component.checks.iter().any(is_it)
    });
    let open = unchecked.filter_map(|port| at(port).map(Probe::Tcp));
    let mapped: Vec<i64> = from_host().map(|port| port.node.into()).collect();
    let inside = manifests.iter().filter(|manifest| kind(manifest) == "Service").flat_map(|manifest| {
        let served = served(manifest, &mapped).filter(|port| {
            let is_it = |check: &Check| check.service.as_ref() == Some(port);
            !component.checks.iter().any(is_it)
        });
        let namespace = manifest.object.metadata.namespace.clone().unwrap_or_else(|| namespace.to_owned());
        let place =
            move |port: ServicePort| Place::Service { namespace: namespace.clone(), name: port.name, port: port.port };
        served.map(place).map(Probe::Tcp).collect::<Vec<_>>()
    });
    checked.chain(open).chain(inside).collect()
}

/// Returns the namespace of a component's pods. If it has pods in several, the suite's own, or else the first one.
fn of_pods(manifests: &[Manifest], namespace: &str) -> String {
    let with_pods = manifests.iter().filter(|manifest| WITH_PODS.contains(&kind(manifest)));
    let mut places: Vec<&str> = with_pods.map(|manifest| place(manifest, namespace)).collect();
    if places.contains(&namespace) {
        places.clear();
    }
    (*places.first().unwrap_or(&namespace)).to_owned()
}

/// Returns the namespace of a Service named by a check: the suite's own, unless the Service is only in the component's
/// manifests for another one.
fn of_service(manifests: &[Manifest], service: &ServicePort, namespace: &str) -> String {
    let theirs = manifests.iter().filter(|manifest| kind(manifest) == "Service");
    let named = theirs.filter(|manifest| manifest.object.metadata.name.as_ref() == Some(&service.name));
    let places: Vec<&str> = named.map(|manifest| place(manifest, namespace)).collect();
    let found = places.iter().find(|place| **place == namespace).or(places.first());
    (*found.unwrap_or(&namespace)).to_owned()
}

/// Returns the namespace in which an object is applied.
fn place<'a>(manifest: &'a Manifest, namespace: &'a str) -> &'a str {
    manifest.object.metadata.namespace.as_deref().unwrap_or(namespace)
}

fn asked(check: &Check, at: Place) -> Probe {
    match &check.path {
        Some(path) => {
            let (path, contains) = (path.clone(), check.contains.clone());
            Probe::Http { at, path, status: check.wanted_status(), contains }
        }
        None => Probe::Tcp(at),
    }
}

/// Returns the TCP ports of a Service with pods, except those `mapped` to the host.
fn served<'a>(service: &'a Manifest, mapped: &'a [i64]) -> impl Iterator<Item = ServicePort> + use<'a> {
    let spec = &service.object.data["spec"];
    let has_pods = spec["selector"].as_object().is_some_and(|selector| !selector.is_empty());
    let ports = spec["ports"].as_array().filter(|_| has_pods);
    ports.into_iter().flatten().filter_map(move |port| {
        let is_tcp = matches!(port["protocol"].as_str(), None | Some("TCP"));
        let is_mapped = port["nodePort"].as_i64().is_some_and(|node| mapped.contains(&node));
        let number = port["port"].as_u64().and_then(|number| u16::try_from(number).ok())?;
        let name = service.object.metadata.name.clone()?;
        (is_tcp && !is_mapped).then_some(ServicePort { name, port: number })
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::suite::config::HostPort;

    const SERVICE: &str = "{apiVersion: v1, kind: Service, metadata: {name: api}, spec: {selector: {app: api}, ports: [
        {name: http, port: 80, nodePort: 30080}, {name: grpc, port: 90}, {name: dns, port: 53, protocol: UDP}]}}";

    fn asked(checks: &str, service: &str) -> Vec<String> {
        probed(checks, service).iter().map(ToString::to_string).collect()
    }

    fn probed(checks: &str, service: &str) -> Vec<Probe> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("service.yaml"), service).unwrap();
        let manifests = crate::suite::manifests::load(folder.path(), &["service.yaml".into()]).unwrap();
        let port = Port { name: "http".into(), node: 30080, host: HostPort::Auto };
        let checks = serde_saphyr::from_str(checks).unwrap();
        let component = Component { name: "api".into(), ports: vec![port], checks, ..Component::default() };
        let mut ports = PortMap::default();
        ports.insert(&component, "http", "127.0.0.1:41000".parse().unwrap());
        probes(&component, &manifests, &ports, Asked::FromHost, "shop")
    }

    #[test]
    fn every_port_is_asked_for_a_connection_where_no_check_asks_more() {
        assert_eq!(asked("[]", SERVICE), ["127.0.0.1:41000", "service/api:90"]);
        let checks = "[{port: http, path: /ready}, {service: 'api:90', path: /live}, {exec: [true]}]";
        let expected = ["GET http://127.0.0.1:41000/ready", "GET service/api:90/live", "`true`"];
        assert_eq!(asked(checks, SERVICE), expected);
    }

    #[rstest]
    #[case::nowhere("", "shop", "shop")]
    #[case::another("data", "data", "data")]
    fn checks_ask_in_the_namespace_of_the_component(
        #[case] namespace: &str,
        #[case] pods: &str,
        #[case] services: &str,
    ) {
        let declared = if namespace.is_empty() { String::new() } else { format!(", namespace: {namespace}") };
        let objects = [("Deployment", "db"), ("Service", "db")];
        let text: String = objects
            .iter()
            .map(|(kind, name)| {
                format!("---\n{{kind: {kind}, apiVersion: v1, metadata: {{name: {name}{declared}}}}}\n")
            })
            .collect();
        let checks = "[{exec: [true]}, {service: 'db:80'}, {service: 'other:80'}]";
        let asked: Vec<_> = probed(checks, &text).into_iter().filter_map(namespace_of).collect();
        // A Service that the component does not have is one of the suite's namespace.
        assert_eq!(asked, [pods, services, "shop"]);
    }

    fn namespace_of(probe: Probe) -> Option<String> {
        match probe {
            Probe::Exec { namespace, .. } | Probe::Tcp(Place::Service { namespace, .. }) => Some(namespace),
            _ => None,
        }
    }

    #[test]
    fn in_a_cluster_that_is_not_ours_ports_are_asked_through_the_api_server() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("service.yaml"), SERVICE).unwrap();
        let manifests = crate::suite::manifests::load(folder.path(), &["service.yaml".into()]).unwrap();
        let port = |name: &str, node| Port { name: name.into(), node, host: HostPort::Auto };
        let checks = serde_saphyr::from_str("[{port: http, path: /ready}, {port: other, path: /}]").unwrap();
        let ports = vec![port("http", 30080), port("other", 30090), port("more", 30091)];
        let component = Component { name: "api".into(), ports, checks, ..Component::default() };
        let mut guessed = PortMap::default();
        for (name, address) in [("http", "10.0.0.1:30080"), ("other", "10.0.0.1:30090"), ("more", "10.0.0.1:30091")] {
            guessed.insert(&component, name, address.parse().unwrap());
        }
        let asked = probes(&component, &manifests, &guessed, Asked::ThroughApi, "shop");
        let asked: Vec<_> = asked.iter().map(ToString::to_string).collect();
        let guesses = ["GET http://10.0.0.1:30090/", "10.0.0.1:30091"];
        let expected = ["GET service/api:80/ready", guesses[0], guesses[1], "service/api:80", "service/api:90"];
        assert_eq!(asked, expected, "what no Service in the manifests serves is asked at a node");
    }

    #[test]
    fn a_service_without_pods_of_its_own_is_not_asked() {
        let bare = "{apiVersion: v1, kind: Service, metadata: {name: api}, spec: {ports: [{port: 90}]}}";
        assert_eq!(asked("[]", bare), ["127.0.0.1:41000"]);
    }
}
