//! Gives a test suite a real Kubernetes environment.

pub mod cli;
pub mod cluster;
pub mod config;
pub mod deploy;
pub mod diagnostic;
pub mod environment;
pub mod exec;
pub mod folders;
pub mod images;
pub mod manifests;
pub mod object;
pub mod plan;
pub mod ready;
pub mod report;
pub mod session;
pub mod setup;
pub mod teardown;
mod yaml;
