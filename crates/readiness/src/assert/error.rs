//! Why an assertion returned no object.

use std::error::Error as _;
use std::fmt;
use std::time::Duration;

use kube::runtime::watcher;

use super::failure::Failure;
use super::render::seconds;
use super::subject::Subject;

/// Why an assertion did not hold, or could not be checked.
///
/// `Debug` prints what `Display` does, and then the causes: it is what a test prints that returns the error.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The assertion does not hold.
    #[error("{0}")]
    Failed(Box<Failure>),
    /// A requirement cannot be read. No request was made, unless an expression is of the wrong type.
    #[error("cannot check {subject}")]
    Invalid {
        /// The object.
        subject: Box<Subject>,
        /// What is wrong with the requirement.
        source: InvalidRequirement,
    },
    /// The API server did not answer, so whether the assertion holds is unknown.
    #[error("{}", unanswered(subject, *waited, *last_answer))]
    Unanswered {
        /// The object.
        subject: Box<Subject>,
        /// How long it was waited for.
        waited: Duration,
        /// When the API server last said something of the object, since the assertion began; `None` for never.
        last_answer: Option<Duration>,
        /// The last error of the watch; `None` if a request was neither answered nor failed.
        source: Option<Box<watcher::Error>>,
    },
    /// The API server refuses to list or watch the object, which no waiting changes: the kind is not served, or the user
    /// lacks the permission.
    #[error("cannot list and watch {subject}: {}", refusal(subject, *code))]
    Refused {
        /// The object.
        subject: Box<Subject>,
        /// The HTTP status.
        code: u16,
        /// What the API server says.
        source: Box<watcher::Error>,
    },
    /// What the API server sent is no object of the asserted type.
    #[error("{subject} cannot be read as {expected}")]
    Unreadable {
        /// The object.
        subject: Box<Subject>,
        /// The Rust type.
        expected: &'static str,
        /// What does not fit.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Why a requirement cannot be checked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRequirement {
    /// The YAML has an error.
    #[error("the wanted YAML cannot be read")]
    Yaml(#[source] Box<serde_saphyr::Error>),
    /// The wanted piece cannot be serialized.
    #[error("the wanted piece of the object cannot be serialized")]
    Piece(#[source] serde_json::Error),
    /// Nothing could fail to contain it.
    #[error("the wanted piece of the object is not a mapping with at least one field")]
    NoMapping,
    /// The expression is no CEL.
    #[cfg(feature = "cel")]
    #[error("the CEL expression `{expression}` cannot be read: {message}")]
    CelSyntax {
        /// The expression.
        expression: String,
        /// What is wrong with it, and where.
        message: String,
    },
    /// The expression is neither true nor false of any object.
    #[cfg(feature = "cel")]
    #[error("the CEL expression `{expression}` {message}")]
    CelType {
        /// The expression.
        expression: String,
        /// What it is instead.
        message: String,
    },
}

impl Error {
    /// The failure, if the assertion was checked and does not hold.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Error::Failed(failure) => Some(failure),
            _ => None,
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        let mut source = self.source();
        while let Some(error) = source {
            write!(f, "\n  caused by: {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

fn unanswered(subject: &Subject, waited: Duration, last_answer: Option<Duration>) -> String {
    let waited = seconds(waited);
    match last_answer {
        None => format!("cannot check {subject}: the API server never answered within {waited}"),
        Some(last) => format!(
            "cannot check {subject}: the API server last answered at +{}, and no more until the end at +{waited}",
            seconds(last)
        ),
    }
}

fn refusal(subject: &Subject, code: u16) -> String {
    let resource = subject.qualified_resource();
    match code {
        401 => "the API server does not know the user (401)".into(),
        403 => format!("the user may not list and watch {resource} (403)"),
        404 => format!("the API server does not serve {resource} (404)"),
        code => format!("the API server refuses it ({code})"),
    }
}
