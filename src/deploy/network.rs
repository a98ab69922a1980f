//! The network inside the cluster, for what does not try again: tasks, and components that are held back until another
//! one is ready.
//!
//! A pod is ready some time before the addresses of its Services lead to it, and a new cluster answers requests before
//! it resolves names. Components that wait for each other by themselves do not notice.

use std::time::Duration;

use backon::Retryable;
use futures::future::join_all;
use k8s_openapi::api::core::v1::Service;
use kube::api::Api;
use tokio::time::{Instant, timeout_at};

use super::webhooks::UNTIL;
use super::{Applier, Deployer, Shared};
use crate::images::Nodes;
use crate::readiness::{self, ObjectRef};

/// How long an address may take to be connected to, from a node.
const CONNECT: Duration = Duration::from_secs(1);

/// The names of a cluster that kind has created are resolved by this Deployment.
fn resolver() -> ObjectRef {
    ObjectRef {
        api_version: "apps/v1".into(),
        kind: "Deployment".into(),
        namespace: Some("kube-system".into()),
        name: "coredns".into(),
    }
}

impl Deployer {
    /// Waits until names are resolved in a cluster of ours. What is wrong otherwise is told by whoever needs a name.
    pub(super) async fn names_are_resolved(&self, applier: &Applier, shared: &Shared) {
        if self.context.nodes.is_some() {
            let wait = || async { drop(readiness::wait_for(applier.client(), [resolver()], self.deadline()).await) };
            shared.resolved.get_or_init(wait).await;
        }
    }

    /// Waits until the addresses of the Services among `objects` lead to their pods, as the nodes see it.
    pub(super) async fn services_are_reached(&self, objects: &[ObjectRef], applier: &Applier) {
        if let Some(nodes) = &self.context.nodes {
            let namespace = applier.default_namespace();
            services_are_reached(nodes, applier.client(), namespace, objects.iter(), self.deadline()).await;
        }
    }
}

/// Waits until the addresses of the Services among `objects` lead to their pods, as the nodes see it; objects that name
/// no namespace are in `namespace`. At the deadline, whoever connects tells what is wrong.
pub(crate) async fn services_are_reached<'a>(
    nodes: &Nodes,
    client: &kube::Client,
    namespace: &str,
    objects: impl Iterator<Item = &'a ObjectRef>,
    deadline: Instant,
) {
    let services = objects.filter(|object| object.kind == "Service");
    let each = services.map(|service| {
        let namespace = service.namespace.as_deref().unwrap_or(namespace);
        is_reached(nodes, Api::namespaced(client.clone(), namespace), &service.name)
    });
    let _ = timeout_at(deadline, join_all(each)).await;
}

async fn is_reached(nodes: &Nodes, services: Api<Service>, name: &str) {
    let Ok(Some(Service { spec: Some(spec), .. })) = services.get_opt(name).await else { return };
    let address = spec.cluster_ip.filter(|address| address != "None" && !address.is_empty());
    let ports = spec.ports.iter().flatten().filter(|port| port.protocol.as_deref().unwrap_or("TCP") == "TCP");
    let connects: Vec<String> =
        ports.filter_map(|port| Some(format!("</dev/tcp/{}/{}", address.as_ref()?, port.port))).collect();
    // Without a selector nobody has to be behind it.
    if connects.is_empty() || spec.selector.is_none_or(|selector| selector.is_empty()) {
        return;
    }
    let script = connects.join(" && ");
    let on_node = |node: &String| {
        let command = nodes.engine.command(["exec", node, "bash", "-c", &script]).deadline(CONNECT);
        async move {
            let connect = || async { command.succeeds().await.unwrap_or(false).then_some(()).ok_or(()) };
            connect.retry(UNTIL).await
        }
    };
    join_all(nodes.names.iter().map(on_node)).await;
}
