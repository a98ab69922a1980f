//! Gives a test suite a real Kubernetes environment.

pub mod config;
pub mod exec;
pub mod object;
pub mod plan;
pub mod ready;
pub mod report;
