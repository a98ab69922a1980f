//! The source of images: `auto` asks the registries of the suite's images, by means of the engine.
//!
//! The engine is asked, and not the registry, because only the engine knows its credentials, mirrors, proxies and
//! authorities. It has no question without an answer of megabytes, so a pull is begun and ended when the registry has
//! answered.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;
use tokio::sync::oneshot;

use super::engine;
use super::node_image::REGISTRY;
use crate::host::setup::{Engine, EngineKind, LOOK};
use crate::suite::config::ImageSource;
use crate::suite::config::kubernetes;
use crate::suite::plan::Plan;
use crate::suite::reference::{normalized, registry};

/// kind's node image. Any tag does: "no such tag" is an answer of the registry too.
const NODE: &str = "docker.io/kindest/node";

/// Deadline of a registry's answer. A slower one would be too slow for pulls.
const PATIENCE: Duration = Duration::from_secs(10);

/// The chosen source, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Never [`ImageSource::Auto`].
    pub source: ImageSource,
    /// One sentence for the user.
    pub why: String,
}

/// The images for which a run may need a registry.
#[derive(Debug, Clone, Default)]
pub struct Needed {
    /// The images, each with whether a recipe can make it instead.
    images: BTreeMap<String, bool>,
}

impl Needed {
    /// Returns the images of `plan` that are pulled.
    #[must_use]
    pub fn of(plan: &Plan) -> Needed {
        let images = plan.components().flat_map(|component| &component.images);
        let pulled = images.filter(|image| !image.is_made() && image.cargo.is_none());
        let cache = plan.suite().cluster.cache.then(|| (REGISTRY.to_owned(), true));
        let pulled = pulled.map(|image| (image.name.clone(), image.recipe.is_some()));
        Needed { images: pulled.chain(cache).collect() }
    }

    /// Adds the node images of a new cluster: the one of the suite's version of Kubernetes, or those that are `named` by
    /// kind's configuration, or else kind's own.
    #[must_use]
    pub fn and_nodes(mut self, version: Option<&str>, named: &[String]) -> Needed {
        if let Some(image) = version.and_then(kubernetes::published) {
            self.images.insert(image, kubernetes::built(version).is_some());
            return self;
        }
        self.images.extend(named.iter().map(|node| (node.clone(), false)));
        if named.is_empty() {
            self.images.insert(NODE.to_owned(), true);
        }
        self
    }
}

/// Replaces `auto` by one of the other sources; returns those unchanged. Without an engine no registry can be asked, and
/// they are the source.
pub async fn decide(wanted: ImageSource, engine: Option<&Engine>, needed: &Needed) -> Choice {
    match (wanted, engine) {
        (ImageSource::Auto, Some(engine)) => ask(engine, needed).await,
        (ImageSource::Auto, None) => {
            Choice { source: ImageSource::Registry, why: "registries are asked as soon as there is an engine".into() }
        }
        (told, _) => Choice { source: told, why: "as configured".into() },
    }
}

async fn ask(engine: &Engine, needed: &Needed) -> Choice {
    let looked = needed.images.iter().map(|(image, has_recipe)| async move {
        (!is_here(engine, image).await).then_some((image.as_str(), *has_recipe))
    });
    let mut absent: BTreeMap<&str, (&str, bool)> = BTreeMap::new();
    for (image, has_recipe) in join_all(looked).await.into_iter().flatten() {
        let (_, all_have_recipes) = absent.entry(registry(image)).or_insert((image, true));
        *all_have_recipes &= has_recipe;
    }
    if absent.is_empty() {
        return Choice { source: ImageSource::Registry, why: "the engine has every image".into() };
    }
    let asked = absent
        .iter()
        .map(|(registry, (image, has_recipes))| async move { (*registry, *has_recipes, answer(engine, image).await) });
    let answers = join_all(asked).await;
    let silent = || answers.iter().filter_map(|(registry, all, answer)| Some((registry, all, answer.as_ref().err()?)));
    let told = silent().map(|(registry, _, why)| format!("{} cannot pull from {registry} ({why})", engine.kind.name()));
    let told = told.collect::<Vec<_>>().join("; ");
    if told.is_empty() {
        let registries = answers.iter().map(|(registry, ..)| *registry).collect::<Vec<_>>().join(", ");
        return Choice { source: ImageSource::Registry, why: format!("{registries} answers") };
    }
    match silent().all(|(_, all_have_recipes, _)| *all_have_recipes) {
        true => {
            let why = format!("{told}, so images are built from packages");
            Choice { source: ImageSource::Packages, why }
        }
        // The pull that fails says so again.
        false => {
            let why = format!("{told}; not every image of it has a recipe, so it is tried again");
            Choice { source: ImageSource::Registry, why }
        }
    }
}

/// Returns whether the engine has `image`; if it is kind's node image, of any tag.
async fn is_here(engine: &Engine, image: &str) -> bool {
    if image != NODE {
        return engine::has(engine, image).await;
    }
    // Not all images, for which podman takes longer. An engine that cannot list says why as soon as it is used.
    let listed = engine.command(["images", "--format", "{{.Repository}}", "kindest/node"]).deadline(LOOK);
    listed.output().await.unwrap_or_default().lines().any(|repository| normalized(repository) == normalized(NODE))
}

/// Begins to pull `image`, and ends that as soon as its registry has answered; returns what was said otherwise.
async fn answer(engine: &Engine, image: &str) -> Result<(), String> {
    let (answered, answer) = oneshot::channel();
    let (mut answered, kind) = (Some(answered), engine.kind);
    let pull = engine.command(["pull", &normalized(image)]).deadline(PATIENCE);
    let pull = pull.stream(move |line| {
        if has_begun(kind, line)
            && let Some(answered) = answered.take()
        {
            // Its receiver is only dropped with this pull.
            let _ = answered.send(());
        }
    });
    tokio::select! {
        pulled = pull => match pulled {
            Ok(()) => Ok(()),
            Err(error) if is_answer(&error.to_string()) => Ok(()),
            Err(error) => Err(error.brief()),
        },
        Ok(()) = answer => Ok(()),
    }
}

/// Returns whether the engine prints `line` once a registry has told what an image consists of.
fn has_begun(engine: EngineKind, line: &str) -> bool {
    match engine {
        EngineKind::Podman => line.contains("Getting image source signatures") || line.contains("Copying blob"),
        EngineKind::Docker => line.contains("Pulling from") || line.contains("Pulling fs layer"),
        EngineKind::Nerdctl => line.contains("layer-sha256") || line.contains("manifest-sha256"),
    }
}

/// Returns whether an engine's error is a registry's answer that there is no such image or tag.
fn is_answer(error: &str) -> bool {
    ["manifest unknown", "manifest for", "not found: manifest"].iter().any(|words| error.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_told_is_not_asked() {
        let choice = decide(ImageSource::Packages, None, &Needed::default()).await;
        assert_eq!(choice.source, ImageSource::Packages);
    }

    #[test]
    fn a_registry_that_has_no_such_tag_has_answered() {
        for error in [
            "Error response from daemon: manifest for kindest/node:latest not found: manifest unknown: manifest unknown",
            "Error: initializing source docker://kindest/node:latest: reading manifest latest in docker.io/kindest/node: \
             manifest unknown",
        ] {
            assert!(is_answer(error), "{error}");
        }
        assert!(!is_answer("dial tcp: lookup registry-1.docker.io: no such host"));
    }
}
