//! Clusters: who makes them, what we remember of them, how they are taken away again.
//!
//! A cluster of ours is known by the identity of its node containers, not by its name: a cluster that merely bears the
//! name is refused, never reused and never deleted.

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

use std::fmt;
use std::path::PathBuf;

use kube::config::{KubeConfigOptions, Kubeconfig};
use thiserror::Error;

pub use existing::Existing;
pub(crate) use existing::identity;
pub(crate) use inventory::is_marked;
pub use inventory::{InventoryFile, InventoryObject, ObjectInventory};
pub use kind::Kind;
pub use labelled::{Labelled, labelled};
pub use lease::{Claim, Expiry, Lease};
pub use owned::Owned;
pub use owner::{Owner, Presence};
pub use ownership::{Adopted, Ownership, Target};
pub use ports::PortMap;
pub use provider::{CreateRequest, Provider};
pub use record::{Deployment, Node, Record, Records};

use crate::host::exec::ExecError;
use crate::images::Nodes;
use crate::suite::config::ProviderKind;
use crate::suite::plan::Plan;

/// A cluster that answers.
#[derive(Clone)]
pub struct Cluster {
    /// What we remember of it, and what a later run finds.
    pub record: Record,
    /// Its kubeconfig file.
    pub kubeconfig: PathBuf,
    /// How its API server is addressed.
    pub config: kube::Config,
    /// Talks to its API server.
    pub client: kube::Client,
    /// Its node containers; none when the cluster is not ours to load images into.
    pub nodes: Option<Nodes>,
}

/// Its name and kubeconfig; clients and credentials are left out.
impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.record.name;
        f.debug_struct("Cluster").field("name", name).field("kubeconfig", &self.kubeconfig).finish_non_exhaustive()
    }
}

/// Why there is no cluster.
#[derive(Debug, Error)]
pub enum ClusterError {
    /// Another cluster bears the name.
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
    /// Another run works on the cluster.
    #[error(
        "another run of kind-harness is working on cluster {name}; wait for it, or choose another name with `--name`"
    )]
    Busy {
        /// The name.
        name: String,
    },
    /// There is none to work on.
    #[error("there is no cluster {name}; `kind-harness up` makes it")]
    Missing {
        /// The name.
        name: String,
    },
    /// A host port cannot be had.
    #[error(
        "host port {port} (component {component}, port {name}) is taken by {holder}; free it, or use `--auto-ports`"
    )]
    PortTaken {
        /// The port.
        port: u16,
        /// Whose port it is.
        component: String,
        /// The port's name.
        name: String,
        /// The process that listens on it.
        holder: String,
    },
    /// No port of the host is free.
    #[error("no free port on 127.0.0.1 for component {component}, port {name}")]
    NoPort {
        /// Whose port it is.
        component: String,
        /// The port's name.
        name: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// kind or the engine failed.
    #[error("{what} failed")]
    Command {
        /// What was being done.
        what: String,
        /// The command and its last output.
        #[source]
        source: ExecError,
    },
    /// A file of ours cannot be read or written.
    #[error("{what} failed")]
    File {
        /// What was being done.
        what: String,
        /// Why; names the path.
        #[source]
        source: std::io::Error,
    },
    /// kind's configuration file is not one.
    #[error("{path} is not a kind configuration: {why}")]
    KindConfig {
        /// The file.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// A kubeconfig file or context cannot be used.
    #[error("cannot use {what}")]
    Kubeconfig {
        /// The file or the context.
        what: String,
        /// Why.
        #[source]
        source: kube::config::KubeconfigError,
    },
    /// The context leads elsewhere than before.
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
    /// The suite's provider was changed while an environment of the former one is there.
    #[error(
        "environment {name} was made with `provider: {was}`, and the suite says `provider: {now}`; \
         remove it with `kind-harness down` first"
    )]
    OtherProvider {
        /// The environment.
        name: String,
        /// The provider that made it.
        was: &'static str,
        /// The suite's.
        now: &'static str,
    },
    /// The API server does not answer.
    #[error("the API server of environment {name} does not answer")]
    Silent {
        /// The environment.
        name: String,
    },
    /// What was put into a cluster that is not ours is still there.
    #[error("not everything of environment {name} was taken out of its cluster")]
    NotTakenOut {
        /// The environment.
        name: String,
        /// What remains, and why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The API server does not answer, or refuses us.
    #[error("the API server of cluster {name} {what}")]
    Api {
        /// The cluster.
        name: String,
        /// What it did not do.
        what: &'static str,
        /// Why.
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
    /// The cluster that `record` remembers.
    ///
    /// # Errors
    /// When its kubeconfig cannot be used. Nothing is asked of the API server yet.
    pub async fn attach(record: Record, kubeconfig: PathBuf) -> Result<Cluster, ClusterError> {
        let unusable = |source| ClusterError::Kubeconfig { what: kubeconfig.display().to_string(), source };
        let parsed = Kubeconfig::read_from(&kubeconfig).map_err(unusable)?;
        let options = KubeConfigOptions { context: record.context.clone(), ..KubeConfigOptions::default() };
        let config = kube::Config::from_custom_kubeconfig(parsed, &options).await.map_err(unusable)?;
        // What the API server says is for us to judge: by itself the client would try again for minutes, and say nothing.
        let mut strict = config.clone();
        strict.default_retry = false;
        let client = kube::Client::try_from(strict).map_err(ClusterError::api(&record.name, "cannot be addressed"))?;
        let nodes = match (&record.engine, record.provider) {
            (Some(engine), ProviderKind::Kind) => Some(Nodes {
                engine: engine.clone(),
                names: record.nodes.iter().map(|node| node.name.clone()).collect(),
                folder: kubeconfig.parent().map(PathBuf::from).unwrap_or_default(),
            }),
            _ => None,
        };
        Ok(Cluster { record, kubeconfig, config, client, nodes })
    }
}

/// What cannot be changed about a cluster once it is there: kind's configuration, and the port mappings.
fn shape(plan: &Plan) -> Result<String, ClusterError> {
    let ports = plan.components().flat_map(|component| &component.ports).map(|port| (port.node, port.host));
    let ports = serde_json::to_value(ports.collect::<Vec<_>>()).unwrap_or_default();
    Ok(format!("{} {ports}", kind::read_config(plan)?))
}
