//! What can go wrong with a deployment.

use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use crate::images::ImageError;
use crate::readiness::ObjectRef;

/// An object that the API server does not take.
#[derive(Debug, Error)]
#[error("{place}: {object} {what}")]
pub struct ApplyError {
    /// File and line of its manifest.
    pub place: String,
    /// The object.
    pub object: ObjectRef,
    /// What happened, with the API server's own words.
    pub what: String,
    /// The cause, where it is not told in `what`.
    #[source]
    pub source: Option<Box<kube::Error>>,
}

/// Why a component was not deployed.
#[derive(Debug, Error)]
pub enum ComponentError {
    /// Its images are not on the nodes.
    #[error(transparent)]
    Images(Arc<ImageError>),
    /// One of its objects was refused.
    #[error(transparent)]
    Apply(Arc<ApplyError>),
    /// A mistake of ours.
    #[error("the deployment ended unexpectedly: {0}")]
    Panicked(String),
}

impl ComponentError {
    /// Whether it never came to the API server.
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
    /// How many were to be deployed.
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
