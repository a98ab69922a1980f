//! A failed run: why it failed, the failure report, and what is left of it.

use std::fmt;

use super::failure_report::FailureReport;
use super::session::UpError;
use crate::cluster::ClusterError;
use crate::readiness::NotReady;
use crate::readiness::errors;
use crate::teardown::UndoErrors;

/// A failed or interrupted run. Its `Display` prints the error, the root causes, and where to look further.
#[derive(Debug)]
pub struct FailedRun {
    /// Why it failed.
    pub cause: FailureCause,
    /// The report collected before anything was removed.
    pub seen: FailureReport,
    /// The outcome of removing or keeping its resources.
    pub cleanup: Cleanup,
}

/// Why a run ended early.
#[derive(Debug)]
pub enum FailureCause {
    /// A stage failed.
    Error(UpError),
    /// It was interrupted.
    Interrupted,
}

/// The outcome of removing or keeping the resources of a failed run.
#[derive(Debug)]
pub enum Cleanup {
    /// All were removed.
    Undone,
    /// Not all could be removed.
    Remains(UndoErrors),
    /// A third interrupt ended the removal.
    Left,
    /// They were kept, to be inspected.
    Kept,
    /// Keeping them failed; the reaper will remove them.
    NotKept(ClusterError),
    /// They belong to an environment that existed before, and are kept.
    Stays,
}

impl fmt::Display for FailedRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.cause, &self.seen.diagnosis) {
            (FailureCause::Interrupted, _) => f.write_str("interrupted")?,
            (FailureCause::Error(error), None) => f.write_str(errors::chain(error).trim_end())?,
            (FailureCause::Error(error), Some(diagnosis)) => {
                write!(f, "{diagnosis}")?;
                if let UpError::NotReady(error) = error
                    && let NotReady::Deadline { waited, .. } = error.as_ref()
                {
                    let waited = waited.as_secs_f64();
                    write!(f, "\nnothing of it is final: the deadline came first, after {waited:.1} s")?;
                }
            }
        }
        match &self.seen.bundle {
            Some(bundle) => write!(f, "\nbundle: {} (begin with summary.txt)", bundle.display()),
            None => Ok(()),
        }
    }
}
