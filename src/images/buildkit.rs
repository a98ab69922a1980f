//! What is to be known of BuildKit: whether its builds can begin from images that the engine has, and what it adds to images.

use std::path::Path;

use super::{ImageError, engine};
use crate::host::exec::{Cmd, ExecError};
use crate::host::setup::{Engine, EngineKind, LOOK};

/// Checks that nerdctl builds images, and that a build can begin from an image that was built before: BuildKit is a server
/// of its own there, which may be missing or use other images. The other engines bring their own. It takes a second.
///
/// # Errors
/// What is missing, and how to configure it.
pub(super) async fn check(engine: &Engine) -> Result<(), ImageError> {
    if engine.kind != EngineKind::Nerdctl {
        return Ok(());
    }
    let tag = std::process::id().to_string();
    let (first, second) = (engine.local_reference("probe-build", &tag), engine.local_reference("probe-from", &tag));
    let file = |source| ImageError::File { image: first.clone(), source };
    let context = tempfile::tempdir().map_err(file)?;
    let dockerfile = context.path().join("Dockerfile");
    fs_err::write(&dockerfile, "FROM scratch\nCOPY Dockerfile /\n").map_err(file)?;
    let built = build(engine, &first, context.path()).await;
    built.map_err(|source| ImageError::NoBuilder { engine: engine.kind.name(), source })?;
    fs_err::write(&dockerfile, format!("FROM {first}\nCOPY Dockerfile /again\n")).map_err(file)?;
    let built = build(engine, &second, context.path()).await;
    let _ = engine.command(["rmi", "-f", &first, &second]).output().await;
    built.map_err(|source| ImageError::OtherImages { engine: engine.kind.name(), source })
}

/// Has BuildKit leave out its attestations. They say when an image was built: where docker keeps images in containerd's store,
/// each build of the same content would be another image.
pub(super) fn without_attestations(command: Cmd) -> Cmd {
    command.env("BUILDX_NO_DEFAULT_ATTESTATIONS", "1")
}

async fn build(engine: &Engine, image: &str, context: &Path) -> Result<(), ExecError> {
    engine::build(engine, image).arg(context).deadline(LOOK).output().await.map(drop)
}
