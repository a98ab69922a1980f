//! Loads the images of components into nodes that lack them.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::BoxFuture;
use tokio::sync::Mutex;

use super::builds::{Task, task};
use super::nodes::LoadedImages;
use super::nodes_up::NodesUp;
use super::{ComponentImages, ImageBuilds, ImageError};
use crate::host::resilience::Resilience;
use crate::report::{Events, Outcome, Phase};

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
        let there = Arc::default();
        let components = components.into_iter().map(|name| {
            let load = ComponentLoad {
                component: name.to_owned(),
                builds: builds.clone(),
                nodes: nodes.clone(),
                there: Arc::clone(&there),
                events: events.clone(),
                resilience: resilience.of(events.handle(Phase::Load, name)),
            };
            (name.to_owned(), task(load.run()))
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

/// Loads the images of one component.
struct ComponentLoad {
    component: String,
    builds: Arc<ImageBuilds>,
    nodes: NodesUp,
    /// The number of the boot, and what is on its nodes. Unpacking takes the time, and a node does not unpack two images
    /// faster in parallel: who loads holds it.
    there: Arc<Mutex<(u32, LoadedImages)>>,
    events: Events,
    resilience: Resilience,
}

impl ComponentLoad {
    /// Loads them once they are made and nodes accept images; again if these nodes are replaced by others.
    async fn run(mut self) -> Result<ComponentImages, Arc<ImageError>> {
        let images = self.builds.component(&self.component).await?;
        let references: Vec<String> = images.values().cloned().collect();
        loop {
            let (boot, nodes) = self.nodes.accepting().await?;
            let Some(nodes) = nodes else { return Ok(images) };
            let prepared = nodes.prepare(&references).await;
            let mut there = self.there.lock().await;
            if there.0 != boot {
                *there = (boot, LoadedImages::default());
            }
            let step = self.events.step(Phase::Load, &self.component);
            let loaded = nodes.load(&references, &prepared, &mut there.1, &step, &self.resilience).await;
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
}
