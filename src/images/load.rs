//! Loads the images of components into nodes that lack them.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::{BoxFuture, Shared};
use tokio::sync::Mutex;

use super::builds::{Task, task};
use super::nodes::{LoadedImages, Nodes};
use super::{ComponentImages, ImageBuilds, ImageError};
use crate::host::resilience::Resilience;
use crate::report::{Events, Phase};

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
