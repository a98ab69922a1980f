//! Deployment: all components of a stage concurrently, with every result sent over one channel.

mod accounts;
mod adopt;
mod apply;
mod error;
mod groundwork;
mod network;
mod port_conflict;
mod prepare;
mod probes;
mod progress;
mod pull_secrets;
mod replace;
mod shared;
mod stage;
mod tasks;
mod two_owners;
mod webhooks;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

pub use adopt::Expected;
pub use apply::Applier;
pub use error::{ApplyError, ComponentError, DeployError};
pub use stage::StageError;
pub use tasks::HostContext;
pub use webhooks::Webhooks;

pub(crate) use accounts::default_account;
pub(crate) use network::services_are_reached;
pub(crate) use prepare::complete;
pub(crate) use probes::{Asked, probes};
pub(crate) use pull_secrets::pull_secret_of;

use self::groundwork::{Groundwork, is_ground};
use self::progress::Reached;
use self::shared::Shared;
use crate::cluster::PortMap;
use crate::images::{ComponentImages, ImageError};
use crate::readiness::{Applied, Missed, ObjectRef, Probe, Readiness, errors};
use crate::report::{Events, Phase, Step};
use crate::suite::config::Component;
use crate::suite::manifests::{self, ImageMap, Manifest};
use crate::suite::plan::Task;
use crate::suite::template::is_placeholder;

/// How long a deployment continues after the first failure, so that simultaneous failures are reported together.
const GATHER: Duration = Duration::from_millis(200);

/// Resolves to a component's images once they are on the nodes.
pub type ImagesOnNodes =
    Arc<dyn Fn(String) -> futures::future::BoxFuture<'static, Result<ComponentImages, Arc<ImageError>>> + Send + Sync>;

/// Applies components to one cluster.
#[derive(Clone)]
pub struct Deployer {
    /// Applies objects through the API server.
    pub applier: Applier,
    /// Notified of every component once it is applied.
    pub readiness: Readiness,
    /// Resolves when a component's images are on the nodes.
    pub images: ImagesOnNodes,
    /// Addresses of the components' ports.
    pub ports: PortMap,
    /// Receives progress.
    pub events: Events,
    /// What the suite's programs are run with.
    pub context: HostContext,
    /// How long a component that others wait for may take to be ready, and each task.
    pub patience: Duration,
    /// The webhooks of all components, in whatever stage they are deployed.
    pub webhooks: Webhooks,
}

/// The applied objects of one component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeployedComponent {
    /// Its objects, as returned by the API server.
    pub objects: Vec<Applied>,
    /// Its images, with their names in the cluster.
    pub images: ImageMap,
    /// The probes that it must pass.
    pub probes: Vec<Probe>,
}

/// A component to deploy, with its parsed manifests.
#[derive(Debug, Clone, Default)]
pub struct ComponentManifests {
    /// The component.
    pub component: Component,
    /// Its manifests.
    pub manifests: Vec<Manifest>,
    /// What runs to its end before they are applied.
    pub before: Vec<Task>,
    /// What runs to its end once they are ready.
    pub after: Vec<Task>,
}

impl ComponentManifests {
    /// Returns the images of all containers, those of tasks included, but for place-holders.
    pub(crate) fn images(&self) -> BTreeSet<String> {
        let tasks = self.before.iter().chain(&self.after).flat_map(Task::manifests);
        let objects = self.manifests.iter().chain(tasks).map(|manifest| &manifest.object);
        objects.flat_map(manifests::images_of).filter(|image| !is_placeholder(image)).collect()
    }

    /// Returns the objects to apply.
    pub fn expected(&self) -> impl Iterator<Item = Expected> {
        let tasks = self.before.iter().chain(&self.after).flat_map(Task::manifests);
        self.manifests.iter().chain(tasks).map(|manifest| Expected {
            place: manifest.source.to_string(),
            component: Some(self.component.name.clone()),
            object: ObjectRef::of(&manifest.object),
        })
    }
}

impl std::fmt::Debug for Deployer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deployer").field("ports", &self.ports).finish_non_exhaustive()
    }
}

impl Deployer {
    /// Applies all of `stage` concurrently and collects every result. Namespaces and custom resource definitions of all
    /// its components are applied first, since objects of other components may need them.
    ///
    /// # Errors
    /// Every component that could not be applied. After the first failure, components whose images are not ready are
    /// given up; the others are applied all the same.
    pub async fn deploy(
        &self,
        stage: Vec<ComponentManifests>,
    ) -> Result<BTreeMap<String, DeployedComponent>, DeployError> {
        let (results, mut gathered) = mpsc::channel(stage.len().max(1));
        let mut tasks = JoinSet::new();
        let count = stage.len();
        let groundwork = Arc::new(self.groundwork(&stage).await);
        let shared = Arc::new(Shared::of(&stage, &self.webhooks));
        let given_up = shared.given_up.clone();
        for parcel in stage {
            let (deployer, results, groundwork) = (self.clone(), results.clone(), groundwork.clone());
            let shared = shared.clone();
            tasks.spawn(async move {
                let name = parcel.component.name.clone();
                // Whoever waits for a component whose task panics must not wait for ever.
                let _fails = shared.progress.fails_with_panic(&name);
                let images = tokio::select! {
                    images = (deployer.images)(name.clone()) => images,
                    () = shared.given_up.cancelled() => return,
                };
                let held = tokio::select! {
                    held = deployer.hold_back(&parcel, &shared) => held,
                    () = shared.given_up.cancelled() => return,
                };
                let result = match held {
                    Ok(()) => deployer.deploy_component(parcel, images, &groundwork, &shared).await,
                    Err(error) => Err(error),
                };
                if result.is_err() {
                    shared.progress.reached(&name, Reached::Failed);
                }
                // The receiver outlives every sender.
                let _ = results.send((name, result)).await;
            });
        }
        drop(results);
        let (mut deployed, mut failed) = (BTreeMap::new(), Vec::new());
        let mut patience: Option<Instant> = None;
        loop {
            let result = match patience {
                Some(end) => timeout_at(end, gathered.recv()).await,
                None => Ok(gathered.recv().await),
            };
            match result {
                Ok(Some((name, Ok(component)))) => drop(deployed.insert(name, component)),
                Ok(Some((name, Err(error)))) => {
                    failed.push((name, error));
                    if !given_up.is_cancelled() {
                        patience.get_or_insert_with(|| Instant::now() + GATHER);
                    }
                }
                Ok(None) => break,
                // An apply in progress is completed.
                Err(_) => {
                    given_up.cancel();
                    patience = None;
                }
            }
        }
        while let Some(ended) = tasks.join_next().await {
            if let Err(error) = ended {
                failed.push(("a deployment".into(), ComponentError::Panicked(error.to_string())));
            }
        }
        if failed.is_empty() {
            return Ok(deployed);
        }
        failed.sort_by(|(a, _), (b, _)| a.cmp(b));
        Err(DeployError { failed, of: count })
    }

    /// Returns an applier whose retries belong to the component's step, even before that has started.
    fn applier_of(&self, component: &str) -> Applier {
        self.applier.of(self.events.handle(Phase::Deploy, component))
    }

    async fn deploy_component(
        &self,
        mut parcel: ComponentManifests,
        images: Result<ComponentImages, Arc<ImageError>>,
        groundwork: &Groundwork,
        shared: &Shared,
    ) -> Result<DeployedComponent, ComponentError> {
        let (name, after) = (parcel.component.name.clone(), std::mem::take(&mut parcel.after));
        let component = parcel.component.clone();
        let step = self.events.step(Phase::Deploy, &name);
        let deployed = match images {
            Ok(images) => self.apply(parcel, images, groundwork, shared, &step).await,
            Err(error) => Err(ComponentError::Images(error)),
        };
        match deployed {
            Ok(deployed) => {
                step.done();
                self.readiness.expect(&name, deployed.objects.clone(), deployed.probes.clone());
                shared.progress.reached(&name, Reached::Applied);
                self.finish(&component, deployed, after, shared).await
            }
            Err(error) => {
                step.fail(Missed::Failed, errors::chain(&error));
                Err(error)
            }
        }
    }

    async fn apply(
        &self,
        parcel: ComponentManifests,
        images: ImageMap,
        groundwork: &Groundwork,
        shared: &Shared,
        step: &Step,
    ) -> Result<DeployedComponent, ComponentError> {
        let component = &parcel.component;
        let namespace = component.namespace.as_deref().unwrap_or(self.applier.default_namespace());
        let probes = probes(component, &parcel.manifests, &self.ports, self.asked(), namespace);
        let applier = self.applier_of(&component.name).awaiting(self.webhooks.services.clone(), self.deadline());
        if !parcel.before.is_empty() {
            groundwork.serves_all().await;
            self.names_are_resolved(&applier, shared).await;
        }
        let mut objects = self.run_tasks(component, parcel.before, &images, &applier, step).await?;
        for mut manifest in parcel.manifests {
            if is_ground(&manifest) {
                if let Some(applied) = groundwork.object(&manifest.source.to_string()).await {
                    objects.push(applied.map_err(ComponentError::Apply)?);
                }
                continue;
            }
            groundwork.serves(&ObjectRef::of(&manifest.object)).await;
            self.prepare(&mut manifest.object, component, &images);
            step.progress(manifest.source.to_string());
            let applied = applier.apply(&manifest, &self.events).await;
            objects.push(applied.map_err(|error| ComponentError::Apply(Arc::new(error)))?);
        }
        Ok(DeployedComponent { objects, images, probes })
    }
}

fn kind(manifest: &Manifest) -> &str {
    manifest.object.types.as_ref().map_or("", |types| &types.kind)
}
