//! Remedies of missing prerequisites.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::root::{as_root, is_refused, sudo_prefix, why};
use super::{Finding, SetupError, State};
use crate::host::exec::Cmd;
use crate::host::folders::{Folders, StagingDir};
use crate::report::Step;

/// Deadline of an installation: packages or modules are downloaded, and compiled.
const INSTALL: Duration = Duration::from_secs(45 * 60);

/// The remedy of a missing prerequisite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// Debian or Ubuntu packages.
    Packages(&'static [&'static str]),
    /// A command of a Go module, built into the cache folder.
    GoInstall {
        /// `module@version`.
        module: String,
        /// Folder that receives the binary.
        into: PathBuf,
    },
    /// A folder that must exist, though it may be empty.
    Folder(&'static str),
    /// None yet: it can be checked once the others are applied.
    AfterOthers,
    /// Instructions for a person.
    ByHand(String),
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Remedy::Packages(packages) => {
                write!(f, "{}apt-get install -y --no-install-recommends {}", sudo_prefix(), packages.join(" "))
            }
            Remedy::GoInstall { module, into } => write!(f, "GOBIN={} go install {module}", into.display()),
            Remedy::Folder(path) => write!(f, "{}mkdir -p {path}", sudo_prefix()),
            Remedy::AfterOthers => f.write_str("none yet, it is tried after the others"),
            Remedy::ByHand(text) => f.write_str(text),
        }
    }
}

impl Remedy {
    /// Returns the commands that a person would type instead.
    #[must_use]
    pub fn commands(&self) -> Vec<String> {
        match self {
            Remedy::Packages(_) => vec![format!("{}apt-get update", sudo_prefix()), self.to_string()],
            Remedy::GoInstall { .. } | Remedy::Folder(_) => vec![self.to_string()],
            Remedy::AfterOthers | Remedy::ByHand(_) => Vec::new(),
        }
    }
}

/// Applies `finding`'s remedy.
pub(super) async fn apply(finding: &Finding, folders: &Folders, step: &Step) -> Result<(), SetupError> {
    let State::Missing { remedy, .. } = &finding.state else { return Ok(()) };
    let failed = |source| match why(remedy) {
        Some(why) if is_refused(&source) => SetupError::Root { name: finding.name, why, source },
        _ => SetupError::Remedy { name: finding.name, source },
    };
    let say = || {
        let step = step.handle();
        move |line: &str| step.progress(line)
    };
    match remedy {
        Remedy::Packages(packages) => {
            // Another run, or the system itself, may be installing packages now.
            let wait = "DPkg::Lock::Timeout=600";
            // Through `env`, because sudo drops variables of its caller.
            let apt = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-o", wait];
            let update = as_root(apt.into_iter().chain(["update"]));
            update.deadline(INSTALL).stream(say()).await.map_err(failed)?;
            let install = ["install", "-y", "--no-install-recommends"];
            let install = as_root(apt.into_iter().chain(install).chain(packages.iter().copied()));
            install.deadline(INSTALL).stream(say()).await.map_err(failed)
        }
        Remedy::GoInstall { module, into } => {
            let file = |source| SetupError::File { name: finding.name, source };
            let tool = into.file_name().unwrap_or_default().to_string_lossy();
            let waits = || step.progress("waiting for another run that installs it");
            let aside = StagingDir::take(folders, &tool, waits).await.map_err(file)?;
            if into.exists() {
                return Ok(());
            }
            let build = Cmd::new("go", ["install", module]).env("GOBIN", aside.path()).env("CGO_ENABLED", "0");
            build.deadline(INSTALL).stream(say()).await.map_err(failed)?;
            aside.publish(into).map_err(file)
        }
        Remedy::Folder(path) => as_root(["mkdir", "-p", path]).stream(say()).await.map_err(failed),
        Remedy::AfterOthers | Remedy::ByHand(_) => Ok(()),
    }
}
