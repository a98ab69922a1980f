//! Errors of running programs.

use std::time::Duration;

use thiserror::Error;

use crate::host::cause::Open;
use crate::suite::config::duration;

/// A program that could not be run, or that failed.
#[derive(Debug, Error)]
pub enum ExecError {
    /// It could not be started.
    #[error("cannot run `{command}`")]
    Start {
        /// The command, as shell input.
        command: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// It ran and failed.
    #[error("`{command}` failed ({status}){}", quote_tail(.tail))]
    Failed {
        /// The command, as shell input.
        command: String,
        /// Exit status or signal.
        status: std::process::ExitStatus,
        /// The last lines of its output.
        tail: String,
    },
    /// It did not exit in time, and was ended with everything that it had started.
    #[error("`{command}` hung: it had not ended after {}", duration::to_text(*.after))]
    Hung {
        /// The command, as shell input.
        command: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// It was not run, because its dependency has failed too often.
    #[error(transparent)]
    NotRun(#[from] Open),
}

impl ExecError {
    /// Returns the most informative line: the last of the program's output that is not about its `--help`.
    #[must_use]
    pub fn brief(&self) -> String {
        match self {
            ExecError::Start { command, source } => format!("cannot run `{command}`: {source}"),
            ExecError::Failed { command, status, tail } => match tail.lines().rev().find(|line| is_informative(line)) {
                Some(line) => line.trim().to_owned(),
                None => format!("`{command}` failed ({status})"),
            },
            ExecError::Hung { .. } | ExecError::NotRun(_) => self.to_string(),
        }
    }
}

/// docker ends its errors with where its help is.
fn is_informative(line: &str) -> bool {
    !(line.trim().is_empty() || line.contains("--help") && (line.starts_with("See ") || line.starts_with("Run ")))
}

fn quote_tail(tail: &str) -> String {
    if tail.is_empty() { String::new() } else { format!("; its last output:\n{}", indent(tail)) }
}

fn indent(text: &str) -> String {
    text.lines().map(|line| format!("  | {line}")).collect::<Vec<_>>().join("\n")
}
