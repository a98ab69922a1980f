//! Image commands of the engine: listing, building and pulling.

use std::time::Duration;

use super::ImageError;
pub(super) use crate::host::engine_kind::architecture;
use crate::host::exec::{Cmd, ExecError};
use crate::host::resilience::Resilience;
use crate::host::setup::{Engine, EngineKind, LOOK};
use crate::report::{LargestLayer, Step};
use crate::suite::reference::{normalized, repository};

/// Deadline of a pull: 1 GB takes this long at 1 MB/s.
const PULL: Duration = Duration::from_secs(20 * 60);

/// Returns the names and tags of the images of `engine`, line by line, newest first.
pub(super) async fn list(engine: &Engine, resilience: &Resilience) -> Result<String, ImageError> {
    let list = engine.command(["images", "--format", "{{.Repository}}:{{.Tag}}"]).deadline(LOOK);
    resilience.engine("listing images", || list.output()).await.map_err(ImageError::List)
}

/// Returns the command that builds `image`; its context is to be added.
pub(super) fn build(engine: &Engine, image: &str) -> Cmd {
    let command = engine.command(["build", "-t", image]);
    match engine.kind {
        // Its old builder keeps the container of an instruction that failed otherwise; BuildKit ignores the option.
        EngineKind::Docker => command.arg("--force-rm"),
        EngineKind::Podman | EngineKind::Nerdctl => command,
    }
}

/// An image of the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// The beginning of its id, long enough for a tag.
    pub(super) id: String,
    /// Its architecture, such as `amd64`.
    pub(super) architecture: String,
    /// The digest by which its registry knows it; its id if it is from none.
    pub(super) digest: String,
}

/// Returns `image` if the engine has it. Its name is taken as written: podman calls what is built here `localhost/…`.
pub(super) async fn find(engine: &Engine, image: &str, resilience: &Resilience) -> Result<Option<Found>, ImageError> {
    const DIGITS: usize = 12;
    let format = "--format={{.Id}} {{.Architecture}} {{json .RepoDigests}}";
    let inspect = engine.command(["image", "inspect", format, image]).deadline(LOOK);
    let look = || async {
        match inspect.output().await {
            Err(ExecError::Failed { tail, .. }) if is_missing(&tail) => Ok(None),
            found => found.map(Some),
        }
    };
    let told = resilience.engine("looking for an image", look).await.map_err(ImageError::List)?;
    Ok(told.as_deref().and_then(|told| {
        let mut parts = told.trim().splitn(3, ' ');
        let (id, architecture) = (parts.next()?.trim_start_matches("sha256:"), parts.next()?.to_owned());
        let digest = parts.next().and_then(|digests| digest(digests, image));
        let digest = digest.unwrap_or_else(|| format!("id {id}"));
        Some(Found { id: id.chars().take(DIGITS).collect(), architecture, digest })
    }))
}

/// Returns the first of `digests`, a JSON list such as `["docker.io/library/redis@sha256:…"]`, that is of the repository of
/// `image`.
fn digest(digests: &str, image: &str) -> Option<String> {
    let digests: Vec<String> = serde_json::from_str(digests).ok()?;
    let mut digests = digests.iter().filter_map(|digest| digest.split_once('@'));
    let (_, digest) = digests.find(|(name, _)| repository(name) == repository(image))?;
    Some(digest.to_owned())
}

/// Returns whether the engine has `image`; an engine that does not say has none.
pub(super) async fn has(engine: &Engine, image: &str) -> bool {
    engine
        .command(["image", "inspect", "--format={{.Id}}"])
        .arg(normalized(image))
        .deadline(LOOK)
        .output()
        .await
        .is_ok()
}

/// Returns whether the engine says that it has no such image: `image not known` (podman), `No such image` (docker),
/// `no such image` (nerdctl).
fn is_missing(said: &str) -> bool {
    let said = said.to_lowercase();
    ["not known", "no such image", "no such object"].iter().any(|words| said.contains(words))
}

/// Gives `image` another name.
pub(super) async fn tag(engine: &Engine, image: &str, name: &str, resilience: &Resilience) -> Result<(), ImageError> {
    let tag = engine.command(["tag", image, name]);
    let tagged = resilience.engine("naming an image", || tag.output()).await;
    tagged.map(drop).map_err(|source| ImageError::Build { image: name.to_owned(), source })
}

/// Returns the largest layer of `image`; `None` when the engine does not tell.
pub(super) async fn largest_layer(engine: &Engine, image: &str) -> Option<LargestLayer> {
    let format = "--format={{.Size}}\t{{.CreatedBy}}";
    let history = engine.command(["history", "--no-trunc", "--human=false", format]);
    let history = history.arg(normalized(image)).deadline(LOOK);
    LargestLayer::of_history(image, &history.output().await.ok()?)
}

/// Pulls `image` from its registry.
pub(super) async fn pull(engine: &Engine, image: &str, resilience: &Resilience, step: &Step) -> Result<(), ImageError> {
    // Podman resolves no short names where it is not told how.
    let pull = engine.command(["pull", &normalized(image)]).deadline(PULL);
    let run = || {
        let say = step.handle();
        pull.stream(move |line| say.progress(line))
    };
    let pulled = resilience.of(step.handle()).registry("pull", run).await;
    pulled.map_err(|source| ImageError::Pull { image: image.into(), source })
}

#[cfg(test)]
mod tests {
    use super::{digest, is_missing};

    #[test]
    fn the_digest_is_that_of_the_images_own_repository() {
        let told = r#"["localhost/mine@sha256:01", "redis@sha256:02", "redis@sha256:03"]"#;
        assert_eq!(digest(told, "docker.io/library/redis:7").as_deref(), Some("sha256:02"));
        assert_eq!(digest(told, "ghcr.io/me/redis:7"), None);
        assert_eq!(digest("null", "redis:7"), None);
    }

    #[test]
    fn an_image_that_is_not_there_is_no_error() {
        assert!(is_missing("Error: inspecting object: localhost/x:1: image not known"));
        assert!(is_missing("Error response from daemon: No such image: x:1"));
        assert!(!is_missing("Error: cannot connect to the docker daemon"));
    }
}
