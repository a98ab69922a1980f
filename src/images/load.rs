//! Loads missing images into nodes, streamed from the engine without an archive in between.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, Shared, join_all, try_join_all};
use tokio::sync::Mutex;

use super::builds::{Task, task};
use super::engine::largest_layer;
use super::{ComponentImages, ImageBuilds, ImageError};
use crate::host::exec::{Cmd, ExecError};
use crate::host::resilience::Resilience;
use crate::host::setup::{Engine, LOOK};
use crate::report::{Events, LargestLayer, Phase, Step};
use crate::suite::reference::normalized;

/// Deadline for a node to unpack a component's images: gigabytes, on a disk with other writers.
const UNPACK: Duration = Duration::from_secs(15 * 60);

/// Resolves to the nodes once they accept images; to `None` when images are not loaded into this cluster.
pub type NodesUp = Shared<BoxFuture<'static, Result<Option<Nodes>, Arc<ImageError>>>>;

/// The images of all components, being loaded into the nodes.
pub struct Loads {
    components: BTreeMap<String, Task<ComponentImages>>,
}

impl std::fmt::Debug for Loads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loads").field("components", &self.components.keys()).finish_non_exhaustive()
    }
}

impl Loads {
    /// Starts loading each component's images once they and the nodes are available; returns at once.
    #[must_use]
    pub fn begin<'a>(
        components: impl IntoIterator<Item = &'a str>,
        builds: &Arc<ImageBuilds>,
        nodes: &NodesUp,
        events: &Events,
        resilience: &Resilience,
    ) -> Loads {
        // Unpacking takes the time, and a node does not unpack two images faster in parallel.
        let there = Arc::new(Mutex::new(LoadedImages::default()));
        let components = components.into_iter().map(|name| {
            let (builds, nodes, events, there) = (builds.clone(), nodes.clone(), events.clone(), there.clone());
            let (component, resilience) = (name.to_owned(), resilience.of(events.handle(Phase::Load, name)));
            let load = async move {
                let images = builds.component(&component).await?;
                let Some(nodes) = nodes.await? else { return Ok(images) };
                let mut there = there.lock().await;
                let step = events.step(Phase::Load, &component);
                let references: Vec<String> = images.values().cloned().collect();
                match nodes.load(&references, &mut there, &step, &resilience).await? {
                    true => step.done(),
                    false => step.unchanged(),
                }
                Ok(images)
            };
            (name.to_owned(), task(load))
        });
        Loads { components: components.collect() }
    }

    /// Resolves to the images of `component`, once they are on the nodes.
    pub fn component(&self, component: &str) -> BoxFuture<'static, Result<ComponentImages, Arc<ImageError>>> {
        match self.components.get(component) {
            Some(images) => Box::pin(images.clone()),
            None => Box::pin(async { Ok(ComponentImages::new()) }),
        }
    }
}

/// The images known to be on a node, by the node's name.
type LoadedImages = BTreeMap<String, BTreeSet<String>>;

/// What was loaded into a node.
struct NodeLoad {
    /// The images that it has now.
    there: BTreeSet<String>,
    /// Whether it lacked any.
    loaded: bool,
    /// The largest layer of each image that it lacked.
    layers: Vec<LargestLayer>,
}

/// The node containers of a cluster.
#[derive(Debug, Clone)]
pub struct Nodes {
    /// The engine that runs them.
    pub engine: Engine,
    /// Their names.
    pub names: Vec<String>,
    /// The cluster's folder. The engine's temporary files are below it and are deleted with it, since an engine that is
    /// ended does not clean up.
    pub folder: PathBuf,
}

impl Nodes {
    /// Loads those of `images` that a node lacks, into all nodes at once; lists the images of nodes that are not in
    /// `there`. Returns whether any was loaded.
    ///
    /// # Errors
    /// When a node's images cannot be listed, or loading fails.
    async fn load(
        &self,
        images: &[String],
        there: &mut LoadedImages,
        step: &Step,
        resilience: &Resilience,
    ) -> Result<bool, ImageError> {
        let each = self.names.iter().map(|node| {
            let known = there.get(node).cloned();
            async move { Ok((node, self.load_into(node, images, known, resilience).await?)) }
        });
        let (mut loaded, mut layers) = (false, BTreeMap::new());
        for (node, part) in try_join_all(each).await? {
            loaded |= part.loaded;
            there.insert(node.clone(), part.there);
            layers.extend(part.layers.into_iter().map(|layer| (layer.image.clone(), layer)));
        }
        layers.into_values().for_each(|layer| step.largest_layer(layer));
        Ok(loaded)
    }

    /// Loads those of `images` that a node lacks; `known` are those that it has, if they have been listed.
    async fn load_into(
        &self,
        node: &str,
        images: &[String],
        known: Option<BTreeSet<String>>,
        resilience: &Resilience,
    ) -> Result<NodeLoad, ImageError> {
        let failed = |source| ImageError::Load { images: images.join(", "), node: node.to_owned(), source };
        let mut there = match known {
            Some(known) => known,
            None => self.list(node, resilience).await.map_err(failed)?,
        };
        let lacking: Vec<String> = images.iter().filter(|image| !there.contains(&normalized(image))).cloned().collect();
        let mut layers = Vec::new();
        if !lacking.is_empty() {
            let scratch = self.folder.join("tmp");
            let unwritable = |source| ImageError::File { image: images.join(", "), source };
            fs_err::create_dir_all(&scratch).map_err(unwritable)?;
            let mut save = self.engine.command(["save"]).env("TMPDIR", scratch).deadline(UNPACK);
            if lacking.len() > 1 && self.engine.kind == crate::host::setup::EngineKind::Podman {
                save = save.arg("--multi-image-archive");
            }
            let import = self.ctr(node, &["images", "import", "-"]);
            let save = lacking.iter().fold(save, |save, image| save.arg(normalized(image)));
            let told = join_all(lacking.iter().map(|image| largest_layer(&self.engine, image)));
            let (told, piped) = tokio::join!(told, resilience.engine("loading", || save.pipe(&import)));
            piped.map_err(failed)?;
            layers.extend(told.into_iter().flatten());
            there.extend(lacking.iter().map(|image| normalized(image)));
        }
        Ok(NodeLoad { there, loaded: !lacking.is_empty(), layers })
    }

    /// Returns the images on a node, with containerd's names.
    async fn list(&self, node: &str, resilience: &Resilience) -> Result<BTreeSet<String>, ExecError> {
        let list = self.ctr(node, &["images", "ls", "-q"]).deadline(LOOK);
        let list = resilience.engine("listing the node's images", || list.output()).await?;
        Ok(list.lines().map(str::to_owned).collect())
    }

    fn ctr(&self, node: &str, args: &[&str]) -> Cmd {
        self.engine.command(["exec", "-i", node, "ctr", "--namespace=k8s.io"].iter().chain(args).copied())
    }
}
