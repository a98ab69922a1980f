//! What `init` prints.

use serde::Serialize;

/// `init`: the files of a first suite, and why the suite is as it is.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Init<'a> {
    /// Every file that the suite needs.
    pub(crate) files: &'a [InitFile],
    /// Every choice, in the order in which they were made.
    pub(crate) choices: &'a [Choice],
    /// The commands to run next.
    pub(crate) next: &'a [String],
}

/// A file of a first suite.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct InitFile {
    /// Its path, relative to the folder.
    pub(crate) path: String,
    /// Whether it was written or appended to; false when it existed and was left as it is.
    pub(crate) written: bool,
    /// The same in words.
    pub(crate) message: String,
}

/// A choice of `init`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Choice {
    /// What was chosen, or left out.
    pub(crate) what: String,
    /// The reason, as it follows the word "because".
    pub(crate) because: String,
}

impl Choice {
    /// Returns the choice `what`, made `because` of this.
    pub(crate) fn new(what: impl Into<String>, because: impl Into<String>) -> Choice {
        Choice { what: what.into(), because: because.into() }
    }
}

impl std::fmt::Display for Choice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, because {}", self.what, self.because)
    }
}
