//! Layer 2, the host: programs, files and processes of this machine.

pub(crate) mod calibrate;
pub mod cause;
pub mod credentials;
pub mod engine_kind;
pub mod exec;
pub mod folders;
pub mod resilience;
pub mod setup;
pub(crate) mod system;
