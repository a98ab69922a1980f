//! Changes to objects before they are applied: pure functions, without a cluster.

mod images;
mod labels;
mod order;
mod pull_secrets;

pub use images::images;
pub(crate) use images::{images_everywhere, images_of, pull_if_not_present};
pub(crate) use labels::TEST_LABEL;
pub use labels::{COMPONENT_LABEL, ENVIRONMENT_ANNOTATION, MANAGED_BY, MANAGED_BY_LABEL, label};
pub use order::order;
pub(crate) use pull_secrets::pull_with;

#[cfg(test)]
mod tests;
