//! Errors of deployments.

use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use crate::host::exec::ExecError;
use crate::host::resilience::{Hung, Open};
use crate::images::ImageError;
use crate::readiness::{NotReady, ObjectRef};

/// An object that the API server rejects.
#[derive(Debug, Error)]
#[error("{place}: {object} {what}")]
pub struct ApplyError {
    /// File and line of its manifest.
    pub place: String,
    /// The object.
    pub object: ObjectRef,
    /// The failure, with the API server's message.
    pub what: String,
    /// The cause, if it is not part of `what`.
    #[source]
    pub source: Option<Box<kube::Error>>,
}

/// Why a component was not deployed.
#[derive(Debug, Error)]
pub enum ComponentError {
    /// An image could not be loaded into the nodes.
    #[error(transparent)]
    Images(Arc<ImageError>),
    /// One of its objects could not be applied.
    #[error(transparent)]
    Apply(Arc<ApplyError>),
    /// A component that it needs failed.
    #[error("it needs {need}, which could not be deployed")]
    Needed {
        /// The needed component.
        need: String,
    },
    /// A program that runs before or after it failed.
    #[error("a command of it failed")]
    Command(#[source] Arc<ExecError>),
    /// Objects that run to their end before or after it failed.
    #[error("{name} did not end well")]
    Task {
        /// The task.
        name: String,
        /// The cause.
        #[source]
        source: Box<NotReady>,
    },
    /// It did not become ready, and something waits for it.
    #[error(transparent)]
    NotReady(Box<NotReady>),
    /// A bug in the harness.
    #[error("the deployment ended unexpectedly: {0}")]
    Panicked(String),
}

impl ComponentError {
    /// Returns whether it failed before any request to the API server.
    #[must_use]
    pub fn is_about_images(&self) -> bool {
        matches!(self, ComponentError::Images(_))
    }
}

/// Every component that was not deployed.
#[derive(Debug, Error)]
pub struct DeployError {
    /// The components and their errors.
    pub failed: Vec<(String, ComponentError)>,
    /// How many components were to be deployed.
    pub of: usize,
}

impl fmt::Display for DeployError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} components could not be deployed", self.failed.len(), self.of)?;
        for (component, error) in &self.failed {
            write!(f, "\n  {component}: {error}")?;
            let mut cause = std::error::Error::source(error);
            while let Some(source) = cause {
                write!(f, ": {source}")?;
                cause = source.source();
            }
        }
        Ok(())
    }
}

/// Returns the error of an object that was not applied.
pub(super) fn refusal(place: String, object: ObjectRef, error: kube::Error) -> ApplyError {
    let unknown = format!("is of a kind that the cluster does not serve: {} {}", object.api_version, object.kind);
    match error {
        kube::Error::Discovery(_) => ApplyError { place, what: unknown, object, source: None },
        // The API group's path does not exist, as opposed to the namespace of an object.
        kube::Error::Api(status) if status.code == 404 && status.details.as_ref().is_none_or(|d| d.name.is_empty()) => {
            ApplyError { place, what: unknown, object, source: None }
        }
        kube::Error::Api(status) => {
            ApplyError { place, object, what: format!("was refused: {}", status.message), source: None }
        }
        // These are complete messages; kube's context would only repeat them.
        kube::Error::Service(source) if source.is::<Open>() || source.is::<Hung>() => {
            ApplyError { place, object, what: format!("could not be applied: {source}"), source: None }
        }
        other => ApplyError { place, object, what: "could not be applied".into(), source: Some(Box::new(other)) },
    }
}
