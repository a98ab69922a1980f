//! What is done to a component before and after its objects are applied: it is held back, objects are completed, tasks are
//! run.

use std::time::Instant;

use kube::core::DynamicObject;

use super::progress::Reached;
use super::{Applier, ComponentError, DeployedComponent, Deployer, Shared};
use crate::report::{Phase, Step};
use crate::suite::config::{Component, Until};
use crate::suite::manifests::{self, ImageMap};
use crate::suite::plan::Task;
use crate::suite::template::{Reference, fill, placeholder};

impl Deployer {
    /// Waits for the components that hold `component` back, and tells how long that took.
    pub(super) async fn hold_back(&self, component: &Component, shared: &Shared) -> Result<(), ComponentError> {
        let name = &component.name;
        for need in &component.needs {
            let Some(until) = need.until.filter(|until| !shared.progress.is(&need.component, *until)) else { continue };
            let began = Instant::now();
            let text = format!("waits until {} is {until}", need.component);
            self.events.handle(Phase::Deploy, name).progress(text);
            shared.progress.wait(&need.component, until).await?;
            let waited = began.elapsed().as_secs_f64();
            self.events
                .note(Phase::Deploy, format!("{name} waited {waited:.1} s until {} was {until}", need.component));
        }
        Ok(())
    }

    /// Completes an object of `component`: with the images in the cluster, with what templates stand for, and with
    /// labels.
    pub(super) fn prepare(&self, object: &mut DynamicObject, component: &Component, images: &ImageMap) {
        manifests::images(object, images);
        if let Some(image) = manifests::pull_if_not_present(object, images) {
            let text = format!("{image} is loaded into the nodes, so its imagePullPolicy is IfNotPresent, not Always");
            self.events.note(Phase::Deploy, text);
        }
        let images_of_templates =
            images.iter().map(|(name, it)| (placeholder(&Reference::Image(name.clone())), it.clone()));
        let mut pairs: Vec<_> = images_of_templates.collect();
        for (component, ports) in &self.ports.0 {
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
    }

    /// Waits until the webhooks of other components that admit `object` answer. A webhook whose component waits for this
    /// one is not awaited.
    pub(super) async fn await_webhooks(
        &self,
        object: &DynamicObject,
        component: &Component,
        applier: &Applier,
        shared: &Shared,
        step: &Step,
    ) {
        for webhook in shared.webhooks.admitting(object, &component.name) {
            let waits_for_us =
                shared.needs.get(&webhook.component).is_some_and(|needs| needs.contains(&component.name));
            if waits_for_us {
                continue;
            }
            step.progress(format!("waits for the webhook {webhook}"));
            // If its component failed, the run fails with that error.
            if shared.progress.wait(&webhook.component, Until::Applied).await.is_ok() {
                webhook.answers(applier.client(), applier.resilience(), self.deadline()).await;
            }
        }
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
        let ready = self.readiness.wait_for_all_ready(Some(&[name]), self.deadline()).await;
        ready.map_err(|error| ComponentError::NotReady(Box::new(error)))?;
        let applier = self.applier_of(name);
        self.names_are_resolved(&applier, shared).await;
        self.services_are_reached(&deployed.objects, &applier).await;
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
