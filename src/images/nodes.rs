//! The nodes of a cluster, and how images come into them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use futures::future::{join, join_all, try_join_all};

use super::engine::largest_layer;
use super::{ImageError, layers};
use crate::host::exec::{Cmd, ExecError};
use crate::host::resilience::Resilience;
use crate::host::setup::{Engine, EngineKind, LOOK};
use crate::report::{LargestLayer, Step};
use crate::suite::config::Load;
use crate::suite::name::ClusterName;
use crate::suite::reference::normalized;

/// Deadline for a node to unpack a component's images: gigabytes, on a disk with other writers.
const UNPACK: Duration = Duration::from_secs(15 * 60);

/// The images known to be on a node, by the node's name.
pub(super) type LoadedImages = BTreeMap<String, BTreeSet<String>>;

/// How images come into nodes.
enum Prepared {
    /// Their layers are used where they are.
    Mount(Vec<layers::Image>),
    /// They are copied; the reason, if layers are mounted in the nodes and cannot be used.
    Copy(Option<String>),
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
    /// The engine's layers, if they are mounted in the nodes.
    pub layers: Option<MountedLayers>,
}

/// The engine's layers in the nodes of a cluster.
#[derive(Debug, Clone)]
pub struct MountedLayers {
    /// The engine's folder, which is mounted.
    pub root: PathBuf,
    /// The engine's command by which containers become those of the cluster.
    pub shim: PathBuf,
    /// The cluster.
    pub cluster: ClusterName,
    /// Whether images are not copied where layers cannot be used.
    pub required: bool,
}

impl Nodes {
    /// Returns the nodes, with images coming into them as `load` says.
    #[must_use]
    pub fn loading(mut self, load: Load) -> Nodes {
        self.layers = self.layers.filter(|_| load != Load::Copy);
        if let Some(layers) = &mut self.layers {
            layers.required = load == Load::Mount;
        }
        self
    }

    /// Has all nodes use the layers of those of `images` that they lack, at once, where that is possible; returns these once all
    /// nodes have them. What does not come in this way is left to [`Nodes::load`], which says why.
    ///
    /// # Errors
    /// When a node's images cannot be listed.
    pub(super) async fn mount_together(
        &self,
        images: &[String],
        there: &mut LoadedImages,
        resilience: &Resilience,
    ) -> Result<Vec<String>, ImageError> {
        let (lacking, prepared) = join(self.lacking(images, there, resilience), self.prepare(images)).await;
        let lacking = lacking?;
        if lacking.is_empty() {
            return Ok(lacking);
        }
        let Prepared::Mount(mut found) = prepared else { return Ok(Vec::new()) };
        let names: Vec<String> = lacking.iter().map(|image| normalized(image)).collect();
        found.retain(|image| names.contains(&image.name));
        let each = join_all(self.names.iter().map(|node| layers::mount(&self.engine, node, &found))).await;
        let on_all = each.iter().all(Result::is_ok);
        let mounted = self.names.iter().zip(each).filter(|(_, mounted)| mounted.is_ok());
        mounted.for_each(|(node, _)| add(there, node, &lacking));
        Ok(if on_all { lacking } else { Vec::new() })
    }

    /// Loads those of `images` that a node lacks, into all nodes at once; lists the images of nodes that are not in
    /// `there`. Returns whether any was loaded.
    ///
    /// # Errors
    /// When a node's images cannot be listed, or loading fails.
    pub(super) async fn load(
        &self,
        images: &[String],
        there: &mut LoadedImages,
        step: &Step,
        resilience: &Resilience,
    ) -> Result<bool, ImageError> {
        let lacking = self.lacking(images, there, resilience).await?;
        if lacking.is_empty() {
            return Ok(false);
        }
        let (prepared, known, lacking) = (&self.prepare(&lacking).await, &*there, &lacking);
        let each = self.names.iter().map(|node| async move {
            let lacks = |image: &&String| known.get(node).is_none_or(|known| !known.contains(&normalized(image)));
            let lacking: Vec<String> = lacking.iter().filter(lacks).cloned().collect();
            let copied = match lacking.is_empty() || self.mount(node, &lacking, prepared, step).await? {
                true => Vec::new(),
                false => self.copy(node, &lacking, resilience).await?,
            };
            Ok::<_, ImageError>((node, copied))
        });
        let mut layers = BTreeMap::new();
        for (node, copied) in try_join_all(each).await? {
            add(there, node, lacking);
            layers.extend(copied.into_iter().map(|layer| (layer.image.clone(), layer)));
        }
        layers.into_values().for_each(|layer| step.largest_layer(layer));
        Ok(true)
    }

    /// Returns those of `images` that a node lacks, after listing the images of nodes that are not in `there`.
    async fn lacking(
        &self,
        images: &[String],
        there: &mut LoadedImages,
        resilience: &Resilience,
    ) -> Result<Vec<String>, ImageError> {
        let unknown = self.names.iter().filter(|node| !there.contains_key(*node));
        let listed = unknown.map(|node| async move {
            let failed = |source| ImageError::Load { images: images.join(", "), node: node.to_owned(), source };
            Ok::<_, ImageError>((node.clone(), self.list(node, resilience).await.map_err(failed)?))
        });
        there.extend(try_join_all(listed).await?);
        let is_everywhere = |image: &str| {
            let name = normalized(image);
            self.names.iter().all(|node| there.get(node).is_some_and(|known| known.contains(&name)))
        };
        Ok(images.iter().filter(|image| !is_everywhere(image)).cloned().collect())
    }

    /// Asks the engine where the layers of `images` are, and keeps it from deleting them.
    async fn prepare(&self, images: &[String]) -> Prepared {
        let Some(mounted) = &self.layers else { return Prepared::Copy(None) };
        let inspected = layers::inspect(&self.engine, images, &mounted.root);
        let (found, holders) = join(inspected, layers::holders(&self.engine, &mounted.cluster)).await;
        let found = match found {
            Ok(found) => found,
            Err(why) => return Prepared::Copy(Some(why)),
        };
        let held = async { layers::hold(&self.engine, &mounted.shim, &mounted.cluster, &found, &holders?).await };
        match held.await {
            Ok(()) => Prepared::Mount(found),
            Err(error) => Prepared::Copy(Some(format!("it might be deleted there, since {}", error.brief()))),
        }
    }

    /// Has a node use the layers of `images` where the engine keeps them. Returns whether it does; if not, they are to be
    /// copied.
    async fn mount(&self, node: &str, images: &[String], prepared: &Prepared, step: &Step) -> Result<bool, ImageError> {
        let refused = |why: &str| match self.layers.as_ref().is_some_and(|layers| layers.required) {
            true => Err(ImageError::NotMounted { images: images.join(", "), why: why.to_owned() }),
            false => {
                step.progress(format!("copying what the node cannot use where the engine keeps it: {why}"));
                Ok(false)
            }
        };
        let found = match prepared {
            Prepared::Mount(found) => found,
            Prepared::Copy(Some(why)) => return refused(why),
            Prepared::Copy(None) => return Ok(false),
        };
        match layers::mount(&self.engine, node, found).await {
            Ok(()) => Ok(true),
            Err(error) => match layers::refused(&error) {
                Some(why) => refused(&why),
                None => Err(ImageError::Load { images: images.join(", "), node: node.to_owned(), source: error }),
            },
        }
    }

    /// Streams `images` into a node, without an archive in between. Returns their largest layers.
    async fn copy(
        &self,
        node: &str,
        images: &[String],
        resilience: &Resilience,
    ) -> Result<Vec<LargestLayer>, ImageError> {
        let scratch = self.folder.join("tmp");
        let unwritable = |source| ImageError::File { image: images.join(", "), source };
        fs_err::create_dir_all(&scratch).map_err(unwritable)?;
        let mut save = self.engine.command(["save"]).env("TMPDIR", scratch).deadline(UNPACK);
        if images.len() > 1 && self.engine.kind == EngineKind::Podman {
            save = save.arg("--multi-image-archive");
        }
        let import = self.ctr(node, &["images", "import", "-"]);
        let save = images.iter().fold(save, |save, image| save.arg(normalized(image)));
        let told = join_all(images.iter().map(|image| largest_layer(&self.engine, image)));
        let (told, piped) = tokio::join!(told, resilience.engine("loading", || save.pipe(&import)));
        piped.map_err(|source| ImageError::Load { images: images.join(", "), node: node.to_owned(), source })?;
        Ok(told.into_iter().flatten().collect())
    }

    /// Returns the images on a node, with containerd's names.
    async fn list(&self, node: &str, resilience: &Resilience) -> Result<BTreeSet<String>, ExecError> {
        // containerd may be starting.
        const LIST: &str = "until ctr --namespace=k8s.io images ls -q 2>/dev/null; do sleep 0.05; done";
        let list = self.engine.command(["exec", node, "sh", "-c", LIST]).deadline(LOOK);
        let list = resilience.engine("listing the node's images", || list.output()).await?;
        Ok(list.lines().map(str::to_owned).collect())
    }

    fn ctr(&self, node: &str, args: &[&str]) -> Cmd {
        self.engine.command(["exec", "-i", node, "ctr", "--namespace=k8s.io"].iter().chain(args).copied())
    }
}

fn add(there: &mut LoadedImages, node: &str, images: &[String]) {
    there.entry(node.to_owned()).or_default().extend(images.iter().map(|image| normalized(image)));
}
