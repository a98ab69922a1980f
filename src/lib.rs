//! Gives a test suite a real Kubernetes environment.

pub mod config;
pub mod exec;
pub mod folders;
pub mod object;
pub mod plan;
pub mod ready;
pub mod report;
pub mod setup;
