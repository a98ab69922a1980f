//! Manifests: parsed, rendered, applied.

mod kustomization;
mod overlay;
mod parse;
mod render;
mod services;

pub use parse::{Manifest, ManifestError, ManifestSource, load};
pub use render::{COMPONENT_LABEL, ENVIRONMENT_ANNOTATION, MANAGED_BY, MANAGED_BY_LABEL, images, label, order};

pub(crate) use kustomization::{inputs as kustomization_inputs, is_kustomization};
pub(crate) use overlay::{Layout, instead, layout, overlays};
pub(crate) use parse::{Reader, plain_files};
pub(crate) use render::{TEST_LABEL, images_everywhere, images_of, pull_if_not_present, pull_with};
pub(crate) use services::{ServiceOfPort, free_node_ports, service_of};

/// Image references in manifests, and their replacements in the cluster.
pub type ImageMap = std::collections::BTreeMap<String, String>;
