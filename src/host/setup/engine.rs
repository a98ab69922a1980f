//! The container engine: one that can really start a privileged container.

mod choice;
mod memory;
mod trial;

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::host::exec::Cmd;

pub use crate::host::engine_kind::EngineKind;
pub(super) use crate::host::engine_kind::{in_path, in_path_or_itself};
pub(super) use choice::{choose, recall};
pub use memory::known_engines;

/// How long a command of the engine may take that says nothing else: starting and removing containers, even many, and on a
/// busy host.
const DEADLINE: Duration = Duration::from_mins(2);

/// How long the engine may take to list what it has. One that takes longer hangs, and is asked again.
pub(crate) const LOOK: Duration = Duration::from_secs(30);

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
