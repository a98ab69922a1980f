//! Exit codes: what a script can tell apart.

use std::fmt;
use std::process::ExitCode;

use kind_harness::images::ImageError;
use kind_harness::readiness::NotReady;
use kind_harness::run::session::UpError;
use kind_harness::sources::SourceErrors;

/// Shown by `--help`; docs/cli.md has the same table.
pub(super) const HELP: &str = "\
Exit codes:
  0    done
  1    an error of our own
  2    usage: the command line, e2e.yaml or a manifest is wrong
  3    host: something is missing that was not or could not be installed
  4    images: an image could not be built, pulled or loaded
  5    cluster: there is none, it could not be created, or it is not ours
  6    deploy: the API server refused a component
  7    not ready: a component failed
  8    deadline: a component was still not ready
  9    teardown: something could not be removed
  10   tests: some have failed
  11   slower: a start-up took longer than asked for
  12   not enough runs to compare
  13   sources: a chart, kustomization, command or address gave no objects
  130  interrupted; what was begun has been undone";

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It did what it was told.
    Done = 0,
    /// A mistake of ours.
    Internal = 1,
    /// The command line, `e2e.yaml` or a manifest is wrong.
    Usage = 2,
    /// The host lacks something.
    Host = 3,
    /// An image is not there.
    Images = 4,
    /// There is no cluster.
    Cluster = 5,
    /// The API server refused a component.
    Deploy = 6,
    /// A component failed.
    NotReady = 7,
    /// A component was not ready in time.
    Deadline = 8,
    /// Something could not be removed.
    Teardown = 9,
    /// Tests have failed.
    Tests = 10,
    /// A start-up took longer than asked for.
    Slower = 11,
    /// There are not enough runs to compare.
    NotEnoughRuns = 12,
    /// Objects could not be rendered or fetched.
    Sources = 13,
    /// A signal ended it.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// A command that failed: its exit code, and what the person at the terminal reads.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The exit code.
    pub(crate) exit: Exit,
    /// What went wrong, and what to do.
    pub(crate) text: String,
    /// Whether `text` says by itself that it is an error, as messages with a place in a file do.
    pub(crate) rendered: bool,
}

impl Failure {
    pub(super) fn new(exit: Exit, error: &dyn std::error::Error) -> Failure {
        Failure::told(exit, kind_harness::readiness::errors::chain(error))
    }

    pub(super) fn told(exit: Exit, text: impl Into<String>) -> Failure {
        Failure { exit, text: text.into(), rendered: false }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.rendered { "" } else { "error: " })?;
        f.write_str(self.text.trim_end())
    }
}

impl From<&UpError> for Exit {
    fn from(error: &UpError) -> Exit {
        match error {
            UpError::Manifests(_) | UpError::Files(_) => Exit::Usage,
            UpError::Sources(SourceErrors::Tool(..)) => Exit::Host,
            UpError::Sources(_) => Exit::Sources,
            UpError::Setup(_) | UpError::Reaper(_) | UpError::NotConfirmed(_) => Exit::Host,
            UpError::Images(error) if matches!(**error, ImageError::Variable { .. }) => Exit::Usage,
            UpError::Images(_) => Exit::Images,
            UpError::Cluster(_) | UpError::Api { .. } | UpError::Adopt(_) => Exit::Cluster,
            UpError::RemoveOptions(_) => Exit::Teardown,
            UpError::Deploy(error) if error.failed.iter().all(|(_, error)| error.is_about_images()) => Exit::Images,
            UpError::Deploy(_) => Exit::Deploy,
            UpError::NotReady(error) => match error.as_ref() {
                NotReady::Deadline { .. } => Exit::Deadline,
                NotReady::Gone { .. } | NotReady::Forbidden { .. } => Exit::Cluster,
                NotReady::Failed { .. } => Exit::NotReady,
            },
        }
    }
}

impl From<UpError> for Failure {
    fn from(error: UpError) -> Failure {
        // Errors in files are rendered with their places.
        let rendered = matches!(error, UpError::Manifests(_));
        Failure { rendered, ..Failure::new(Exit::from(&error), &error) }
    }
}
