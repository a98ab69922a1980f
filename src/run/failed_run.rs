//! Why a run did not come to a good end, what was seen of it, and what is left.

use std::fmt;

use super::failure_report::FailureReport;
use super::session::UpError;
use crate::cluster::ClusterError;
use crate::readiness::NotReady;
use crate::readiness::errors;
use crate::teardown::UndoErrors;

/// A run that did not come to a good end. Its `Display` says what went wrong, with the root causes, and where to look further.
#[derive(Debug)]
pub struct FailedRun {
    /// Why it ended.
    pub why: Why,
    /// What was seen of it before anything was removed.
    pub seen: FailureReport,
    /// What became of what it had made.
    pub rest: Rest,
}

/// Why a run ended early.
#[derive(Debug)]
pub enum Why {
    /// A stage failed.
    Error(UpError),
    /// It was told to end.
    Interrupted,
}

/// What became of what a run had made.
#[derive(Debug)]
pub enum Rest {
    /// All of it is removed.
    Undone,
    /// Not all of it could be removed.
    Remains(UndoErrors),
    /// A third interrupt ended the removal.
    Left,
    /// It was kept for a person to look at.
    Kept,
    /// It was to be kept, and the reaper will remove it.
    NotKept(ClusterError),
    /// It belongs to an environment that was there before, and stays.
    Stays,
}

impl fmt::Display for FailedRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.why, &self.seen.diagnosis) {
            (Why::Interrupted, _) => f.write_str("interrupted")?,
            (Why::Error(error), None) => f.write_str(errors::chain(error).trim_end())?,
            (Why::Error(error), Some(diagnosis)) => {
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
