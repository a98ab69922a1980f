//! The reference suite: what the five components promise, asked of the real system in a real cluster.
//!
//! The first spec that runs brings the environment up; the end of the process takes it down. README.md says how to
//! keep it, and how to choose another strategy.

mod analysis;
mod environment;
mod health;
mod order;
mod support;
