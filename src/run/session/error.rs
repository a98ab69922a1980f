//! Why there is no environment: an error for each stage.

use std::sync::Arc;

use thiserror::Error;

use super::LooksLikeProduction;
use crate::cluster::ClusterError;
use crate::deploy::{ApplyError, DeployError, StageError};
use crate::host::setup::SetupError;
use crate::images::ImageError;
use crate::readiness::NotReady;
use crate::suite::manifests::ManifestError;
use crate::teardown::{KillErrors, ReaperError};

/// Why there is no environment.
#[derive(Debug, Error)]
pub enum UpError {
    /// A manifest is wrong.
    #[error(transparent)]
    Manifests(#[from] ManifestError),
    /// The host is not ready.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// An image is not there.
    #[error(transparent)]
    Images(#[from] Arc<ImageError>),
    /// There is no cluster.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// Components could not be applied.
    #[error(transparent)]
    Deploy(#[from] DeployError),
    /// What is there already cannot be told, or the suite's namespace cannot be made; nothing was deployed.
    #[error(transparent)]
    Adopt(Box<ApplyError>),
    /// A cluster that people may depend on was not confirmed.
    #[error(
        "{0}; nothing was changed. If this is the cluster that is meant, say so with `--yes` or KIND_HARNESS_YES=1"
    )]
    NotConfirmed(LooksLikeProduction),
    /// Components did not become ready.
    #[error(transparent)]
    NotReady(#[from] Box<NotReady>),
    /// Something of a component is still there.
    #[error(transparent)]
    RemoveOptions(#[from] KillErrors),
    /// The API server did not do what every other stage needs.
    #[error("the API server refused {what}")]
    Api {
        /// What was asked of it.
        what: String,
        /// Why.
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
