//! The images of a cluster itself: that of its nodes, kind's or our own, and that of its cache.

use std::sync::Arc;

use super::ImageError;
use super::builds::{ImageBuilder, Present, Task};
use super::recipe::Recipe;
use crate::suite::config::kubernetes;
use crate::suite::config::{ImageSource, ImageSpec};

/// The image of the cache's servers.
pub(super) const REGISTRY: &str = "docker.io/library/registry:2";

/// The image of a cluster's nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeImage {
    /// Its reference.
    pub reference: String,
    /// Whether it is our own, built from packages.
    pub is_own: bool,
}

impl ImageBuilder {
    /// Returns the image of nodes with Kubernetes `version`: kind's, or with packages our own, which is built unless it
    /// exists.
    pub(super) async fn node_image(
        self: Arc<Self>,
        version: Option<String>,
        present: Present,
        base: Task<Option<String>>,
    ) -> Result<NodeImage, Arc<ImageError>> {
        let missing = |origin| ImageError::NoVersion { origin, version: version.clone().unwrap_or_default() };
        if self.source != ImageSource::Packages {
            let image = version.as_deref().and_then(kubernetes::published);
            let reference = image.ok_or_else(|| missing("registries"))?;
            return Ok(NodeImage { reference, is_own: false });
        }
        let built = kubernetes::built(version.as_deref()).ok_or_else(|| missing("packages"))?;
        let recipe = Recipe::own("node", &self.host.folders.cache)?.with("VERSION", &format!("v{built}"));
        let reference = self.make(recipe, Some(base), present, None).await?;
        Ok(NodeImage { reference, is_own: true })
    }

    /// Returns the image of the cache's servers: the usual one, or with packages our own.
    pub(super) async fn cache_image(
        self: Arc<Self>,
        present: Present,
        base: Task<Option<String>>,
    ) -> Result<String, Arc<ImageError>> {
        if self.source != ImageSource::Packages {
            // It is no image of the suite, so that its registry is not asked again for it.
            if present.clone().await?.contains(REGISTRY) {
                return Ok(REGISTRY.to_owned());
            }
            return self.pull(&ImageSpec { name: REGISTRY.into(), ..ImageSpec::default() }, present).await;
        }
        let recipe = Recipe::own("registry", &self.host.folders.cache)?;
        self.make(recipe, Some(base), present, None).await
    }
}
