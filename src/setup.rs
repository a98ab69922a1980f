//! Host prerequisites: look, explain, install.
//!
//! [`look`] finds out what is there and what is missing, each with its exact remedy; [`ensure`] applies the remedies
//! and returns the [`Host`] that every later stage needs. Nothing missing costs a few milliseconds.

mod builder;
mod engine;
mod finding;
mod kind;
mod limits;
mod remedy;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub(crate) use engine::LOOK;
pub use engine::{Engine, EngineKind, known_engines};
pub use finding::{Finding, State};
pub use remedy::Remedy;

use crate::config::ImageSource;
use crate::exec::{Cmd, ExecError};
use crate::folders::Folders;
use crate::report::{Events, Phase};

/// A host on which clusters can be made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Host {
    /// Runs containers, privileged ones too.
    pub engine: Engine,
    /// The kind binary.
    pub kind: PathBuf,
    /// Where files are kept.
    pub folders: Folders,
}

impl Host {
    /// A kind command, talking to the right engine.
    pub fn kind<A: Into<std::ffi::OsString>>(&self, args: impl IntoIterator<Item = A>) -> Cmd {
        self.engine.environment(Cmd::new(&self.kind, args)).env("KIND_EXPERIMENTAL_PROVIDER", self.engine.kind.name())
    }
}

/// Why a host cannot be made ready.
#[derive(Debug, Error)]
pub enum SetupError {
    /// Something is missing that only a person can mend.
    #[error("this host is not ready:\n{}\n`kind-harness doctor` looks again", list(.0))]
    Missing(Vec<Finding>),
    /// The person at the terminal said no.
    #[error("nothing was installed, as you wished; still missing:\n{}", list(.0))]
    Declined(Vec<Finding>),
    /// A remedy was tried and failed.
    #[error("could not set up {name}")]
    Remedy {
        /// What was to be set up.
        name: &'static str,
        /// Why it failed.
        #[source]
        source: ExecError,
    },
    /// A file of ours could not be written.
    #[error("could not set up {name}")]
    File {
        /// What was to be set up.
        name: &'static str,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
}

fn list(findings: &[Finding]) -> String {
    findings.iter().map(|finding| format!("  {finding}")).collect::<Vec<_>>().join("\n")
}

/// What [`look`] saw.
#[derive(Debug)]
pub struct Survey {
    /// One finding per prerequisite, good ones too.
    pub findings: Vec<Finding>,
    host: Option<Host>,
}

impl Survey {
    /// Whether clusters can be made.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.host.is_some() && self.missing().is_empty()
    }

    fn missing(&self) -> Vec<Finding> {
        self.findings.iter().filter(|finding| matches!(finding.state, State::Missing { .. })).cloned().collect()
    }
}

/// Looks for everything that images from `source` need. With `afresh`, what an earlier look found out about the
/// engine is not believed.
pub async fn look(folders: &Folders, source: ImageSource, afresh: bool) -> Survey {
    let (kind_finding, kind) = kind::look(folders).await;
    let (engine_finding, engine) = engine::look(folders, kind.as_deref(), afresh).await;
    let mut findings = vec![engine_finding, kind_finding];
    findings.extend(limits::look(folders, source));
    if source == ImageSource::Packages {
        findings.extend(builder::look());
    }
    let host = match (engine, kind) {
        (Some(engine), Some(kind)) => Some(Host { engine, kind, folders: folders.clone() }),
        _ => None,
    };
    Survey { findings, host }
}

/// Looks, and applies remedies until nothing is missing. `agree` is asked once, with everything that would be done.
///
/// # Errors
/// When something is missing that we cannot install, when `agree` says no, or when a remedy fails.
pub async fn ensure(
    folders: &Folders,
    source: ImageSource,
    agree: impl FnOnce(&[Finding]) -> bool,
    events: &Events,
) -> Result<Host, SetupError> {
    let step = events.step(Phase::Setup, "host");
    let mut survey = look(folders, source, false).await;
    if let Some(host) = survey.host.take_if(|_| survey.findings.iter().all(Finding::is_met)) {
        step.unchanged();
        return Ok(host);
    }
    let missing = survey.missing();
    if missing.iter().any(Finding::needs_a_person) {
        return Err(SetupError::Missing(missing));
    }
    if !agree(&missing) {
        return Err(SetupError::Declined(missing));
    }
    // One remedy may uncover the next need: an engine can only be tried once it is installed.
    let mut before = Vec::new();
    loop {
        let missing = survey.missing();
        if missing.is_empty()
            && let Some(host) = survey.host
        {
            step.done();
            return Ok(host);
        }
        if missing.is_empty() || missing == before || missing.iter().any(Finding::needs_a_person) {
            return Err(SetupError::Missing(missing));
        }
        for finding in &missing {
            step.progress(format!("{}: {}", finding.name, finding.remedy_text()));
            remedy::apply(finding, folders, &step).await?;
        }
        before = missing;
        survey = look(folders, source, true).await;
    }
}
