//! Host prerequisites: look, explain, install.
//!
//! [`examine`] finds out what is there and what is missing, each with its exact remedy; [`ensure`] applies the remedies
//! and returns the [`Host`] that every later stage needs. Nothing missing costs a few milliseconds.

mod builder;
mod consent;
mod engine;
mod finding;
mod kind;
mod limits;
mod remedy;
mod root;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use consent::{Consent, consent_of_environment, yes_or_no};
pub(crate) use engine::LOOK;
pub use engine::{Engine, EngineKind, known_engines};
pub use finding::{Finding, State};
pub use remedy::Remedy;

use crate::host::exec::{Cmd, ExecError};
use crate::host::folders::Folders;
use crate::report::{Events, Phase};
use crate::suite::config::ImageSource;

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
    /// There is no terminal to ask at whether it may be installed.
    #[error(
        "this host lacks something, and nothing is installed without consent:\n{}\n\
         `{setup}` installs it; KIND_HARNESS_YES=1 and CI=true consent too. By hand:\n{}",
        .missing.iter().map(|it| format!("  {}: {}", it.name, it.found())).collect::<Vec<_>>().join("\n"),
        .commands.iter().map(|command| format!("  {command}")).collect::<Vec<_>>().join("\n")
    )]
    Unasked {
        /// What is missing.
        missing: Vec<Finding>,
        /// Our command that installs it.
        setup: String,
        /// The commands that do the same.
        commands: Vec<String>,
    },
    /// A remedy takes root, and sudo did not give it.
    #[error(
        "could not set up {name}: it takes root ({why}), and sudo refuses; run `kind-harness setup` in a terminal, where \
         sudo can ask for a password, or as root"
    )]
    Root {
        /// What was to be set up.
        name: &'static str,
        /// Why it takes root.
        why: &'static str,
        /// What sudo said.
        #[source]
        source: ExecError,
    },
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

/// What a look at the host saw.
#[derive(Debug)]
pub struct Survey {
    /// One finding per prerequisite, good ones too.
    pub findings: Vec<Finding>,
    /// Engines that worked before and do not now, and what is used in their place.
    passed_over: Vec<String>,
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

/// Looks for everything that images from `source` need, as [`ensure`] does, and for the rights to mend it. What an earlier
/// look found out about the engine is not believed.
pub async fn examine(folders: &Folders, source: ImageSource) -> Survey {
    let mut survey = look(folders, source, true).await;
    survey.findings.push(root::look(&survey.findings, source).await);
    survey
}

/// Looks for everything that images from `source` need. With `afresh`, what an earlier look found out about the
/// engine is not believed.
async fn look(folders: &Folders, source: ImageSource, afresh: bool) -> Survey {
    let recall = async { if afresh { None } else { engine::recall(folders).await } };
    let ((kind_finding, kind), recalled) = tokio::join!(kind::look(folders), recall);
    let chosen = engine::choose(folders, recalled, kind.as_deref(), afresh).await;
    let mut findings = vec![chosen.finding, kind_finding];
    findings.extend(limits::look(folders, source));
    if source == ImageSource::Packages {
        findings.extend(builder::look());
    }
    let host = match (chosen.engine, kind) {
        (Some(engine), Some(kind)) => Some(Host { engine, kind, folders: folders.clone() }),
        _ => None,
    };
    Survey { findings, passed_over: chosen.passed_over, host }
}

/// Looks, and applies remedies until nothing is missing. `agree` is asked before anything is installed, with everything
/// that would be done; and again should that uncover another need.
///
/// # Errors
/// When something is missing that we cannot install, when `agree` does not consent, or when a remedy fails.
pub async fn ensure(
    folders: &Folders,
    source: ImageSource,
    agree: impl Fn(&[Finding]) -> Consent,
    events: &Events,
) -> Result<Host, SetupError> {
    let step = events.step(Phase::Setup, "host");
    let mut survey = look(folders, source, false).await;
    let (mut before, mut agreed) = (Vec::new(), Vec::new());
    // One remedy may uncover the next need: an engine can only be tried once it is installed.
    loop {
        let missing = survey.missing();
        if missing.is_empty()
            && let Some(host) = survey.host
        {
            survey.passed_over.into_iter().for_each(|line| events.warn(Phase::Setup, line));
            if before.is_empty() {
                step.unchanged()
            } else {
                step.done()
            }
            return Ok(host);
        }
        if missing.is_empty() || missing == before || missing.iter().any(Finding::needs_a_person) {
            return Err(SetupError::Missing(missing));
        }
        let remedies: Vec<_> = missing.iter().filter_map(Finding::remedy).cloned().collect();
        if remedies.iter().any(|remedy| !agreed.contains(remedy)) {
            match agree(&missing) {
                Consent::Given => agreed.extend(remedies),
                Consent::Refused => return Err(SetupError::Declined(missing)),
                Consent::Unasked => return Err(unasked(missing, source)),
            }
        }
        for finding in &missing {
            step.progress(format!("{}: {}", finding.name, finding.remedy_text()));
            remedy::apply(finding, folders, &step).await?;
        }
        before = missing;
        survey = look(folders, source, true).await;
    }
}

fn unasked(missing: Vec<Finding>, source: ImageSource) -> SetupError {
    let mut commands: Vec<String> = Vec::new();
    for command in missing.iter().filter_map(Finding::remedy).flat_map(Remedy::commands) {
        if !commands.contains(&command) {
            commands.push(command);
        }
    }
    let images = if source == ImageSource::Packages { " --images packages" } else { "" };
    SetupError::Unasked { missing, setup: format!("kind-harness setup --yes{images}"), commands }
}
