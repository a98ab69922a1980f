//! Layer 4, a run: the stages in their order, what went wrong, and the way back.

pub mod diagnostics;
pub mod failed_run;
pub mod failure_report;
pub mod protocol;
mod running;
pub mod session;

pub use running::Running;
