//! A stage: deployed, and awaited until it is ready.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::{ComponentError, ComponentManifests, DeployError, DeployedComponent, Deployer};
use crate::readiness::NotReady;

/// Why a stage could not be brought up.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// Components could not be applied.
    #[error(transparent)]
    Deploy(#[from] DeployError),
    /// Components did not become ready.
    #[error(transparent)]
    NotReady(#[from] Box<NotReady>),
}

impl StageError {
    /// Returns the error of a deployment; of a component that was awaited in vain, why it is not ready.
    fn of(mut error: DeployError) -> StageError {
        let is_unready = |(_, error): &(String, ComponentError)| matches!(error, ComponentError::NotReady(_));
        match error.failed.iter().position(is_unready).map(|at| error.failed.swap_remove(at)) {
            Some((_, ComponentError::NotReady(source))) => StageError::NotReady(source),
            _ => StageError::Deploy(error),
        }
    }
}

impl Deployer {
    /// Deploys `stage`, and waits until all of it is ready, for up to `patience` from when everything is applied.
    /// Reduces `patience` by the time taken.
    ///
    /// # Errors
    /// Those of [`Deployer::deploy`], and that not everything became ready in time. Once a component has failed
    /// permanently, returns at once; components that still build or load their images are given up.
    pub async fn bring_up(
        &self,
        stage: Vec<ComponentManifests>,
        patience: &mut Duration,
    ) -> Result<BTreeMap<String, DeployedComponent>, StageError> {
        let names: Vec<String> = stage.iter().map(|parcel| parcel.component.name.clone()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let deployed = tokio::select! {
            deployed = self.deploy(stage) => deployed.map_err(StageError::of)?,
            failure = self.readiness.failure(&names) => return Err(Box::new(failure).into()),
        };
        let began = Instant::now();
        self.readiness.wait_for_all_ready(Some(&names), began + *patience).await.map_err(Box::new)?;
        *patience = patience.saturating_sub(began.elapsed());
        Ok(deployed)
    }
}
