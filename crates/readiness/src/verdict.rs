//! What readiness says of one object.

use std::fmt;

use serde::Serialize;

/// What readiness says of one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "lowercase")]
pub enum Verdict {
    /// It does its work.
    Ready,
    /// It may still become ready.
    Waiting {
        /// What it waits for, in words a person can act on.
        reason: String,
    },
    /// It will not become ready by itself.
    Failed {
        /// What is wrong.
        reason: String,
        /// What to do about it.
        hint: String,
    },
}

impl Verdict {
    /// Shorthand for [`Verdict::Waiting`].
    pub fn waiting(reason: impl Into<String>) -> Verdict {
        Verdict::Waiting { reason: reason.into() }
    }

    /// Shorthand for [`Verdict::Failed`].
    pub fn failed(reason: impl Into<String>, hint: impl Into<String>) -> Verdict {
        Verdict::Failed { reason: reason.into(), hint: hint.into() }
    }

    /// `Ready`, `Waiting` or `Failed`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Verdict::Ready => "Ready",
            Verdict::Waiting { .. } => "Waiting",
            Verdict::Failed { .. } => "Failed",
        }
    }

    /// Whether it is [`Verdict::Ready`].
    #[must_use]
    pub fn is_ready(&self) -> bool {
        matches!(self, Verdict::Ready)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Ready => f.write_str("ready"),
            Verdict::Waiting { reason } => write!(f, "waiting: {reason}"),
            Verdict::Failed { reason, .. } => write!(f, "failed: {reason}"),
        }
    }
}
