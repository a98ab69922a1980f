//! Host prerequisites: checks, reports and installs them.
//!
//! [`examine`] reports what is present and what is missing, each with its exact remedy; [`ensure`] applies the remedies
//! and returns the [`Host`] that every later stage needs. If nothing is missing this takes a few milliseconds.

mod builder;
mod consent;
mod engine;
mod finding;
mod kind;
mod limits;
mod remedy;
mod root;
mod tool;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use consent::{Consent, consent_of_environment, yes_or_no};
pub(crate) use engine::LOOK;
pub use engine::upstream;
pub use engine::{Engine, EngineKind, known_engines, layers as engine_layers, recall as recall_engine};
pub use finding::{Finding, State};
pub use remedy::Remedy;
pub use tool::{Program, Tool, ensure_tool, examine_tool};

use crate::host::exec::{Cmd, ExecError};
use crate::host::folders::Folders;
use crate::report::{Events, Phase};
use crate::suite::config::ImageSource;

/// A host that can run clusters.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Host {
    /// The engine that runs containers, including privileged ones.
    pub engine: Engine,
    /// The kind binary.
    pub kind: PathBuf,
    /// The folders of the harness.
    pub folders: Folders,
}

impl Host {
    /// Returns a kind command that uses the host's engine.
    pub fn kind<A: Into<std::ffi::OsString>>(&self, args: impl IntoIterator<Item = A>) -> Cmd {
        self.engine.environment(Cmd::new(&self.kind, args)).env("KIND_EXPERIMENTAL_PROVIDER", self.engine.kind.name())
    }
}

/// Errors of preparing a host.
#[derive(Debug, Error)]
pub enum SetupError {
    /// Something is missing that only a person can fix.
    #[error("this host is not ready:\n{}\n`kind-harness doctor` looks again", list(.0))]
    Missing(Vec<Finding>),
    /// The user declined the installation.
    #[error("nothing was installed, as you wished; still missing:\n{}", list(.0))]
    Declined(Vec<Finding>),
    /// There is no terminal at which to ask for consent.
    #[error(
        "this host lacks something, and nothing is installed without consent:\n{}\n\
         `{setup}` installs it; KIND_HARNESS_YES=1 and CI=true consent too. By hand:\n{}",
        .missing.iter().map(|it| format!("  {}: {}", it.name, it.found())).collect::<Vec<_>>().join("\n"),
        .commands.iter().map(|command| format!("  {command}")).collect::<Vec<_>>().join("\n")
    )]
    Unasked {
        /// The unmet prerequisites.
        missing: Vec<Finding>,
        /// The command of the harness that installs it.
        setup: String,
        /// The commands that a person would run instead.
        commands: Vec<String>,
    },
    /// A remedy needs root, and sudo refused.
    #[error(
        "could not set up {name}: it takes root ({why}), and sudo refuses; run `kind-harness setup` in a terminal, where \
         sudo can ask for a password, or as root"
    )]
    Root {
        /// The prerequisite.
        name: &'static str,
        /// The reason why it needs root.
        why: &'static str,
        /// sudo's error.
        #[source]
        source: ExecError,
    },
    /// A remedy was applied and failed.
    #[error("could not set up {name}")]
    Remedy {
        /// The prerequisite.
        name: &'static str,
        /// The cause.
        #[source]
        source: ExecError,
    },
    /// A file of the harness could not be written.
    #[error("could not set up {name}")]
    File {
        /// The prerequisite.
        name: &'static str,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
}

fn list(findings: &[Finding]) -> String {
    findings.iter().map(|finding| format!("  {finding}")).collect::<Vec<_>>().join("\n")
}

/// The findings about a host.
#[derive(Debug)]
pub struct Survey {
    /// One finding per prerequisite, including those that are met.
    pub findings: Vec<Finding>,
    /// Engines that worked before and do not now, and the engine used instead.
    passed_over: Vec<String>,
    host: Option<Host>,
}

impl Survey {
    /// Returns whether the host can run clusters.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.host.is_some() && self.missing().is_empty()
    }

    fn missing(&self) -> Vec<Finding> {
        self.findings.iter().filter(|finding| matches!(finding.state, State::Missing { .. })).cloned().collect()
    }
}

/// Checks everything that images from `source` need, as [`ensure`] does, and the rights to install it. Remembered
/// results about the engine are ignored.
pub async fn examine(folders: &Folders, source: ImageSource) -> Survey {
    let mut survey = survey_host(folders, source, true).await;
    survey.findings.push(root::look(&survey.findings, source).await);
    survey
}

/// Checks everything that images from `source` need. With `afresh`, remembered results about the engine are ignored.
async fn survey_host(folders: &Folders, source: ImageSource, afresh: bool) -> Survey {
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

/// Checks the host, and applies remedies until nothing is missing. `agree` is called before anything is installed, with
/// all remedies; and again if that reveals another missing prerequisite.
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
    let mut survey = survey_host(folders, source, false).await;
    let (mut before, mut agreed) = (Vec::new(), Vec::new());
    // One remedy may reveal the next missing prerequisite: an engine can only be tried once it is installed.
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
        survey = survey_host(folders, source, true).await;
    }
}

/// Returns whether nothing is missing that images from `source` need besides an engine and kind. Only looks at files.
#[must_use]
pub fn meets(folders: &Folders, source: ImageSource) -> bool {
    let mut findings = limits::look(folders, source);
    if source == ImageSource::Packages {
        findings.extend(builder::look());
    }
    findings.iter().all(|finding| !matches!(finding.state, State::Missing { .. }))
}

/// Returns a host for images that are pushed: an engine that responds. Neither kind nor the right to start privileged
/// containers is needed. Nothing is installed.
///
/// # Errors
/// When no engine responds, or a program is missing that builds images from packages.
pub async fn ensure_engine(folders: &Folders, source: ImageSource, events: &Events) -> Result<Host, SetupError> {
    let step = events.step(Phase::Setup, "host");
    let engine = engine::responding(folders).await.map_err(|missing| SetupError::Missing(vec![missing]))?;
    if source == ImageSource::Packages {
        let missing: Vec<_> =
            builder::look().into_iter().filter(|it| matches!(it.state, State::Missing { .. })).collect();
        if !missing.is_empty() {
            return Err(SetupError::Missing(missing));
        }
    }
    step.unchanged();
    Ok(Host { engine, kind: "kind".into(), folders: folders.clone() })
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
