//! Manifests: parsed, rendered, applied.

mod overlay;
mod parse;
mod render;

pub use parse::{Manifest, ManifestError, ManifestSource, load, load_all};
pub use render::{COMPONENT_LABEL, ENVIRONMENT_ANNOTATION, MANAGED_BY, MANAGED_BY_LABEL, images, label, order};

pub(crate) use overlay::{Layout, instead, layout, overlays};
pub(crate) use parse::{files, plain_files};
pub(crate) use render::TEST_LABEL;

/// Image references in manifests, and their replacements in the cluster.
pub type ImageMap = std::collections::BTreeMap<String, String>;
