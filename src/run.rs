//! Layer 4, a run: the order of its stages, the report of a failure, and undoing it.

pub mod diagnostics;
pub mod failed_run;
pub mod failure_report;
pub mod junit_file;
pub mod past_runs;
pub mod protocol;
mod running;
pub mod session;

pub use running::Running;
