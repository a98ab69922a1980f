//! How ports of components are reached in a cluster that is not ours: by whatever answers.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use futures::future::join_all;
use k8s_openapi::api::core::v1::{Node, Service, ServiceSpec};
use k8s_openapi::api::networking::v1::{HTTPIngressPath, Ingress, IngressBackend};
use kube::api::{Api, ListParams};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use crate::suite::manifests::ServiceOfPort;

/// How long an address may take to accept a connection.
const ANSWERS: Duration = Duration::from_secs(2);

/// How many nodes are tried. Each forwards every node port.
const NODES: usize = 3;

/// The port of an Ingress without TLS.
const HTTP: u16 = 80;

/// How a port is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// By the port of a node.
    NodePort,
    /// By a load balancer.
    LoadBalancer,
    /// By an Ingress for all hosts and paths.
    Ingress,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Way::NodePort => "node port",
            Way::LoadBalancer => "load balancer",
            Way::Ingress => "Ingress",
        })
    }
}

/// Returns the first address of a Service's port that accepts connections from this host, and which it is; if no Service
/// is known, that of `node`, a port of nodes. What the account may not read is no way.
pub(crate) async fn reach(
    client: &kube::Client,
    target: Option<&ServiceOfPort>,
    node: u16,
) -> Option<(Way, SocketAddr)> {
    let on_nodes = |nodes: Vec<String>, port| nodes.into_iter().map(move |node| (Way::NodePort, node, port));
    let mut places: Vec<(Way, String, u16)> = Vec::new();
    if let Some(target) = target {
        let services: Api<Service> = Api::namespaced(client.clone(), &target.namespace);
        let (service, nodes, ingresses) =
            tokio::join!(services.get_opt(&target.name), nodes(client), ingresses(client, target));
        let service = service.ok().flatten()?;
        let node_port = service.spec.as_ref().and_then(|spec| node_port(spec, target.port));
        places.extend(node_port.into_iter().flat_map(|port| on_nodes(nodes.clone(), port)));
        places.extend(balanced(&service).map(|host| (Way::LoadBalancer, host, target.port)));
        places.extend(ingresses.into_iter().map(|host| (Way::Ingress, host, HTTP)));
    } else {
        places.extend(on_nodes(nodes(client).await, node));
    }
    let asked = places.into_iter().map(|(way, host, port)| async move { Some((way, answering(&host, port).await?)) });
    join_all(asked).await.into_iter().flatten().next()
}

fn node_port(spec: &ServiceSpec, port: u16) -> Option<u16> {
    let port = spec.ports.iter().flatten().find(|it| it.port == i32::from(port))?;
    port.node_port.and_then(|node| u16::try_from(node).ok())
}

fn balanced(service: &Service) -> impl Iterator<Item = String> {
    let status = service.status.as_ref().and_then(|status| status.load_balancer.as_ref());
    let hosts = status.and_then(|it| it.ingress.as_ref()).into_iter().flatten();
    hosts.filter_map(|it| it.ip.clone().or_else(|| it.hostname.clone())).collect::<Vec<_>>().into_iter()
}

/// Returns the address at which `host` accepts connections to `port`.
async fn answering(host: &str, port: u16) -> Option<SocketAddr> {
    let connect = async {
        for address in lookup_host((host, port)).await.ok()? {
            if TcpStream::connect(address).await.is_ok() {
                return Some(address);
            }
        }
        None
    };
    timeout(ANSWERS, connect).await.ok().flatten()
}

/// Returns the addresses of some nodes, those outside of the cluster first.
async fn nodes(client: &kube::Client) -> Vec<String> {
    let nodes = Api::<Node>::all(client.clone()).list(&ListParams::default()).await;
    let nodes = nodes.map(|nodes| nodes.items).unwrap_or_default();
    let addresses = |type_: &'static str| {
        let all = nodes.iter().filter_map(|node| node.status.as_ref()?.addresses.as_ref());
        let own = all.filter_map(move |all| all.iter().find(|address| address.type_ == type_));
        own.map(|address| address.address.clone()).take(NODES).collect::<Vec<_>>()
    };
    [addresses("ExternalIP"), addresses("InternalIP")].concat()
}

/// Returns the addresses of Ingresses that lead every host's requests to the Service. Requests to others need a host's
/// name, which an address does not have.
async fn ingresses(client: &kube::Client, target: &ServiceOfPort) -> Vec<String> {
    let all = Api::<Ingress>::namespaced(client.clone(), &target.namespace).list(&ListParams::default()).await;
    let all = all.map(|all| all.items).unwrap_or_default().into_iter().filter(|ingress| leads_to(ingress, target));
    let statuses = all.filter_map(|ingress| ingress.status?.load_balancer?.ingress);
    statuses.flatten().filter_map(|it| it.ip.or(it.hostname)).collect()
}

fn leads_to(ingress: &Ingress, target: &ServiceOfPort) -> bool {
    let is_it = |backend: &IngressBackend| {
        let Some(service) = &backend.service else { return false };
        let number = service.port.as_ref().and_then(|port| port.number);
        service.name == target.name && number.is_none_or(|number| number == i32::from(target.port))
    };
    let Some(spec) = &ingress.spec else { return false };
    let for_all = spec.rules.iter().flatten().filter(|rule| rule.host.as_ref().is_none_or(String::is_empty));
    let paths = for_all.filter_map(|rule| rule.http.as_ref()).flat_map(|http| &http.paths);
    let is_root = |path: &&HTTPIngressPath| path.path.as_deref().is_none_or(|path| path == "/");
    spec.default_backend.as_ref().is_some_and(is_it) || paths.filter(is_root).any(|path| is_it(&path.backend))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn target() -> ServiceOfPort {
        ServiceOfPort { namespace: "shop".into(), name: "api".into(), port: 80 }
    }

    fn backend() -> Value {
        json!({"service": {"name": "api", "port": {"number": 80}}})
    }

    #[rstest]
    #[case::default(json!({"defaultBackend": backend()}), true)]
    #[case::every_host(json!({"rules": [{"http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend()}]}}]}), true)]
    #[case::one_host(json!({"rules": [{"host": "a.example", "http": {"paths": [{"pathType": "Prefix", "backend": backend()}]}}]}), false)]
    #[case::one_path(json!({"rules": [{"http": {"paths": [{"path": "/api", "pathType": "Prefix", "backend": backend()}]}}]}), false)]
    #[case::other(json!({"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}}), false)]
    fn an_ingress_leads_there_if_it_does_for_every_request(#[case] spec: Value, #[case] leads: bool) {
        let ingress: Ingress = serde_json::from_value(json!({"metadata": {"name": "a"}, "spec": spec})).unwrap();
        assert_eq!(leads_to(&ingress, &target()), leads);
    }

    #[tokio::test]
    async fn what_answers_is_chosen_before_what_does_not() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let open = listener.local_addr().unwrap();
        let server = fake_api::Server::default();
        server.put(json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}, "status": {"addresses":
            [{"type": "InternalIP", "address": "127.0.0.1"}]}}));
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let service = |node: u16, port: u16| {
            json!({"apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "api", "namespace": "shop"},
            "spec": {"ports": [{"port": port, "nodePort": node}]},
            "status": {"loadBalancer": {"ingress": [{"ip": "127.0.0.1"}]}}})
        };
        let reached = async |node, port| {
            server.put(service(node, port));
            reach(&server.client(), Some(&ServiceOfPort { port, ..target() }), 30080).await
        };
        assert_eq!(reached(open.port(), 80).await, Some((Way::NodePort, open)));
        assert_eq!(reached(closed, open.port()).await, Some((Way::LoadBalancer, open)));
        assert_eq!(
            reach(&server.client(), None, open.port()).await,
            Some((Way::NodePort, open)),
            "of an operator's Service"
        );
        server.forbid("nodes");
        assert_eq!(reached(open.port(), closed).await, None, "a node that may not be listed");
    }
}
