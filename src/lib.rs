//! Gives a test suite a real Kubernetes environment.

pub mod cluster;
pub mod config;
pub mod diagnostic;
pub mod exec;
pub mod folders;
pub mod images;
pub mod manifests;
pub mod object;
pub mod plan;
pub mod ready;
pub mod report;
pub mod setup;
pub mod teardown;
mod yaml;
