//! The verdict about one object.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

/// The verdict about one object.
///
/// In JSON `{"verdict": "failed", "reason": "CrashLoopBackOff", "message": "…", "hint": "…"}`; `verdict` is `ready`, `waiting` or
/// `failed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "verdict", rename_all = "lowercase")]
pub enum Verdict {
    /// It is ready.
    Ready,
    /// It may still become ready.
    Waiting {
        /// The reason as a word for programs, in the style of Kubernetes: `ContainerCreating`.
        reason: Cow<'static, str>,
        /// The reason as an actionable sentence.
        message: String,
    },
    /// It will not become ready by itself.
    Failed {
        /// The reason as a word for programs: `CrashLoopBackOff`.
        reason: Cow<'static, str>,
        /// The problem, as a sentence.
        message: String,
        /// The suggested fix; may be empty.
        hint: String,
    },
}

impl Verdict {
    /// Returns a [`Verdict::Waiting`].
    pub fn waiting(reason: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Verdict {
        Verdict::Waiting { reason: reason.into(), message: message.into() }
    }

    /// Returns a [`Verdict::Failed`].
    pub fn failed(
        reason: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Verdict {
        Verdict::Failed { reason: reason.into(), message: message.into(), hint: hint.into() }
    }

    /// Returns `ready`, `waiting` or `failed`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Verdict::Ready => "ready",
            Verdict::Waiting { .. } => "waiting",
            Verdict::Failed { .. } => "failed",
        }
    }

    /// Returns the reason as a word; `Ready` when it is ready.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self {
            Verdict::Ready => "Ready",
            Verdict::Waiting { reason, .. } | Verdict::Failed { reason, .. } => reason,
        }
    }

    /// Returns the reason as a sentence; `None` when it is ready.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        match self {
            Verdict::Ready => None,
            Verdict::Waiting { message, .. } | Verdict::Failed { message, .. } => Some(message),
        }
    }

    /// Returns the suggested fix, if there is one.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        match self {
            Verdict::Failed { hint, .. } => Some(hint),
            Verdict::Ready | Verdict::Waiting { .. } => None,
        }
    }

    /// Returns whether it is [`Verdict::Ready`].
    #[must_use]
    pub fn is_ready(&self) -> bool {
        matches!(self, Verdict::Ready)
    }

    /// Returns whether it is [`Verdict::Failed`].
    #[must_use]
    pub fn is_failed(&self) -> bool {
        matches!(self, Verdict::Failed { .. })
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.message() {
            None => f.write_str(self.name()),
            Some(message) => write!(f, "{}: {message}", self.name()),
        }
    }
}
