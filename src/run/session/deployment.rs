//! Deployment into the cluster: applied, awaited once, compared with the previous deployment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};

use futures::future::join_all;
use kube::discovery::Discovery;
use sha2::{Digest, Sha256};
use tokio::task::{JoinHandle, spawn_blocking};

use super::existing::Guest;
use super::usage::Measurement;
use super::{Session, UpError};
use crate::cluster::{Cluster, Deployment};
use crate::deploy::{Applier, ComponentManifests, Deployer, HostContext, Webhooks};
use crate::host::resilience::Resilience;
use crate::images::{ImageBuilds, Loads};
use crate::readiness::Applied;
use crate::readiness::redact::Redactor;
use crate::readiness::{self, Readiness, Settings};
use crate::report::{OtherStrategy, Phase};
use crate::run::diagnostics;
use crate::run::past_runs;
use crate::sources::{self, ClusterFacts};
use crate::suite::hash::hex;
use crate::suite::manifests;
use crate::suite::manifests::ImageMap;
use crate::suite::plan::{ComponentObjects, Plan};

impl Session {
    /// Returns the components' manifests, in the stages in which they are deployed.
    pub(super) fn parcels(&self) -> Result<Vec<Vec<ComponentManifests>>, UpError> {
        parcels_of(&self.plan)
    }

    /// Returns whether the cluster runs the plan, with the images that it would use now, and everything is ready.
    pub(super) async fn is_unchanged(&self, cluster: &Cluster, builds: &ImageBuilds) -> Result<bool, UpError> {
        let Some(deployment) = &cluster.record.deployment else { return Ok(false) };
        let all_there = self.plan.components().all(|it| deployment.objects.contains_key(&it.name));
        if !all_there || deployment.plan != self.plan.digest()? {
            return Ok(false);
        }
        // If nothing is built, no component uses images of ours.
        let (built, none) = (builds.all().await?, ImageMap::new());
        let of = |images: &BTreeMap<String, ImageMap>, name| images.get(name).unwrap_or(&none).clone();
        if self.plan.components().any(|it| of(&deployment.images, &it.name) != of(&built, &it.name)) {
            return Ok(false);
        }
        let expectations = diagnostics::expectations(&self.plan, deployment);
        let settings = Settings::from(&self.plan.suite().ready);
        let survey = readiness::survey_with(&cluster.client, &cluster.record.namespace, &expectations, &settings).await;
        Ok(survey.is_ok_and(|components| components.iter().all(|component| component.verdict.is_ready())))
    }

    /// Applies the components, stage by stage, and waits once for each stage. Then deletes previously deployed objects
    /// that are not in the manifests any more.
    pub(super) async fn deploy(
        &self,
        cluster: &Cluster,
        guest: Option<&Guest>,
        loads: Arc<Loads>,
        parcels: Vec<Vec<ComponentManifests>>,
        previous: &Deployment,
        resilience: &Resilience,
    ) -> Result<Deployment, UpError> {
        let namespace = &self.plan.suite().namespace;
        Redactor::global().learn_credentials(&cluster.config);
        // Secrets created later are registered by readiness, which also reports missing permissions to list them.
        let namespaces = self.plan.namespaces().into_iter();
        join_all(namespaces.map(|namespace| diagnostics::learn_secrets(&cluster.client, Some(namespace)))).await;
        let resilience = resilience.of(self.events.handle(Phase::Deploy, "cluster"));
        let mut parcels = self.with_answers(cluster, parcels).await?;
        if let Some(login) = guest.and_then(|guest| guest.login.as_ref()) {
            let mut all = parcels.iter_mut().flatten();
            all.try_for_each(|parcel| parcel.pull_with(login, namespace)).map_err(std::io::Error::from)?;
        }
        let applier = Applier::new(cluster.client.clone(), namespace).with(resilience.clone());
        let expected = self.expected(&parcels);
        let applier = match guest {
            Some(guest) => {
                let applier = applier.recording(guest.inventory.clone());
                self.adopt(cluster, guest, &applier, &expected, &resilience).await?;
                applier
            }
            None => applier,
        };
        for namespace in self.plan.namespaces() {
            applier.namespace(namespace).await.map_err(|error| UpError::Adopt(Box::new(error)))?;
        }
        let settings = Settings::from(&self.plan.suite().ready);
        let recorder = self.record.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (client, events) = (cluster.client.clone(), self.events.clone());
        let readiness = Readiness::start_recorded(client, namespace, events.observer(), settings, recorder);
        readiness.plan(self.plan.needs());
        let deployer = Deployer {
            applier: applier.clone(),
            readiness,
            images: Arc::new(move |component| loads.component(&component)),
            ports: cluster.record.ports.clone(),
            events: self.events.clone(),
            context: HostContext {
                root: self.plan.root().to_owned(),
                kubeconfig: cluster.kubeconfig.clone(),
                nodes: cluster.nodes.clone(),
            },
            patience: self.plan.suite().deadline,
            webhooks: Webhooks::of(parcels.iter().flatten(), namespace),
        };
        let other_strategy = self.other_strategy();
        let _measured = Measurement::start(&cluster.record, &self.events);
        // The remaining time to become ready; time spent on images does not count.
        let mut patience = self.plan.suite().deadline;
        let mut result = Deployment { plan: self.plan.digest()?, ..Deployment::default() };
        for stage in parcels {
            for (name, deployed) in deployer.bring_up(stage, &mut patience).await? {
                result.objects.insert(name.clone(), deployed.objects);
                result.images.insert(name.clone(), deployed.images);
                result.probes.insert(name, deployed.probes);
            }
        }
        self.events.images(hash_of(&result.images));
        // A report without it says less.
        if let Ok(Some(other)) = other_strategy.await {
            self.events.other_strategy(other);
        }
        match guest {
            Some(guest) => self.prune(cluster, guest, &expected, &resilience).await?,
            None => self.delete_objects(&applier, previous, &result.objects).await?,
        }
        Ok(result)
    }

    /// Looks up, beside the deployment, how long earlier ones by the other strategy took.
    fn other_strategy(&self) -> JoinHandle<Option<OtherStrategy>> {
        let (folders, suite) = (self.folders.clone(), self.plan.suite());
        let (name, strategy) = (suite.suite.clone(), suite.strategy.name());
        spawn_blocking(move || past_runs::other_strategy(&folders, &name, strategy))
    }

    /// Returns the components' manifests, with charts that ask the cluster something rendered again.
    async fn with_answers(
        &self,
        cluster: &Cluster,
        parcels: Vec<Vec<ComponentManifests>>,
    ) -> Result<Vec<Vec<ComponentManifests>>, UpError> {
        if !sources::ask_cluster(&self.plan, &self.folders) {
            return Ok(parcels);
        }
        let asked = |source| UpError::Api { what: "to tell its version and APIs".into(), source: Box::new(source) };
        let version = cluster.client.apiserver_version().await.map_err(asked)?.git_version;
        let discovery = Discovery::new(cluster.client.clone()).run_aggregated().await.map_err(asked)?;
        let mut apis = BTreeSet::new();
        for group in discovery.groups() {
            for version in group.versions() {
                for (resource, _) in group.versioned_resources(version) {
                    apis.insert(resource.api_version.clone());
                    apis.insert(format!("{}/{}", resource.api_version, resource.kind));
                }
            }
        }
        let kubeconfig = cluster.kubeconfig.clone();
        let facts = ClusterFacts { kubeconfig, version, apis: apis.into_iter().collect() };
        let rendered = sources::render_in(&self.plan, &self.folders, &facts, self.agree, &self.events).await?;
        let plan = self.plan.clone().with_rendered(rendered);
        plan.teach(Redactor::global());
        parcels_of(&plan)
    }

    /// Deletes objects that were deployed before and are no longer in the manifests.
    async fn delete_objects(
        &self,
        applier: &Applier,
        previous: &Deployment,
        kept: &BTreeMap<String, Vec<Applied>>,
    ) -> Result<(), UpError> {
        let is_kept = |gone: &Applied| {
            // Another version of an API gives the same object another reference.
            kept.values().flatten().any(|applied| applied.object == gone.object || applied.uid == gone.uid)
        };
        for gone in previous.objects.values().flatten().filter(|gone| !is_kept(gone)) {
            let refused =
                |source| UpError::Api { what: format!("to delete {}", gone.object), source: Box::new(source) };
            applier.delete(gone).await.map_err(refused)?;
        }
        Ok(())
    }
}

fn parcels_of(plan: &Plan) -> Result<Vec<Vec<ComponentManifests>>, UpError> {
    let mut by_name: BTreeMap<&str, ComponentManifests> = BTreeMap::new();
    for (component, objects) in plan.components().zip(plan.objects()?) {
        let ComponentObjects { mut manifests, before, after } = objects;
        manifests::order(&mut manifests);
        let parcel = ComponentManifests { component: component.clone(), manifests, before, after };
        by_name.insert(&component.name, parcel);
    }
    let stages = plan.stages().into_iter();
    Ok(stages.map(|stage| stage.iter().filter_map(|c| by_name.remove(c.name.as_str())).collect()).collect())
}

/// Returns one hash of all images and the components that use them.
fn hash_of(images: &BTreeMap<String, ImageMap>) -> String {
    let mut all = Sha256::new();
    for (component, images) in images {
        images.iter().for_each(|(name, image)| all.update(format!("{component} {name} {image}\n")));
    }
    hex(&all.finalize()[..6])
}
