//! Root: which remedies need it, and whether it is available.

use std::io::IsTerminal;

use super::engine::in_path;
use super::{Finding, Remedy, State};
use crate::host::exec::{Cmd, ExecError};
use crate::host::system;
use crate::suite::config::ImageSource;

pub(super) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Returns the prefix of a command that only root may run.
pub(super) fn sudo_prefix() -> &'static str {
    if is_root() { "" } else { "sudo " }
}

/// Returns a command that runs as root. Without a terminal for the password prompt, sudo fails at once.
pub(super) fn as_root<'a>(argv: impl IntoIterator<Item = &'a str>) -> Cmd {
    let mut argv = argv.into_iter();
    if is_root() {
        return Cmd::new(argv.next().unwrap_or_default(), argv);
    }
    if can_ask() { Cmd::new("sudo", argv).foreground() } else { Cmd::new("sudo", std::iter::once("-n").chain(argv)) }
}

/// Returns whether `error`, of a command of [`as_root`], is sudo's own: it is not installed, or it refused.
pub(super) fn is_refused(error: &ExecError) -> bool {
    match error {
        ExecError::Start { .. } => !is_root(),
        ExecError::Failed { tail, .. } => {
            !is_root() && tail.lines().last().is_some_and(|line| line.starts_with("sudo"))
        }
        ExecError::Hung { .. } | ExecError::NotRun(_) => false,
    }
}

/// Returns whether a program started now could read a password: a background process would be stopped instead.
fn can_ask() -> bool {
    system::is_in_foreground() && std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Returns why this remedy needs root; `None` if it does not.
pub(super) fn why(remedy: &Remedy) -> Option<&'static str> {
    match remedy {
        Remedy::Packages(_) => Some("apt-get installs packages"),
        Remedy::Folder(_) => Some("a folder is made that belongs to root"),
        Remedy::GoInstall { .. } | Remedy::AfterOthers | Remedy::ByHand(_) => None,
    }
}

/// Returns what needs root on this host, and whether root is available.
pub(super) async fn look(findings: &[Finding], source: ImageSource) -> Finding {
    let mut reasons: Vec<_> = findings
        .iter()
        .filter_map(|finding| match &finding.state {
            State::Missing { remedy, .. } => Some(format!("{} ({})", finding.name, why(remedy)?)),
            _ => None,
        })
        .collect();
    if source == ImageSource::Packages {
        reasons.push("the base image (debootstrap makes device files, mounts, and changes its root folder)".into());
    }
    if reasons.is_empty() {
        return Finding::met("root", "not needed: nothing is to be installed, and images come from a registry");
    }
    let needed = format!("needed for {}", reasons.join(", "));
    if is_root() {
        return Finding::met("root", format!("{needed}; this is root"));
    }
    if !in_path("sudo") {
        return Finding::advice("root", format!("{needed}; there is no sudo"), "run as root");
    }
    if Cmd::new("sudo", ["-n", "true"]).succeeds().await.unwrap_or(false) {
        return Finding::met("root", format!("{needed}; sudo asks for no password"));
    }
    // The base image is built in the background, where no password can be entered.
    let better = match source {
        ImageSource::Packages => "run as root, or permit sudo without a password",
        _ => "run `kind-harness setup` in a terminal, or as root",
    };
    Finding::advice("root", format!("{needed}; sudo asks for a password"), better)
}
