//! Image commands of the engine: listing and pulling.

use std::time::Duration;

use super::ImageError;
use crate::host::resilience::Resilience;
use crate::host::setup::{Engine, LOOK};
use crate::report::Step;

/// Deadline of a pull: 1 GB takes this long at 1 MB/s.
const PULL: Duration = Duration::from_secs(20 * 60);

/// Returns the names and tags of the images of `engine`, line by line, newest first.
pub(super) async fn list(engine: &Engine, resilience: &Resilience) -> Result<String, ImageError> {
    let list = engine.command(["images", "--format", "{{.Repository}}:{{.Tag}}"]).deadline(LOOK);
    resilience.engine("listing images", || list.output()).await.map_err(ImageError::List)
}

/// Pulls `image` from its registry.
pub(super) async fn pull(engine: &Engine, image: &str, resilience: &Resilience, step: &Step) -> Result<(), ImageError> {
    let pull = engine.command(["pull", image]).deadline(PULL);
    let run = || {
        let say = step.handle();
        pull.stream(move |line| say.progress(line))
    };
    let pulled = resilience.of(step.handle()).registry("pull", run).await;
    pulled.map_err(|source| ImageError::Pull { image: image.into(), source })
}
