//! Clusters: the providers that create them, the records kept of them, and their removal.
//!
//! A cluster is identified by its node containers' ids, not by its name: a cluster that only has the same name is
//! refused, never reused and never deleted.

mod boot;
mod cache;
mod create;
mod existing;
mod inventory;
mod kind;
mod kind_config;
pub(crate) mod kinds;
mod labelled;
mod labels;
mod lease;
mod owned;
mod owner;
mod ownership;
mod ports;
mod provider;
mod record;
mod remains;
mod reset;
mod snapshot;

use std::fmt;
use std::path::PathBuf;

use kube::config::{KubeConfigOptions, Kubeconfig};
use thiserror::Error;

pub use cache::CacheRequest;
pub use existing::Existing;
pub(crate) use existing::identity;
pub(crate) use existing::ways::reach;
pub(crate) use inventory::is_marked;
pub use inventory::{InventoryFile, InventoryObject, ObjectInventory};
pub use kind::{Kind, node_images};
pub use labelled::{Labelled, labelled};
pub use lease::{Claim, Expiry, Lease};
pub use owned::Owned;
pub use owner::{Owner, Presence};
pub use ownership::{Adopted, Ownership, Target};
pub use ports::PortMap;
pub use provider::{CreateRequest, Provider};
pub use record::{Deployment, Node, Record, Records};

use crate::host::credentials::LoginError;
use crate::host::exec::ExecError;
use crate::images::Nodes;
use crate::suite::config::{Load, ProviderKind};
use crate::suite::plan::Plan;

/// A cluster with a reachable API server.
#[derive(Clone)]
pub struct Cluster {
    /// The record kept for later runs.
    pub record: Record,
    /// Its kubeconfig file.
    pub kubeconfig: PathBuf,
    /// Client configuration for its API server.
    pub config: kube::Config,
    /// Client for its API server.
    pub client: kube::Client,
    /// Its node containers; `None` when images cannot be loaded into it because it was not created here.
    pub nodes: Option<Nodes>,
}

/// Prints only the name and the kubeconfig path, to leave out clients and credentials.
impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.record.name;
        f.debug_struct("Cluster").field("name", name).field("kubeconfig", &self.kubeconfig).finish_non_exhaustive()
    }
}

/// Errors of finding, creating, using and removing clusters.
#[derive(Debug, Error)]
pub enum ClusterError {
    /// A cluster of this name exists and was not created by this user's harness.
    #[error(
        "a cluster named {name} exists and is not ours (nodes: {nodes}); it is left alone. \
         Choose another name with `--name`, or remove it with `kind delete cluster --name {name}`"
    )]
    NotOurs {
        /// The name.
        name: String,
        /// Its node containers.
        nodes: String,
    },
    /// Another run holds the cluster's lock.
    #[error(
        "another run of kind-harness is working on cluster {name}; wait for it, or choose another name with `--name`"
    )]
    Busy {
        /// The name.
        name: String,
    },
    /// No cluster of this name exists.
    #[error("there is no cluster {name}; `kind-harness up` makes it")]
    Missing {
        /// The name.
        name: String,
    },
    /// A requested host port is in use.
    #[error(
        "host port {port} (component {component}, port {name}) is taken by {holder}; free it, or use `--auto-ports`"
    )]
    PortTaken {
        /// The port.
        port: u16,
        /// The component that declares the port.
        component: String,
        /// The port's name.
        name: String,
        /// The process that listens on it.
        holder: String,
    },
    /// No free host port is left.
    #[error("no free port on 127.0.0.1 for component {component}, port {name}")]
    NoPort {
        /// The component that declares the port.
        component: String,
        /// The port's name.
        name: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// kind or the container engine failed.
    #[error("{what} failed")]
    Command {
        /// The operation that failed.
        what: String,
        /// The command and its last output.
        #[source]
        source: ExecError,
    },
    /// A file of the harness cannot be read or written.
    #[error("{what} failed")]
    File {
        /// The operation that failed.
        what: String,
        /// The cause; names the path.
        #[source]
        source: std::io::Error,
    },
    /// kind's configuration file is invalid.
    #[error("{path} is not a kind configuration: {why}")]
    KindConfig {
        /// The file.
        path: String,
        /// The reason.
        why: String,
    },
    /// The suite asks for a boot from a snapshot, which is not possible.
    #[error("`cluster.boot: snapshot` is not possible: {why}; `boot: auto` boots from one where it is")]
    NoSnapshot {
        /// The reason.
        why: &'static str,
    },
    /// The login for a registry cannot be read.
    #[error("the nodes cannot use the host's login")]
    Login {
        /// The cause.
        #[source]
        source: Box<LoginError>,
    },
    /// The cluster cannot be reset.
    #[error("cluster {name} was not reset: {why}; `kind-harness down` and `kind-harness up` make it anew")]
    NoReset {
        /// The cluster.
        name: String,
        /// The reason.
        why: &'static str,
    },
    /// The suite asks for the engine's layers to be mounted, which is not possible.
    #[error("`cluster.load: mount` is not possible: {why}; `load: auto` copies images where it is not")]
    NotMounted {
        /// The reason.
        why: String,
    },
    /// A kubeconfig file or context cannot be used.
    #[error("cannot use {what}")]
    Kubeconfig {
        /// The file or the context.
        what: String,
        /// The cause.
        #[source]
        source: kube::config::KubeconfigError,
    },
    /// The context now points to another cluster.
    #[error(
        "context {context} leads to another cluster than the one that environment {name} was deployed into; nothing was \
         changed. `kind-harness down` takes the environment out of the earlier cluster, by the kubeconfig that was kept of it"
    )]
    AnotherCluster {
        /// The environment.
        name: String,
        /// The context.
        context: String,
    },
    /// The suite's provider changed while an environment of the previous one exists.
    #[error(
        "environment {name} was made with `provider: {was}`, and the suite says `provider: {now}`; \
         remove it with `kind-harness down` first"
    )]
    OtherProvider {
        /// The environment.
        name: String,
        /// The provider that made it.
        was: &'static str,
        /// The provider that the suite requests now.
        now: &'static str,
    },
    /// The API server does not answer.
    #[error("the API server of environment {name} does not answer")]
    Silent {
        /// The environment.
        name: String,
    },
    /// Objects of the environment remain in an existing cluster.
    #[error("not everything of environment {name} was taken out of its cluster")]
    NotTakenOut {
        /// The environment.
        name: String,
        /// The remaining objects, and the cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The API server is unreachable, or denied a request.
    #[error("the API server of cluster {name} {what}")]
    Api {
        /// The cluster.
        name: String,
        /// The failure, as the end of a sentence.
        what: &'static str,
        /// The cause.
        #[source]
        source: Box<kube::Error>,
    },
}

impl ClusterError {
    fn file(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> ClusterError {
        move |source| ClusterError::File { what: what.into(), source }
    }

    fn command(what: impl Into<String>) -> impl FnOnce(ExecError) -> ClusterError {
        move |source| ClusterError::Command { what: what.into(), source }
    }

    fn api(name: &str, what: &'static str) -> impl FnOnce(kube::Error) -> ClusterError {
        move |source| ClusterError::Api { name: name.to_owned(), what, source: Box::new(source) }
    }
}

impl Cluster {
    /// Returns the cluster described by `record`.
    ///
    /// # Errors
    /// When its kubeconfig cannot be used. No request is sent yet.
    pub async fn attach(record: Record, kubeconfig: PathBuf) -> Result<Cluster, ClusterError> {
        let unusable = |source| ClusterError::Kubeconfig { what: kubeconfig.display().to_string(), source };
        let parsed = Kubeconfig::read_from(&kubeconfig).map_err(unusable)?;
        let options = KubeConfigOptions { context: record.context.clone(), ..KubeConfigOptions::default() };
        let config = kube::Config::from_custom_kubeconfig(parsed, &options).await.map_err(unusable)?;
        // Retries are decided by this crate: the client's own would go on for minutes without a message.
        let mut strict = config.clone();
        strict.default_retry = false;
        let client = kube::Client::try_from(strict).map_err(ClusterError::api(&record.name, "cannot be addressed"))?;
        let nodes = match (&record.engine, record.provider) {
            (Some(engine), ProviderKind::Kind) => {
                let folder = kubeconfig.parent().map(PathBuf::from).unwrap_or_default();
                Some(kind::nodes_of(&record, engine, &record.nodes, folder))
            }
            _ => None,
        };
        Ok(Cluster { record, kubeconfig, config, client, nodes })
    }
}

/// Returns what is fixed once a cluster is created: kind's configuration, the port mappings, how images come in, the
/// version of Kubernetes, and whether there is a cache.
fn shape(plan: &Plan) -> Result<String, ClusterError> {
    let ports = plan.components().flat_map(|component| &component.ports).map(|port| (port.node, port.host));
    let ports = serde_json::to_value(ports.collect::<Vec<_>>()).unwrap_or_default();
    let load = match plan.suite().cluster.load {
        Load::Auto => "",
        Load::Mount => " mount",
        Load::Copy => " copy",
    };
    let version = plan.suite().cluster.kubernetes.as_deref().map(|version| format!(" kubernetes {version}"));
    let cache = if plan.suite().cluster.cache { " cache" } else { "" };
    Ok(format!("{} {ports}{load}{}{cache}", kind::read_config(plan)?, version.unwrap_or_default()))
}
