//! Errors of assertions.

use std::error::Error as _;
use std::fmt;
use std::time::Duration;

use kube::runtime::watcher;

use super::failure::Failure;
use super::render::seconds;
use super::subject::Subject;

/// Why an assertion does not hold, or could not be checked.
///
/// `Debug` prints what `Display` does, and then the causes: tests that return the error print it.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The assertion does not hold.
    #[error("{0}")]
    Failed(Box<Failure>),
    /// A requirement is invalid. No request was made, unless an expression is of the wrong type.
    #[error("cannot check {subject}")]
    Invalid {
        /// The object.
        subject: Box<Subject>,
        /// The problem with the requirement.
        source: InvalidRequirement,
    },
    /// The API server did not respond, so whether the assertion holds is unknown.
    #[error("{}", unanswered(subject, *waited, *last_answer))]
    Unanswered {
        /// The object.
        subject: Box<Subject>,
        /// How long it was waited for.
        waited: Duration,
        /// When the API server last returned the object's state, since the assertion started; `None` for never.
        last_answer: Option<Duration>,
        /// The last error of the watch; `None` if a request neither succeeded nor failed.
        source: Option<Box<watcher::Error>>,
    },
    /// The API server denies listing or watching the object, permanently: the kind is not served, or the user lacks the
    /// permission.
    #[error("cannot list and watch {subject}: {}", refusal(subject, *code))]
    Refused {
        /// The object.
        subject: Box<Subject>,
        /// The HTTP status.
        code: u16,
        /// The API server's error.
        source: Box<watcher::Error>,
    },
    /// The API server's response cannot be deserialized as the asserted type.
    #[error("{subject} cannot be read as {expected}")]
    Unreadable {
        /// The object.
        subject: Box<Subject>,
        /// The Rust type.
        expected: &'static str,
        /// The deserialization error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Why a requirement cannot be checked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRequirement {
    /// The YAML is invalid.
    #[error("the wanted YAML cannot be read")]
    Yaml(#[source] Box<serde_saphyr::Error>),
    /// The wanted piece cannot be serialized.
    #[error("the wanted piece of the object cannot be serialized")]
    Piece(#[source] serde_json::Error),
    /// Every object would contain it.
    #[error("the wanted piece of the object is not a mapping with at least one field")]
    NoMapping,
    /// The expression is not valid CEL.
    #[cfg(feature = "cel")]
    #[error("the CEL expression `{expression}` cannot be read: {message}")]
    CelSyntax {
        /// The expression.
        expression: String,
        /// The problem, and its position.
        message: String,
    },
    /// The result of the expression is not Boolean.
    #[cfg(feature = "cel")]
    #[error("the CEL expression `{expression}` {message}")]
    CelType {
        /// The expression.
        expression: String,
        /// The actual result.
        message: String,
    },
}

impl Error {
    /// Returns the failure, if the assertion was checked and does not hold.
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
