//! All images of a run, built or pulled in the background, each at most once.

mod base;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::future::{BoxFuture, Shared};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;

use super::binary_image::BinaryImage;
use super::node_image::NodeImage;
use super::push::Pushes;
use super::recipe::Recipe;
use super::stale::Built;
use super::{ImageError, engine};
use crate::host::folders::StagingDir;
use crate::host::resilience::Resilience;
use crate::host::setup::Host;
use crate::report::{Events, Outcome, Phase};
use crate::suite::config::{CargoSpec, Component, ImageSource};
use crate::suite::manifests::ImageMap;
use crate::suite::plan::Plan;
use crate::suite::reference::normalized;

/// A result with any number of waiters; the work runs in the background and is cancelled when all handles are dropped.
pub(super) type Task<T> = Shared<BoxFuture<'static, Result<T, Arc<ImageError>>>>;

/// The images of one component: the references in its manifests, and those used in the cluster.
pub type ComponentImages = ImageMap;

/// All images of a run, in progress.
pub struct ImageBuilds {
    node: Option<Task<NodeImage>>,
    cache: Option<Task<String>>,
    components: BTreeMap<String, Task<ComponentImages>>,
    built: Option<Arc<Built>>,
}

impl std::fmt::Debug for ImageBuilds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ImageBuilds").field("components", &self.components.keys()).finish_non_exhaustive()
    }
}

impl ImageBuilds {
    /// Starts all builds and pulls, and returns at once. Those of the cluster itself are included if it `is_new`.
    #[must_use]
    pub fn begin(
        host: &Host,
        plan: &Plan,
        source: ImageSource,
        is_new: bool,
        events: &Events,
        resilience: &Resilience,
    ) -> ImageBuilds {
        let asks_again = plan.suite().pull;
        if asks_again && source == ImageSource::Packages {
            events.note(Phase::Images, "no registry is asked again: images come from packages");
        }
        let pushes = plan.suite().cluster.push.as_deref().map(Pushes::to);
        let shop = Arc::new(ImageBuilder { asks_again, pushes, ..ImageBuilder::new(host, source, events, resilience) });
        let is_new = is_new && shop.pushes.is_none();
        let present = task(shop.clone().list_images());
        let base = task(shop.clone().base(present.clone()));
        let mut images = plan.components().flat_map(|component| &component.images);
        let wanted = if images.any(|image| image.cargo.is_some()) { plan.binaries().clone() } else { BTreeSet::new() };
        let binaries = task(shop.clone().binaries(plan.root().into(), wanted.into_iter().collect()));
        let version = plan.suite().cluster.kubernetes.clone();
        let node = (is_new && (source == ImageSource::Packages || version.is_some()))
            .then(|| task(shop.clone().node_image(version, present.clone(), base.clone())));
        let cache = (is_new && plan.suite().cluster.cache)
            .then(|| task(shop.clone().cache_image(present.clone(), base.clone())));
        let mut made = shop.make_all(plan, &present, &binaries);
        if source != ImageSource::Packages {
            shop.pull_all(plan, &present, &mut made);
        }
        let components = plan.components().map(|component| {
            let job = shop.clone().component(
                component.clone(),
                plan.root().into(),
                present.clone(),
                base.clone(),
                made.clone(),
            );
            (component.name.clone(), task(job))
        });
        ImageBuilds { node, cache, components: components.collect(), built: Some(shop.built.clone()) }
    }

    /// Returns an empty set of builds: images are used as the manifests name them.
    #[must_use]
    pub fn none() -> ImageBuilds {
        ImageBuilds { node: None, cache: None, components: BTreeMap::new(), built: None }
    }

    /// Returns the node image; `None` when kind's default is used.
    ///
    /// # Errors
    /// When it cannot be built, or there is none of the suite's version of Kubernetes.
    pub async fn node(&self) -> Result<Option<NodeImage>, Arc<ImageError>> {
        match &self.node {
            Some(node) => node.clone().await.map(Some),
            None => Ok(None),
        }
    }

    /// Returns the image of the servers of the cluster's cache; `None` when the cluster has none.
    ///
    /// # Errors
    /// When it cannot be built or pulled.
    pub async fn cache(&self) -> Result<Option<String>, Arc<ImageError>> {
        match &self.cache {
            Some(cache) => cache.clone().await.map(Some),
            None => Ok(None),
        }
    }

    /// Returns the images of `component`, once all are available.
    ///
    /// # Errors
    /// When one of them cannot be built or pulled.
    pub async fn component(&self, component: &str) -> Result<ComponentImages, Arc<ImageError>> {
        match self.components.get(component) {
            Some(images) => images.clone().await,
            None => Ok(ComponentImages::new()),
        }
    }

    /// Returns the images of every component.
    ///
    /// # Errors
    /// The first that cannot be built or pulled; the others continue meanwhile.
    pub async fn all(&self) -> Result<BTreeMap<String, ComponentImages>, Arc<ImageError>> {
        let each =
            self.components.iter().map(|(name, images)| images.clone().map(|images| Ok((name.clone(), images?))));
        futures::future::join_all(each).await.into_iter().collect()
    }

    /// Has old tags of the images that were built so far removed, and returns at once. What is left when the process ends
    /// is removed by the next run that builds these images.
    pub fn remove_old(&self) {
        if let Some(built) = self.built.clone() {
            tokio::spawn(async move { built.remove_old().await });
        }
    }

    /// Resolves to the first error of a component's image; never resolves if there is none.
    pub async fn failure(&self) -> Arc<ImageError> {
        let mut open: FuturesUnordered<_> = self.components.values().cloned().collect();
        while let Some(images) = open.next().await {
            if let Err(error) = images {
                return error;
            }
        }
        std::future::pending().await
    }
}

/// Builds the image of the recipe in `folder`, and the base image if it needs that, unless they exist; returns its
/// reference.
///
/// # Errors
/// When the recipe cannot be read, or one of the two cannot be built.
pub async fn build(host: &Host, folder: &Path, events: &Events) -> Result<String, Arc<ImageError>> {
    let shop = Arc::new(ImageBuilder::new(host, ImageSource::Packages, events, &Resilience::default()));
    let present = task(shop.clone().list_images());
    let base = task(shop.clone().base(present.clone()));
    let image = shop.clone().make(Recipe::read(folder)?, Some(base), present, None).await?;
    shop.built.remove_old().await;
    Ok(image)
}

pub(super) fn task<T: Clone + Send + Sync + 'static>(
    work: impl Future<Output = Result<T, Arc<ImageError>>> + Send + 'static,
) -> Task<T> {
    let running = AbortOnDropHandle::new(tokio::spawn(work));
    async move { running.await.unwrap_or_else(|_| Err(Arc::new(ImageError::Abandoned))) }.boxed().shared()
}

/// The binaries of all cargo images.
pub(super) type Binaries = Task<BTreeMap<CargoSpec, PathBuf>>;

pub(super) type Present = Task<Arc<BTreeSet<String>>>;

/// State shared by all builds.
pub(super) struct ImageBuilder {
    pub(super) host: Host,
    pub(super) source: ImageSource,
    /// Whether registries are asked for images that are here.
    pub(super) asks_again: bool,
    pub(super) events: Events,
    pub(super) resilience: Resilience,
    /// As many concurrent builds as cores: some wait for the network while others compile.
    pub(super) benches: Semaphore,
    /// If nodes pull the images from a registry.
    pub(super) pushes: Option<Pushes>,
    built: Arc<Built>,
}

impl ImageBuilder {
    fn new(host: &Host, source: ImageSource, events: &Events, resilience: &Resilience) -> ImageBuilder {
        let benches = Semaphore::new(std::thread::available_parallelism().map_or(2, usize::from));
        let resilience = resilience.of(events.handle(Phase::Images, "engine"));
        let (host, events) = (host.clone(), events.clone());
        let (asks_again, pushes, built) = (false, None, Arc::new(Built::on(host.engine.clone())));
        ImageBuilder { host, source, asks_again, events, resilience, benches, pushes, built }
    }

    /// Returns the engine's images.
    async fn list_images(self: Arc<Self>) -> Result<Arc<BTreeSet<String>>, Arc<ImageError>> {
        let text = engine::list(&self.host.engine, &self.resilience).await.map_err(Arc::new)?;
        let names = text.lines().map(normalized).collect();
        self.built.list(text);
        Ok(Arc::new(names))
    }

    async fn component(
        self: Arc<Self>,
        component: Component,
        root: PathBuf,
        present: Present,
        base: Task<Option<String>>,
        made: BTreeMap<String, Task<String>>,
    ) -> Result<ComponentImages, Arc<ImageError>> {
        let mut images = ComponentImages::new();
        for image in &component.images {
            let reference = match (made.get(&image.name), &image.recipe) {
                (Some(made), _) => match made.clone().await {
                    Err(_) if image.optional => continue,
                    made => made?,
                },
                (None, Some(recipe)) => {
                    let recipe = Recipe::read(&root.join(recipe))?;
                    self.clone().make(recipe, Some(base.clone()), present.clone(), None).await?
                }
                (None, None) => return Err(Arc::new(ImageError::NoRecipe { image: image.name.clone() })),
            };
            images.insert(image.name.clone(), self.published(&image.name, reference).await?);
        }
        Ok(images)
    }

    /// Builds `recipe` unless an image with exactly this content exists.
    pub(super) async fn make(
        self: Arc<Self>,
        recipe: Recipe,
        base: Option<Task<Option<String>>>,
        present: Present,
        binary: Option<BinaryImage>,
    ) -> Result<String, Arc<ImageError>> {
        let base = match base {
            Some(base) if recipe.needs_base() => base.await?,
            _ => None,
        };
        let file = |source| ImageError::File { image: recipe.name().to_owned(), source };
        let more = match &binary {
            Some(content) => content.hash().map_err(file)?,
            None => Vec::new(),
        };
        let image = recipe.reference(&self.host, base.as_deref(), &more);
        let step = self.events.step(Phase::Images, recipe.name());
        if present.await?.contains(&image) {
            step.finish(Outcome::Unchanged);
            return Ok(image);
        }
        step.progress("waiting for another build to end");
        let _bench = self.benches.acquire().await;
        let thing = image.rsplit('/').next().unwrap_or_default().replace(':', "-");
        let mut has_waited = false;
        let waits = || {
            has_waited = true;
            step.progress("waiting for another run that builds it");
        };
        let aside = StagingDir::take(&self.host.folders, &thing, waits).await.map_err(file)?;
        // Another run may have built it meanwhile. A binary's image is built sooner than the engine lists what it has.
        if (has_waited || binary.is_none()) && self.clone().list_images().await?.contains(&image) {
            step.unchanged();
            return Ok(image);
        }
        if let Some(content) = &binary {
            content.copy_to(aside.path()).map_err(file)?;
        }
        let folder = binary.is_some().then(|| aside.path());
        recipe.build(&self.host, &image, base.as_deref(), folder, &step).await?;
        step.done();
        self.built.add(image.clone());
        Ok(image)
    }
}
