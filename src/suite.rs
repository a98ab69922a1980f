//! Layer 1, the suite: what `e2e.yaml` and the files that it names say, checked, and the plan that follows from it.

pub mod config;
pub(crate) mod graph;
pub(crate) mod hash;
pub mod manifests;
pub mod name;
pub mod plan;
pub mod yaml;
