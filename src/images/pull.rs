//! Images that are pulled by the engine.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::builds::{ImageBuilder, Present, Task, task};
use super::engine::Found;
use super::{ImageError, engine, stale};
use crate::report::{Phase, Step};
use crate::suite::config::ImageSpec;
use crate::suite::plan::Plan;
use crate::suite::reference::{is_pinned, normalized, short_name};

impl ImageBuilder {
    /// Starts to pull every image that is not `made` already, each once, and adds them.
    pub(super) fn pull_all(
        self: &Arc<Self>,
        plan: &Plan,
        present: &Present,
        made: &mut BTreeMap<String, Task<String>>,
    ) {
        let mut pulled: BTreeMap<&str, ImageSpec> = BTreeMap::new();
        for image in plan.components().flat_map(|component| &component.images) {
            let spec = pulled.entry(&image.name).or_insert_with(|| image.clone());
            // The host must have what one component cannot do without.
            spec.optional &= image.optional;
        }
        for (name, spec) in pulled {
            let (builder, present) = (self.clone(), present.clone());
            let pull = || task(async move { builder.pull_or_leave(&spec, present).await });
            made.entry(name.to_owned()).or_insert_with(pull);
        }
    }

    /// Pulls as [`pull`](Self::pull) does; an error is told here if it ends nothing, because the nodes may succeed.
    async fn pull_or_leave(&self, spec: &ImageSpec, present: Present) -> Result<String, Arc<ImageError>> {
        let pulled = self.pull(spec, present).await;
        if let (Err(error), true) = (&pulled, spec.optional) {
            let why = crate::readiness::errors::chain(&**error);
            self.events.warn(Phase::Images, format!("the nodes pull {} themselves: {why}", spec.name));
        }
        pulled
    }

    /// Pulls the image of `spec` unless the engine has it; returns its reference in the cluster. If registries are asked
    /// again, it is pulled in any case, and what it was and is is told when its tag has moved.
    pub(super) async fn pull(&self, spec: &ImageSpec, present: Present) -> Result<String, Arc<ImageError>> {
        let image = spec.name.as_str();
        let step = self.events.step(Phase::Images, image);
        let present = &*present.await?;
        if is_pinned(image) {
            return self.pull_pinned(image, present, step).await;
        }
        let engine = &self.host.engine;
        if !present.contains(&normalized(image)) {
            engine::pull(engine, image, &self.resilience, &step).await?;
            let (found, wanted) =
                (engine::find(engine, &normalized(image), &self.resilience).await?, engine::architecture());
            // No error: where the kernel emulates the other one, such containers run.
            if let Some(Found { architecture, .. }) = found
                && !architecture.is_empty()
                && architecture != wanted
            {
                let text = format!(
                    "{image} is for {architecture}, and the nodes run on {wanted}: it may not load, or not start"
                );
                self.events.warn(Phase::Images, text);
            }
            step.done();
            return Ok(image.to_owned());
        }
        if !self.asks_again {
            let reference = self.reference(image, present).await?;
            step.unchanged();
            return Ok(reference);
        }
        let before = self.find(image).await?;
        match engine::pull(engine, image, &self.resilience, &step).await {
            Err(error) if spec.optional => {
                let why = crate::readiness::errors::chain(&error);
                self.events.warn(Phase::Images, format!("{image} is used as it is here: {why}"));
            }
            pulled => pulled?,
        }
        let now = self.find(image).await?;
        if now.id == before.id {
            let reference = self.reference(image, present).await?;
            step.unchanged();
            return Ok(reference);
        }
        let text = format!("the tag of {image} has moved: it was {}, and is {} now", before.digest, now.digest);
        self.events.note(Phase::Images, text);
        let reference = engine.local_reference(&short_name(image), &now.id);
        engine::tag(engine, &normalized(image), &reference, &self.resilience).await?;
        stale::remove(engine, &reference, &self.resilience).await?;
        step.done();
        Ok(reference)
    }

    /// Returns the reference of an image that the engine has. One whose tag was found to have moved has a name with its
    /// id: nodes may have another image by the name that moved.
    async fn reference(&self, image: &str, present: &BTreeSet<String>) -> Result<String, Arc<ImageError>> {
        let name = short_name(image);
        let stem = self.host.engine.local_reference(&name, "");
        if !present.iter().any(|listed| listed.starts_with(&stem)) {
            return Ok(image.to_owned());
        }
        let moved = self.host.engine.local_reference(&name, &self.find(image).await?.id);
        Ok(if present.contains(&moved) { moved } else { image.to_owned() })
    }

    /// Returns an image that the engine must have by now.
    async fn find(&self, image: &str) -> Result<Found, ImageError> {
        let found = engine::find(&self.host.engine, &normalized(image), &self.resilience).await?;
        found.ok_or_else(|| ImageError::NotPulled { image: image.to_owned() })
    }

    /// Pulls an image that is named by its digest. Saved and loaded it would have no name, so it gets one with its id.
    async fn pull_pinned(
        &self,
        image: &str,
        present: &BTreeSet<String>,
        step: Step,
    ) -> Result<String, Arc<ImageError>> {
        let (engine, full) = (&self.host.engine, &normalized(image));
        let found = engine::find(engine, full, &self.resilience).await?;
        let is_new = found.is_none();
        let found = match found {
            Some(found) => found,
            None => {
                engine::pull(engine, image, &self.resilience, &step).await?;
                self.find(image).await?
            }
        };
        let reference = engine.local_reference(&short_name(image), &found.id);
        if !present.contains(&reference) {
            engine::tag(engine, full, &reference, &self.resilience).await?;
        }
        if is_new {
            step.done()
        } else {
            step.unchanged()
        }
        Ok(reference)
    }
}
