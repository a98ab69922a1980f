//! The reference suite: what the five components promise, asked of the real system in a real cluster.
//!
//! The first spec that runs brings the environment up; the end of the process takes it down. README.md says how to
//! keep it, and how to choose another strategy. Specs run side by side, each in a namespace of its own; those that
//! disturb what others use take their turn alone and leave everything healthy.

mod audit;
mod environment;
mod errors;
mod full_flow;
mod health;
mod helpers;
mod manifests;
mod metrics;
mod recovery;
mod removal;
mod resilience;
mod shutdown;
mod startup;
mod support;
