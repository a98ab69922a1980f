//! Existing clusters: used, never created, never deleted.

mod kubeconfig;
mod production;
pub(super) mod ways;

use std::net::{IpAddr, SocketAddr};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Namespace, Node as KubeNode};
use kube::api::{Api, ListParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::PartialObjectMeta;

use super::{ClusterError, InventoryFile, PortMap, Record, Records};
use crate::suite::config::ProviderKind;
use crate::suite::name::ClusterName;
use crate::suite::plan::Plan;

/// Begins the identity of a cluster that is the uid of a namespace other than `kube-system`.
const OF_NAMESPACE: &str = "namespace ";

/// A cluster named by a kubeconfig context.
#[derive(Debug, Clone)]
pub struct Existing {
    /// The context.
    pub context: String,
}

/// A client and a kubeconfig for the cluster that the context points to.
struct Reached {
    kubeconfig: Kubeconfig,
    client: kube::Client,
}

impl Existing {
    /// Returns the environment of an earlier run if the context still points to its cluster. Rewrites its kubeconfig,
    /// since credentials change.
    ///
    /// # Errors
    /// [`ClusterError::AnotherCluster`] when the context points to another cluster; nothing is changed then.
    pub async fn find(&self, plan: &Plan, name: &str, records: &Records) -> Result<Option<Record>, ClusterError> {
        let Some(record) = records.read()? else { return Ok(None) };
        // Without an inventory, no object is known to be ours.
        let Some(inventory) = InventoryFile::open(records)? else { return Ok(None) };
        let reached = self.reach(name).await?;
        let (client, known, namespace) = (&reached.client, inventory.content().cluster, &plan.suite().namespace);
        let (identity, ports) =
            tokio::join!(identity(client, name, namespace, Some(&known)), reached.ports(plan, name));
        if identity? != known {
            return Err(ClusterError::AnotherCluster { name: name.into(), context: self.context.clone() });
        }
        reached.publish(records)?;
        let (context, namespace) = (Some(self.context.clone()), plan.suite().namespace.clone());
        Ok(Some(Record { context, namespace, ports: ports?, ..record }))
    }

    /// Copies the context from the user's kubeconfig, and looks up the address at which node ports are reached.
    ///
    /// # Errors
    /// When there is no such context, or its API server does not list nodes.
    pub async fn attach(&self, plan: &Plan, name: &ClusterName, records: &Records) -> Result<Record, ClusterError> {
        let reached = self.reach(name).await?;
        let ports = reached.ports(plan, name).await?;
        reached.publish(records)?;
        Ok(Record {
            name: name.clone(),
            suite: plan.path().into(),
            namespace: plan.suite().namespace.clone(),
            provider: ProviderKind::Existing,
            context: Some(self.context.clone()),
            engine: None,
            nodes: Vec::new(),
            layers: None,
            images: None,
            ports,
            shape: String::new(),
            created: Timestamp::now(),
            lease: None,
            deployment: None,
        })
    }

    /// Returns why the cluster may be a production cluster; `None` if nothing indicates it.
    ///
    /// # Errors
    /// When the context cannot be used, or its API server fails for another reason than missing rights.
    pub async fn looks_like_production(&self, name: &str) -> Result<Option<String>, ClusterError> {
        if let Some(word) = production::word_in(&self.context) {
            return Ok(Some(format!("its name says {word}")));
        }
        let api: Api<Namespace> = Api::all(self.reach(name).await?.client);
        let namespaces = match api.list_metadata(&ListParams::default()).await {
            Ok(namespaces) => namespaces,
            // An account without cluster-wide rights cannot list namespaces; only the context's name is judged.
            Err(kube::Error::Api(status)) if status.code == 403 => return Ok(None),
            // Any other failure must not count as "not production".
            Err(error) => return Err(ClusterError::api(name, "does not list its namespaces")(error)),
        };
        let metadata: Vec<_> =
            namespaces.items.into_iter().map(|it: PartialObjectMeta<Namespace>| it.metadata).collect();
        Ok(production::judge(&metadata))
    }

    async fn reach(&self, name: &str) -> Result<Reached, ClusterError> {
        let unusable = |source| ClusterError::Kubeconfig { what: format!("context {}", self.context), source };
        let all = Kubeconfig::read().map_err(unusable)?;
        let here = std::env::current_dir().map_err(ClusterError::file("looking up the current folder"))?;
        let kubeconfig = kubeconfig::minified(all, &self.context, &here);
        let options = KubeConfigOptions { context: Some(self.context.clone()), ..KubeConfigOptions::default() };
        let config = kube::Config::from_custom_kubeconfig(kubeconfig.clone(), &options).await.map_err(unusable)?;
        let client = kube::Client::try_from(config).map_err(ClusterError::api(name, "cannot be addressed"))?;
        Ok(Reached { kubeconfig, client })
    }
}

impl Reached {
    fn publish(&self, records: &Records) -> Result<(), ClusterError> {
        let failed = || ClusterError::file("copying the context's kubeconfig");
        let copy = serde_json::to_string(&self.kubeconfig).map_err(std::io::Error::other);
        crate::host::folders::publish(&records.kubeconfig(), &copy.map_err(failed())?).map_err(failed())
    }

    /// Returns the address that each component's ports have on a node, as far as that is known before anything is applied.
    async fn ports(&self, plan: &Plan, name: &str) -> Result<PortMap, ClusterError> {
        let mut ports = PortMap::default();
        if plan.is_per_run() {
            return Ok(ports);
        }
        let nodes = match Api::<KubeNode>::all(self.client.clone()).list(&ListParams::default()).await {
            // An account of namespaces alone.
            Err(kube::Error::Api(status)) if status.code == 403 => return Ok(ports),
            nodes => nodes.map_err(ClusterError::api(name, "does not list its nodes"))?.items,
        };
        let Some(address) = nodes.iter().find_map(internal_address) else { return Ok(ports) };
        for component in plan.components() {
            for port in &component.ports {
                ports.insert(component, &port.name, SocketAddr::new(address, port.node));
            }
        }
        Ok(ports)
    }
}

/// Returns what identifies a cluster: the uid of its `kube-system` namespace. To an account that may not read that, it is
/// the uid of `namespace`, which another cluster's namespace of that name does not have. `known` is the identity to
/// compare with, which says what is asked.
///
/// # Errors
/// When the API server returns neither.
pub(crate) async fn identity(
    client: &kube::Client,
    name: &str,
    namespace: &str,
    known: Option<&str>,
) -> Result<String, ClusterError> {
    let api: Api<Namespace> = Api::all(client.clone());
    let of_namespace = async |namespace: &str| {
        let found = api.get_metadata_opt(namespace).await;
        let found = found.map_err(ClusterError::api(name, "does not show which cluster it is"))?;
        let uid = found.and_then(|found| found.metadata.uid).unwrap_or_default();
        Ok(format!("{OF_NAMESPACE}{namespace}/{uid}"))
    };
    if let Some((namespace, _)) = known.and_then(|known| known.strip_prefix(OF_NAMESPACE)?.split_once('/')) {
        return of_namespace(namespace).await;
    }
    let system = match api.get_metadata("kube-system").await {
        Err(kube::Error::Api(status)) if status.code == 403 && known.is_none() => return of_namespace(namespace).await,
        system => {
            system.map_err(ClusterError::api(name, "does not show which cluster it is (namespace kube-system)"))?
        }
    };
    let uid = system.metadata.uid.unwrap_or_default();
    // Clusters of one snapshot have the same namespace.
    let boot = system.metadata.annotations.and_then(|mut it| it.remove("kind-harness.dev/cluster-id"));
    Ok(boot.map_or_else(|| uid.clone(), |boot| format!("{uid}/{boot}")))
}

fn internal_address(node: &KubeNode) -> Option<IpAddr> {
    let addresses = node.status.as_ref()?.addresses.as_ref()?;
    addresses.iter().find(|address| address.type_ == "InternalIP")?.address.parse().ok()
}
