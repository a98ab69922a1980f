//! Errors of a test's operations on an environment.

use thiserror::Error;

use super::NamespaceError;
use crate::deploy::ApplyError;
use crate::host::exec::ExecError;
use crate::readiness::NotReady;
use crate::run::session::UpError;
use crate::suite::manifests::ManifestError;

/// Why an operation of a test on an environment failed.
#[derive(Debug, Error)]
pub enum EnvironmentError {
    /// There is no such component.
    #[error("the environment has no component {component}; it has {known}")]
    Unknown {
        /// The name.
        component: String,
        /// The components of the environment.
        known: String,
    },
    /// No pod of the component is ready.
    #[error("no pod of component {component} is ready")]
    NoPod {
        /// The component.
        component: String,
    },
    /// The component has no workload that supports the operation.
    #[error("component {component} has no {kinds}")]
    NoWorkload {
        /// The component.
        component: String,
        /// The kinds that support it.
        kinds: &'static str,
    },
    /// A command could not be run to completion.
    #[error("the command could not be run in pod {pod}: {why}")]
    NotRun {
        /// The pod.
        pod: String,
        /// The kubelet's message.
        why: String,
    },
    /// A file of the environment cannot be read or written.
    #[error("a file of the environment cannot be used")]
    File(#[source] std::io::Error),
    /// The API server answered a request for a token without one.
    #[error("the API server made no token for service account {account}")]
    NoToken {
        /// The account.
        account: String,
    },
    /// No webhook is answered by the Service.
    #[error("no webhook of the cluster is answered by service {service}")]
    NoWebhook {
        /// The Service, with its namespace.
        service: String,
    },
    /// The process that has webhooks answered by their Service again, if this one is killed, cannot be started.
    #[cfg(feature = "webhook")]
    #[error("nothing would put the webhooks back if this process was killed")]
    Guard(#[source] crate::teardown::ReaperError),
    /// The cluster's nodes are not containers of this host.
    #[error("the cluster was not created here, so it may have no way to this host")]
    NotOurCluster,
    /// The engine does not tell how its containers reach this host.
    #[error("the network of the nodes has no address of this host; a rootless engine has none")]
    NoGateway,
    /// The engine does not answer.
    #[error("the engine does not tell how its containers reach this host")]
    Engine(#[source] ExecError),
    /// No local port is available for a forward.
    #[error("no port of 127.0.0.1 can be had")]
    Port(#[source] std::io::Error),
    /// The API server is unreachable, or denied a request.
    #[error("the API server does not let us {what}")]
    Api {
        /// The request.
        what: String,
        /// The cause.
        #[source]
        source: Box<kube::Error>,
    },
    /// The component did not become ready again.
    #[error(transparent)]
    NotReady(#[from] Box<NotReady>),
    /// The manifests of the suite cannot be read any more.
    #[error("the manifests cannot be read")]
    Manifests(#[source] Box<ManifestError>),
    /// An object of a component's copy is denied.
    #[error(transparent)]
    Apply(#[from] Box<ApplyError>),
    /// A component has objects in a namespace of its own, which a copy would share.
    #[error("component {component} cannot be copied: its {object} has a namespace of its own")]
    Elsewhere {
        /// The component.
        component: String,
        /// The object, with its namespace.
        object: String,
    },
    /// The test does not hold the whole environment for itself.
    #[error(transparent)]
    Shared(#[from] Box<NamespaceError>),
    /// The cluster could not be reset, or its components did not become ready again.
    #[error("the environment was not reset")]
    Reset(#[source] Box<UpError>),
    /// Old pods still exist.
    #[error("pods of component {component} were still on their way out at the deadline")]
    StillGoing {
        /// The component.
        component: String,
    },
}

impl EnvironmentError {
    pub(super) fn api(what: impl Into<String>) -> impl FnOnce(kube::Error) -> EnvironmentError {
        move |source| EnvironmentError::Api { what: what.into(), source: Box::new(source) }
    }
}
