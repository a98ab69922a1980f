//! The container engine: one that can really start a privileged container.

mod choice;
mod memory;
mod trial;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::host::exec::Cmd;

pub(super) use choice::{choose, recall};
pub use memory::known_engines;

/// How long a command of the engine may take that says nothing else: starting and removing containers, even many, and on a
/// busy host.
const DEADLINE: Duration = Duration::from_mins(2);

/// How long the engine may take to list what it has. One that takes longer hangs, and is asked again.
pub(crate) const LOOK: Duration = Duration::from_secs(30);

/// Which container engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineKind {
    /// Docker.
    Docker,
    /// Podman.
    Podman,
    /// nerdctl, on containerd.
    Nerdctl,
}

impl EngineKind {
    /// Every engine, in the order in which they are tried.
    pub(crate) const ALL: [EngineKind; 3] = [EngineKind::Docker, EngineKind::Podman, EngineKind::Nerdctl];

    /// Its command, which is also what kind calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            EngineKind::Docker => "docker",
            EngineKind::Podman => "podman",
            EngineKind::Nerdctl => "nerdctl",
        }
    }

    /// Where its command is; its bare name when it is not in PATH.
    #[must_use]
    pub fn path(self) -> PathBuf {
        in_path_or_itself(Path::new(self.name())).unwrap_or_else(|| self.name().into())
    }
}

/// A container engine that works on this host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Engine {
    /// Which one.
    pub kind: EngineKind,
    /// A `containers.conf` of ours, where podman cannot start a privileged container without one.
    pub containers_conf: Option<PathBuf>,
}

impl Engine {
    /// A command of the engine. It has two minutes, unless told otherwise.
    pub fn command<A: Into<std::ffi::OsString>>(&self, args: impl IntoIterator<Item = A>) -> Cmd {
        self.environment(Cmd::new(self.kind.name(), args)).deadline(DEADLINE)
    }

    /// Gives `command` the environment that the engine needs.
    #[must_use]
    pub fn environment(&self, command: Cmd) -> Cmd {
        match &self.containers_conf {
            Some(path) => command.env("CONTAINERS_CONF", path),
            None => command,
        }
    }

    /// How images that no registry holds are named: podman shows them under `localhost`.
    #[must_use]
    pub fn local_reference(&self, name: &str, tag: &str) -> String {
        format!("localhost/kind-harness/{name}:{tag}")
    }
}

pub(super) fn in_path(name: &str) -> bool {
    in_path_or_itself(Path::new(name)).is_some()
}

/// Where the shell would find `program`.
fn in_path_or_itself(program: &Path) -> Option<PathBuf> {
    if program.components().count() > 1 {
        return program.exists().then(|| program.into());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|path| path.is_file())
}
