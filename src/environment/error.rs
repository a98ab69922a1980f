//! What can go wrong with what tests do to an environment.

use thiserror::Error;

use crate::readiness::NotReady;

/// Why an environment does not do what a test asks of it.
#[derive(Debug, Error)]
pub enum EnvironmentError {
    /// It has no such component.
    #[error("the environment has no component {component}; it has {known}")]
    Unknown {
        /// The name.
        component: String,
        /// Those that it has.
        known: String,
    },
    /// No pod of the component is ready.
    #[error("no pod of component {component} is ready")]
    NoPod {
        /// The component.
        component: String,
    },
    /// The component has nothing that this can be done with.
    #[error("component {component} has no {kinds}")]
    NoWorkload {
        /// The component.
        component: String,
        /// What it would need.
        kinds: &'static str,
    },
    /// A command could not be run to its end.
    #[error("the command could not be run in pod {pod}: {why}")]
    NotRun {
        /// The pod.
        pod: String,
        /// What the kubelet says.
        why: String,
    },
    /// This host has no port for a forward.
    #[error("no port of 127.0.0.1 can be had")]
    Port(#[source] std::io::Error),
    /// The API server refuses, or does not answer.
    #[error("the API server does not let us {what}")]
    Api {
        /// What was asked of it.
        what: String,
        /// Why.
        #[source]
        source: Box<kube::Error>,
    },
    /// The component did not become ready again.
    #[error(transparent)]
    NotReady(#[from] Box<NotReady>),
    /// Pods of before are still there.
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
