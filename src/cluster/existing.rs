//! Clusters that are already there: used, never created, never deleted.

use std::net::{IpAddr, SocketAddr};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Node as KubeNode;
use kube::api::{Api, ListParams};
use kube::config::{KubeConfigOptions, Kubeconfig};

use super::{ClusterError, PortMap, Record, Records};
use crate::config::ProviderKind;
use crate::plan::{ClusterName, Plan};

/// A cluster named by a kubeconfig context.
#[derive(Debug, Clone)]
pub struct Existing {
    /// The context.
    pub context: String,
}

impl Existing {
    /// Takes a copy of what the user's kubeconfig says of the context, and finds out where node ports are reached.
    ///
    /// # Errors
    /// When there is no such context, or its API server does not list nodes.
    pub async fn attach(&self, plan: &Plan, name: &ClusterName, records: &Records) -> Result<Record, ClusterError> {
        let unusable = |source| ClusterError::Kubeconfig { what: format!("context {}", self.context), source };
        let kubeconfig = Kubeconfig::read().map_err(unusable)?;
        let options = KubeConfigOptions { context: Some(self.context.clone()), ..KubeConfigOptions::default() };
        let config = kube::Config::from_custom_kubeconfig(kubeconfig.clone(), &options).await.map_err(unusable)?;
        let client = kube::Client::try_from(config).map_err(ClusterError::api(name, "cannot be addressed"))?;
        let nodes = Api::<KubeNode>::all(client).list(&ListParams::default()).await;
        let nodes = nodes.map_err(ClusterError::api(name, "does not list its nodes"))?.items;
        let address = nodes.iter().find_map(internal_address);

        let copy = serde_json::to_string(&kubeconfig).map_err(std::io::Error::other);
        let failed = || ClusterError::file("copying the context's kubeconfig");
        crate::folders::publish(&records.kubeconfig(), &copy.map_err(failed())?).map_err(failed())?;
        let mut ports = PortMap::default();
        for component in plan.components() {
            for port in &component.ports {
                if let Some(address) = address {
                    ports.insert(component, &port.name, SocketAddr::new(address, port.node));
                }
            }
        }
        Ok(Record {
            name: name.clone(),
            suite: plan.path().into(),
            namespace: plan.suite().namespace.clone(),
            provider: ProviderKind::Existing,
            context: Some(self.context.clone()),
            engine: None,
            nodes: Vec::new(),
            ports,
            shape: String::new(),
            created: Timestamp::now(),
            lease: None,
            deployment: None,
        })
    }
}

fn internal_address(node: &KubeNode) -> Option<IpAddr> {
    let addresses = node.status.as_ref()?.addresses.as_ref()?;
    addresses.iter().find(|address| address.type_ == "InternalIP")?.address.parse().ok()
}
