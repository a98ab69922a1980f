//! What is done to a component before and after its objects are applied: it is held back, objects are completed, tasks are
//! run.

use std::time::Instant;

use kube::core::DynamicObject;

use super::probes::Asked;
use super::progress::Reached;
use super::webhooks::Webhook;
use super::{ComponentError, ComponentManifests, DeployedComponent, Deployer, Shared};
use crate::cluster::PortMap;
use crate::readiness::Missed;
use crate::report::{Events, Phase};
use crate::suite::config::{Component, Until};
use crate::suite::manifests::{self, ImageMap};
use crate::suite::plan::Task;
use crate::suite::reference::is_pinned;
use crate::suite::template::{Reference, fill, placeholder};

impl Deployer {
    /// Waits for whatever holds a component back, and tells how long that took: the components that it needs in some
    /// state, and the webhooks of other components that admit its objects. A webhook whose component waits for this one is
    /// not awaited.
    pub(super) async fn hold_back(&self, parcel: &ComponentManifests, shared: &Shared) -> Result<(), ComponentError> {
        let name = &parcel.component.name;
        for need in &parcel.component.needs {
            let Some(until) = need.until.filter(|until| !shared.progress.is(&need.component, *until)) else { continue };
            let waited = self.waiting(name, format!("until {} was {until}", need.component));
            if let Err(error) = shared.progress.wait(&need.component, until).await {
                self.events.trouble(Phase::Deploy, name, Missed::Failed, error.to_string());
                return Err(error);
            }
            waited.end();
        }
        let objects = parcel.manifests.iter().map(|manifest| &manifest.object);
        let mut awaited: Vec<&Webhook> = Vec::new();
        for webhook in objects.flat_map(|object| self.webhooks.admitting(object, name)) {
            let waits_for_us = shared.needs.get(&webhook.component).is_some_and(|needs| needs.contains(name));
            if !waits_for_us && !awaited.contains(&webhook) {
                awaited.push(webhook);
            }
        }
        for webhook in awaited {
            let waited = self.waiting(name, format!("for the webhook {webhook}"));
            // If its component failed, the run fails with that error.
            if shared.progress.wait(&webhook.component, Until::Applied).await.is_ok() {
                webhook.answers(self.applier.client(), self.applier.resilience(), self.deadline()).await;
                // A webhook that may be ignored is, as long as its Service does not lead to it.
                self.services_are_reached(&[webhook.service()], &self.applier).await;
            }
            waited.end();
        }
        Ok(())
    }

    /// Tells that a component waits, and at the end for how long it did.
    fn waiting(&self, component: &str, what: String) -> Waiting<'_> {
        self.events.handle(Phase::Deploy, component).progress(format!("waits {what}"));
        Waiting { events: &self.events, text: format!("{component} waited {what}:"), began: Instant::now() }
    }

    /// Completes an object of `component`: with the images in the cluster, with what templates stand for, and with
    /// labels. Where several runs share a cluster, its node ports are left to the API server.
    pub(super) fn prepare(&self, object: &mut DynamicObject, component: &Component, images: &ImageMap) {
        if self.applier.is_per_run() {
            let nodes: Vec<u16> = component.ports.iter().map(|port| port.node).collect();
            manifests::free_node_ports(object, &nodes);
        }
        if let Some(image) = complete(object, component, images, &self.ports) {
            let (place, policy) = match is_pinned(&image) {
                true => ("in a registry", "Never"),
                false => ("loaded into the nodes", "Always"),
            };
            let text = format!("{image} is {place}, so its imagePullPolicy is IfNotPresent, not {policy}");
            self.events.note(Phase::Deploy, text);
        }
    }

    /// Returns from where ports are asked. In a cluster that is not ours, how they are reached is found out when something
    /// is behind them.
    pub(super) fn asked(&self) -> Asked {
        if self.applier.inventory.is_some() { Asked::ThroughApi } else { Asked::FromHost }
    }

    /// Runs what follows once an applied component is ready, if anything or anybody waits for that.
    pub(super) async fn finish(
        &self,
        component: &Component,
        mut deployed: DeployedComponent,
        after: Vec<Task>,
        shared: &Shared,
    ) -> Result<DeployedComponent, ComponentError> {
        let name = &component.name;
        if after.is_empty() && !shared.awaited.contains(name) {
            return Ok(deployed);
        }
        let names = [name.as_str()];
        let ready = tokio::select! {
            ready = self.readiness.wait_for_all_ready(Some(&names), self.deadline()) => ready,
            () = shared.given_up.cancelled() => return Ok(deployed),
        };
        ready.map_err(|error| ComponentError::NotReady(Box::new(error)))?;
        let applier = self.applier_of(name);
        self.names_are_resolved(&applier, shared).await;
        let objects: Vec<_> = deployed.objects.iter().map(|applied| applied.object.clone()).collect();
        self.services_are_reached(&objects, &applier).await;
        if !after.is_empty() {
            let step = self.events.step(Phase::Deploy, format!("{name}, after"));
            deployed.objects.extend(self.run_tasks(component, after, &deployed.images, &applier, &step).await?);
            step.done();
            self.readiness.expect(name, deployed.objects.clone(), deployed.probes.clone());
        }
        shared.progress.reached(name, Reached::Ready);
        Ok(deployed)
    }
}

/// A component that waits.
struct Waiting<'a> {
    events: &'a Events,
    text: String,
    began: Instant,
}

impl Waiting<'_> {
    fn end(self) {
        let seconds = self.began.elapsed().as_secs_f64();
        self.events.note(Phase::Deploy, format!("{} {seconds:.1} s", self.text));
    }
}

/// Completes an object like [`Deployer::prepare`]. Returns an image whose `imagePullPolicy` was changed.
pub(crate) fn complete(
    object: &mut DynamicObject,
    component: &Component,
    images: &ImageMap,
    ports: &PortMap,
) -> Option<String> {
    manifests::images(object, images);
    let changed = manifests::pull_if_not_present(object, images);
    let images_of_templates =
        images.iter().map(|(name, it)| (placeholder(&Reference::Image(name.clone())), it.clone()));
    let mut pairs: Vec<_> = images_of_templates.collect();
    for (component, ports) in &ports.0 {
        for (port, address) in ports {
            let reference = Reference::Port(format!("{component}.{port}"));
            pairs.push((placeholder(&reference), address.port().to_string()));
        }
    }
    fill(&mut object.data, &pairs);
    let everywhere: ImageMap = component
        .images
        .iter()
        .filter(|image| image.everywhere)
        .filter_map(|image| Some((image.name.clone(), images.get(&image.name)?.clone())))
        .collect();
    manifests::images_everywhere(object, &everywhere);
    manifests::label(object, &component.name);
    changed
}
