//! Images that are pushed to a registry, from which the nodes of an existing cluster pull them.
//!
//! The engine pushes, with the host's own logins, mirrors and authorities. The digest by which an image was pushed is
//! remembered; while the registry has that, nothing is pushed again. What an engine pushes anew are only the layers that
//! the registry lacks.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;

use super::builds::ImageBuilder;
use super::{ImageError, engine};
use crate::host::exec::{Cmd, ExecError};
use crate::host::folders::{self, StagingDir};
use crate::host::setup::{Engine, EngineKind, LOOK};
use crate::report::{Phase, Step};
use crate::suite::hash::hex;
use crate::suite::reference::{normalized, short_name};

/// Deadline of a push: 1 GB takes this long at 1 MB/s.
const PUSH: Duration = Duration::from_secs(20 * 60);

/// The images of a run that are pushed, each once.
#[derive(Debug)]
pub(super) struct Pushes {
    /// The registry, and the folder in it.
    repository: String,
    /// What the nodes pull, by the name with tag under which it was pushed.
    pushed: Mutex<BTreeMap<String, Arc<OnceCell<String>>>>,
}

impl Pushes {
    /// Returns no pushes yet, to `repository`.
    pub(super) fn to(repository: &str) -> Pushes {
        Pushes { repository: repository.to_owned(), pushed: Mutex::default() }
    }

    fn cell(&self, target: &str) -> Arc<OnceCell<String>> {
        self.pushed.lock().unwrap_or_else(PoisonError::into_inner).entry(target.to_owned()).or_default().clone()
    }
}

impl ImageBuilder {
    /// Returns the reference by which the cluster uses the image that the suite calls `name` and the engine `reference`:
    /// the digest in the registry of `push`, once the registry has it; without `push`, `reference`.
    pub(super) async fn published(&self, name: &str, reference: String) -> Result<String, Arc<ImageError>> {
        let Some(pushes) = &self.pushes else { return Ok(reference) };
        let (engine, local) = (&self.host.engine, normalized(&reference));
        let gone = || ImageError::NotPushed { image: name.to_owned(), why: "the engine does not have it any more" };
        let found = engine::find(engine, &local, &self.resilience).await?.ok_or_else(gone)?;
        let repository = format!("{}/{}", pushes.repository, short_name(name));
        let target = format!("{repository}:{}", found.id);
        let cell = pushes.cell(&target);
        let published = cell.get_or_try_init(|| async {
            let step = self.events.step(Phase::Load, &target);
            let memory = self.memory(&target);
            let known = fs_err::read_to_string(&memory).unwrap_or_default();
            let known = format!("{repository}@{}", known.trim());
            if is_digest(&known) && has(engine, &known).await {
                step.unchanged();
                return Ok(known);
            }
            let digest = self.push(&local, &repository, &target, &step).await?;
            let file = |source| ImageError::File { image: target.clone(), source };
            folders::publish(&memory, &digest).map_err(file)?;
            step.done();
            Ok(format!("{repository}@{digest}"))
        });
        published.await.cloned()
    }

    /// Returns the file with the digest by which an image was pushed.
    fn memory(&self, target: &str) -> PathBuf {
        self.host.folders.cache.join("pushed").join(hex(&Sha256::digest(target)[..16]))
    }

    /// Pushes the image that the engine calls `local`; returns its digest in the registry.
    async fn push(&self, local: &str, repository: &str, target: &str, step: &Step) -> Result<String, Arc<ImageError>> {
        let engine = &self.host.engine;
        let failed = |source| ImageError::Push {
            image: target.to_owned(),
            engine: engine.kind.name(),
            registry: crate::suite::reference::registry(target).to_owned(),
            source,
        };
        let thing = format!("push-{}", hex(&Sha256::digest(target)[..16]));
        let waits = || step.progress("waiting for another run that pushes it");
        let file = |source| ImageError::File { image: target.to_owned(), source };
        let aside = StagingDir::take(&self.host.folders, &thing, waits).await.map_err(file)?;
        let written = aside.path().join("digest");
        if engine.kind == EngineKind::Podman {
            // Its own digest of an image is of uncompressed layers, and not that of what it pushes.
            let push = engine.command(["push", "--digestfile"]).arg(&written).arg(local).arg(target);
            self.run_push(push, step).await.map_err(failed)?;
            let digest = fs_err::read_to_string(&written).map_err(file)?;
            return Ok(checked(target, Some(digest.trim()))?);
        }
        let was_there = engine::find(engine, target, &self.resilience).await?.is_some();
        engine::tag(engine, local, target, &self.resilience).await?;
        let pushed = self.run_push(engine.command(["push", target]), step).await;
        let told = engine.command(["image", "inspect", "--format={{json .RepoDigests}}", target]).deadline(LOOK);
        let told = told.output().await;
        if !was_there {
            // Only the name; it would keep the image when its other names are gone.
            let _ = engine.command(["rmi", target]).output().await;
        }
        pushed.map_err(failed)?;
        let digests: Vec<String> = serde_json::from_str(&told.map_err(failed)?).unwrap_or_default();
        let digest = digests.iter().rev().find_map(|it| it.strip_prefix(repository)?.strip_prefix('@'));
        Ok(checked(target, digest)?)
    }

    async fn run_push(&self, push: Cmd, step: &Step) -> Result<(), ExecError> {
        let push = push.deadline(PUSH);
        let run = || {
            let say = step.handle();
            push.stream(move |line| say.progress(line))
        };
        self.resilience.of(step.handle()).registry("push", run).await
    }
}

/// Returns whether the registry has an image, as far as the engine says. Where it cannot say, pushing again finds out.
async fn has(engine: &Engine, image: &str) -> bool {
    match engine.command(["manifest", "inspect", image]).deadline(LOOK).output().await {
        Ok(_) => true,
        Err(ExecError::Failed { tail, .. }) => is_served(&tail),
        Err(_) => false,
    }
}

/// Returns whether podman up to 4.3, which inspects only lists of images, says that it has found an image.
fn is_served(said: &str) -> bool {
    said.contains("Treating single images as manifest lists is not implemented")
}

fn checked(image: &str, digest: Option<&str>) -> Result<String, ImageError> {
    let digest = digest.filter(|digest| is_digest(&format!("@{digest}")));
    let why = "the engine does not say which digest it has in the registry";
    digest.map(str::to_owned).ok_or_else(|| ImageError::NotPushed { image: image.to_owned(), why })
}

/// Returns whether a reference ends with a digest.
fn is_digest(reference: &str) -> bool {
    let digest = reference.rsplit_once("@sha256:").map_or("", |(_, digest)| digest);
    digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_digest_is_believed() {
        let whole = format!("sha256:{}", "0a".repeat(32));
        assert_eq!(checked("r.example/a:1", Some(&whole)).unwrap(), whole);
        for bad in [None, Some(""), Some("sha256:0a"), Some("latest")] {
            let error = checked("r.example/a:1", bad).unwrap_err().to_string();
            assert!(error.starts_with("r.example/a:1 cannot be pushed: the engine does not say"), "{error}");
        }
    }
}
