//! Errors of bringing an environment up, one for each stage.

use std::sync::Arc;

use thiserror::Error;

use super::LooksLikeProduction;
use crate::cluster::ClusterError;
use crate::deploy::{ApplyError, DeployError, StageError};
use crate::host::setup::SetupError;
use crate::images::ImageError;
use crate::readiness::NotReady;
use crate::sources::SourceErrors;
use crate::suite::manifests::ManifestError;
use crate::teardown::{KillErrors, ReaperError};

/// Why an environment could not be brought up.
#[derive(Debug, Error)]
pub enum UpError {
    /// A manifest is invalid.
    #[error(transparent)]
    Manifests(#[from] ManifestError),
    /// A source of objects cannot be rendered.
    #[error(transparent)]
    Sources(#[from] SourceErrors),
    /// The host does not meet the prerequisites.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// An image could not be provided.
    #[error(transparent)]
    Images(#[from] Arc<ImageError>),
    /// The cluster could not be provided.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// Components could not be applied.
    #[error(transparent)]
    Deploy(#[from] DeployError),
    /// Existing objects cannot be read, or the suite's namespace cannot be created; nothing was deployed.
    #[error(transparent)]
    Adopt(Box<ApplyError>),
    /// Deploying into a possible production cluster was not confirmed.
    #[error(
        "{0}; nothing was changed. If this is the cluster that is meant, say so with `--yes` or KIND_HARNESS_YES=1"
    )]
    NotConfirmed(LooksLikeProduction),
    /// Components did not become ready.
    #[error(transparent)]
    NotReady(#[from] Box<NotReady>),
    /// Something of a component remains.
    #[error(transparent)]
    RemoveOptions(#[from] KillErrors),
    /// The API server denied or failed a request that every other stage needs.
    #[error("the API server refused {what}")]
    Api {
        /// The request.
        what: String,
        /// The cause.
        #[source]
        source: Box<kube::Error>,
    },
    /// The reaper, which removes the cluster if this process is killed, cannot be started.
    #[error(transparent)]
    Reaper(#[from] ReaperError),
    /// The plan's files cannot be read any more.
    #[error("reading the suite's files failed")]
    Files(#[from] std::io::Error),
}

impl From<StageError> for UpError {
    fn from(error: StageError) -> UpError {
        match error {
            StageError::Deploy(error) => UpError::Deploy(error),
            StageError::NotReady(error) => UpError::NotReady(error),
        }
    }
}
