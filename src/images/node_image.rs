//! The image of a cluster's nodes: kind's, or our own.

use std::sync::Arc;

use super::ImageError;
use super::builds::{ImageBuilder, Present, Task};
use super::recipe::Recipe;
use crate::suite::config::ImageSource;
use crate::suite::config::kubernetes;

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
}
