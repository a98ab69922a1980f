//! The command line as a person meets it: what it says, how it ends, and what it leaves, on good days and bad ones.
//!
//! No cluster is needed: engine and kind are scripts that write down what they are asked to do.

#![expect(clippy::unwrap_used, reason = "a test that cannot prepare its host has failed")]

mod api;
mod bad_days;
mod base_image;
mod builds;
mod charts;
mod consent;
mod engines;
mod existing;
mod existing_later_runs;
mod existing_side_by_side;
mod failures;
mod guest;
mod health;
mod init;
mod leases;
mod push;
mod registry;
mod reports;
mod runs;
mod support;
mod usage;
