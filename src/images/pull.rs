//! Images that are pulled by the engine.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::builds::{ImageBuilder, Present};
use super::{ImageError, engine};
use crate::report::{Phase, Step};
use crate::suite::reference::{is_pinned, normalized, short_name};

impl ImageBuilder {
    /// Pulls `image` unless the engine has it; returns its reference in the cluster.
    pub(super) async fn pull(&self, image: &str, present: Present) -> Result<String, Arc<ImageError>> {
        let step = self.events.step(Phase::Images, image);
        if is_pinned(image) {
            return self.pull_pinned(image, &*present.await?, step).await;
        }
        if present.await?.contains(&normalized(image)) {
            step.unchanged();
            return Ok(image.to_owned());
        }
        engine::pull(&self.host.engine, image, &self.resilience, &step).await?;
        step.done();
        Ok(image.to_owned())
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
        if is_new {
            engine::pull(engine, image, &self.resilience, &step).await?;
        }
        let found = match found {
            Some(found) => Some(found),
            None => engine::find(engine, full, &self.resilience).await?,
        };
        let found = found.ok_or_else(|| ImageError::NotPulled { image: image.to_owned() })?;
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
