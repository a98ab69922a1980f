//! Layer 4, a run: the stages in their order, what went wrong, and the way back.

pub mod diagnostics;
mod failed_run;
mod failure_report;
mod protocol;
mod running;
pub mod session;

pub use failed_run::{FailedRun, Rest, Why};
pub use failure_report::FailureReport;
pub use protocol::{Interrupts, OnFailure, Part, REPORT, Run, Uninterrupted};
pub use running::Running;
