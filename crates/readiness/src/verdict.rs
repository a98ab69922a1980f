//! What readiness says of one object.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

/// What readiness says of one object.
///
/// In JSON `{"verdict": "failed", "reason": "CrashLoopBackOff", "message": "…", "hint": "…"}`; `verdict` is `ready`, `waiting` or
/// `failed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "verdict", rename_all = "lowercase")]
pub enum Verdict {
    /// It does its work.
    Ready,
    /// It may still become ready.
    Waiting {
        /// Why, as a word for programs, written as Kubernetes writes reasons: `ContainerCreating`.
        reason: Cow<'static, str>,
        /// What it waits for, as a sentence that a person can act on.
        message: String,
    },
    /// It will not become ready by itself.
    Failed {
        /// Why, as a word for programs: `CrashLoopBackOff`.
        reason: Cow<'static, str>,
        /// What is wrong, as a sentence.
        message: String,
        /// What to do about it; may be empty.
        hint: String,
    },
}

impl Verdict {
    /// Shorthand for [`Verdict::Waiting`].
    pub fn waiting(reason: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Verdict {
        Verdict::Waiting { reason: reason.into(), message: message.into() }
    }

    /// Shorthand for [`Verdict::Failed`].
    pub fn failed(
        reason: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Verdict {
        Verdict::Failed { reason: reason.into(), message: message.into(), hint: hint.into() }
    }

    /// `ready`, `waiting` or `failed`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Verdict::Ready => "ready",
            Verdict::Waiting { .. } => "waiting",
            Verdict::Failed { .. } => "failed",
        }
    }

    /// The word for why; `Ready` when it is ready.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self {
            Verdict::Ready => "Ready",
            Verdict::Waiting { reason, .. } | Verdict::Failed { reason, .. } => reason,
        }
    }

    /// The sentence for why; none when it is ready.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        match self {
            Verdict::Ready => None,
            Verdict::Waiting { message, .. } | Verdict::Failed { message, .. } => Some(message),
        }
    }

    /// What to do about it, as far as it is known.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        match self {
            Verdict::Failed { hint, .. } => Some(hint),
            Verdict::Ready | Verdict::Waiting { .. } => None,
        }
    }

    /// Whether it is [`Verdict::Ready`].
    #[must_use]
    pub fn is_ready(&self) -> bool {
        matches!(self, Verdict::Ready)
    }

    /// Whether it is [`Verdict::Failed`].
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
