//! Loads the images of components into nodes that lack them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex as StdMutex, MutexGuard, PoisonError};

use futures::future::{BoxFuture, try_join_all};
use tokio::sync::Mutex;

use super::builds::{Task, task};
use super::nodes::{LoadedImages, Nodes};
use super::nodes_up::NodesUp;
use super::{ComponentImages, ImageBuilds, ImageError};
use crate::host::resilience::Resilience;
use crate::report::{Events, Outcome, Phase, Step};

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
        let (there, waiting) = (Arc::default(), Arc::default());
        let components = components.into_iter().map(|name| {
            let load = ComponentLoad {
                component: name.to_owned(),
                builds: builds.clone(),
                nodes: nodes.clone(),
                there: Arc::clone(&there),
                waiting: Arc::clone(&waiting),
                events: events.clone(),
                resilience: resilience.of(events.handle(Phase::Load, name)),
            };
            (name.to_owned(), task(load.run()))
        });
        Loads { components: components.collect() }
    }

    /// Waits until nothing is loaded any more, or a load has failed.
    pub async fn ended(&self) {
        // Who waits for that component tells the error.
        let _ = try_join_all(self.components.values().cloned()).await;
    }

    /// Resolves to the images of `component`, once they are on the nodes.
    pub fn component(&self, component: &str) -> BoxFuture<'static, Result<ComponentImages, Arc<ImageError>>> {
        match self.components.get(component) {
            Some(images) => Box::pin(images.clone()),
            None => Box::pin(async { Ok(ComponentImages::new()) }),
        }
    }
}

/// Loads the images of one component.
struct ComponentLoad {
    component: String,
    builds: Arc<ImageBuilds>,
    nodes: NodesUp,
    /// What is on the nodes. Unpacking takes the time, and a node does not unpack two images faster in parallel: who loads
    /// holds it.
    there: Arc<Mutex<There>>,
    /// The images that are made, and that nobody has loaded yet.
    waiting: Arc<StdMutex<BTreeSet<String>>>,
    events: Events,
    resilience: Resilience,
}

/// What is on the nodes of one boot.
#[derive(Default)]
struct There {
    /// The number of the boot.
    boot: u32,
    images: LoadedImages,
    /// The images that came in together with those of another component.
    together: BTreeSet<String>,
}

impl ComponentLoad {
    /// Loads them once they are made and nodes accept images; again if these nodes are replaced by others.
    async fn run(mut self) -> Result<ComponentImages, Arc<ImageError>> {
        let images = self.builds.component(&self.component).await?;
        let references: Vec<String> = images.values().cloned().collect();
        if references.is_empty() {
            return Ok(images);
        }
        loop {
            self.waiting().extend(references.iter().cloned());
            let (boot, nodes) = self.nodes.accepting().await?;
            let Some(nodes) = nodes else { return Ok(images) };
            let begin = || self.events.step(Phase::Load, &self.component);
            // Those that wait come in together.
            let early = nodes.layers.is_some().then(begin);
            let mut there = self.there.lock().await;
            if there.boot != boot {
                *there = There { boot, ..There::default() };
            }
            let step = early.unwrap_or_else(begin);
            let loaded = self.load(&nodes, &references, &mut there, &step).await;
            drop(there);
            let failed = match loaded {
                Ok(loaded) => {
                    step.finish(if loaded { Outcome::Done } else { Outcome::Unchanged });
                    None
                }
                Err(error) => Some((step, error)),
            };
            match (self.nodes.stay(boot).await?, failed) {
                (true, None) => return Ok(images),
                (true, Some((_step, error))) => return Err(Arc::new(error)),
                (false, failed) => failed.into_iter().for_each(|(step, _)| step.unchanged()),
            }
        }
    }

    /// Loads the component's images. Those that wait for their turn come in together with them where layers are mounted,
    /// which calls the engine as often for several as for one.
    async fn load(&self, nodes: &Nodes, images: &[String], there: &mut There, step: &Step) -> Result<bool, ImageError> {
        if nodes.layers.is_some() {
            let waiting: Vec<String> = std::mem::take(&mut *self.waiting()).into_iter().collect();
            if !waiting.is_empty() {
                let lacking = nodes.mount_together(&waiting, &mut there.images, &self.resilience).await?;
                there.together.extend(lacking);
            }
        }
        let loaded = nodes.load(images, &mut there.images, step, &self.resilience).await?;
        Ok(loaded || images.iter().any(|image| there.together.contains(image)))
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
