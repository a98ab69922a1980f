//! Errors of rendering sources.

use std::fmt;
use std::io;

use thiserror::Error;

use crate::host::exec::ExecError;
use crate::host::setup::{SetupError, Tool};
use crate::readiness::errors;
use crate::suite::plan::{Origin, Plan, SourceId};
use crate::suite::template::TemplateError;

/// Why a source could not be rendered.
#[derive(Debug, Error)]
pub enum SourceCause {
    /// The tool or program failed.
    #[error(transparent)]
    Program(#[from] ExecError),
    /// A chart could not be fetched.
    #[error("it cannot be fetched{advice}")]
    Chart {
        /// What may help, after a semicolon; empty if nothing is known.
        advice: &'static str,
        /// The cause, in helm's words.
        #[source]
        source: ExecError,
    },
    /// A file of the source, or the kept result, cannot be read or written.
    #[error(transparent)]
    File(#[from] io::Error),
    /// A template refers to something that is not there.
    #[error("{0}")]
    Template(String),
    /// The content of an address is not what the suite expects.
    #[error(
        "its SHA-256 is {found}, and e2e.yaml expects {expected}; if the file was changed on purpose, write the new one"
    )]
    OtherContent {
        /// The expected hash.
        expected: String,
        /// The hash of what was fetched.
        found: String,
    },
    /// What was fetched is no text.
    #[error("it is not UTF-8, so it has no manifests")]
    NotText,
    /// The tool for it is not there. A bug in the harness.
    #[error("no tool was prepared for it")]
    NoTool,
}

impl From<TemplateError> for SourceCause {
    fn from(error: TemplateError) -> SourceCause {
        SourceCause::Template(error.to_string())
    }
}

/// A source that could not be rendered.
#[derive(Debug, Error)]
#[error("{place}: component {component}: {source_name} cannot be rendered")]
pub struct SourceError {
    /// Where `e2e.yaml` names it.
    pub place: String,
    /// The component.
    pub component: String,
    /// The source, as `e2e.yaml` names it.
    pub source_name: String,
    /// The cause.
    #[source]
    pub cause: SourceCause,
}

impl SourceError {
    pub(super) fn new(plan: &Plan, id: &SourceId, origin: &Origin<'_>, cause: SourceCause) -> SourceError {
        let source_name = match origin {
            Origin::Inline(_) => format!("manifests[{}]", id.index),
            other => other.to_string(),
        };
        SourceError { place: plan.place_of_source(id), component: id.component.clone(), source_name, cause }
    }
}

/// Why the sources of a suite could not be rendered.
#[derive(Debug, Error)]
pub enum SourceErrors {
    /// Sources that could not be rendered; at least one.
    Each(Vec<SourceError>),
    /// A path of a source cannot be read.
    Unreadable(#[source] io::Error),
    /// A tool is missing.
    Tool(Tool, #[source] SetupError),
}

impl fmt::Display for SourceErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SourceErrors::Unreadable(_) => f.write_str("the suite's sources cannot be read"),
            SourceErrors::Tool(tool, _) => write!(f, "the suite's sources need {tool}"),
            SourceErrors::Each(all) => {
                let each = all.iter().map(|error| errors::chain(error)).collect::<Vec<_>>();
                f.write_str(&each.join("\n"))
            }
        }
    }
}
