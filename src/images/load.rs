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
        // Unpacking takes the time, and a node does not unpack two images faster in parallel.
        let there = Arc::new(Mutex::new((0, LoadedImages::default())));
        let components = components.into_iter().map(|name| {
            let (builds, mut nodes, events, there) = (builds.clone(), nodes.clone(), events.clone(), there.clone());
            let (component, resilience) = (name.to_owned(), resilience.of(events.handle(Phase::Load, name)));
            let load = async move {
                let images = builds.component(&component).await?;
                let references: Vec<String> = images.values().cloned().collect();
                loop {
                    let (boot, up) = nodes.accepting().await?;
                    let Some(up) = up else { return Ok(images) };
                    let prepared = up.prepare(&references).await;
                    let mut there = there.lock().await;
                    if there.0 != boot {
                        *there = (boot, LoadedImages::default());
                    }
                    let step = events.step(Phase::Load, &component);
                    let loaded = up.load(&references, &prepared, &mut there.1, &step, &resilience).await;
                    drop(there);
                    let failed = match loaded {
                        Ok(loaded) => {
                            step.finish(if loaded { Outcome::Done } else { Outcome::Unchanged });
                            None
                        }
                        Err(error) => Some((step, error)),
                    };
                    match (nodes.stay(boot).await?, failed) {
                        (true, None) => return Ok(images),
                        (true, Some((_step, error))) => return Err(Arc::new(error)),
                        // Images are loaded again, into the nodes that replace these.
                        (false, failed) => failed.into_iter().for_each(|(step, _)| step.unchanged()),
                    }
                }
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
