//! Layer 1, the suite: parses and checks `e2e.yaml` and the files that it names, and derives the plan.

pub mod config;
pub(crate) mod graph;
pub(crate) mod hash;
pub mod manifests;
pub mod name;
pub mod plan;
pub(crate) mod reference;
pub(crate) mod template;
pub mod yaml;
