//! The container engine: one that has been able to start a privileged container.

mod choice;
mod layers;
mod memory;
mod registries;
mod trial;

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::host::exec::Cmd;

pub use crate::host::engine_kind::EngineKind;
pub(super) use crate::host::engine_kind::{in_path, in_path_or_itself};
pub use choice::recall;
pub(super) use choice::{choose, responding};
pub use layers::layers;
pub use memory::known_engines;
pub use registries::upstream;

/// Default deadline of an engine command: starting and removing even many containers, on a busy host.
const DEADLINE: Duration = Duration::from_secs(2 * 60);

/// Deadline of an engine's listings. One that takes longer hangs, and is retried.
pub(crate) const LOOK: Duration = Duration::from_secs(30);

/// A container engine that works on this host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Engine {
    /// The engine.
    pub kind: EngineKind,
    /// Our own `containers.conf`, for hosts where podman cannot start a privileged container without one.
    pub containers_conf: Option<PathBuf>,
}

impl Engine {
    /// Returns an engine command, with a default deadline of two minutes.
    pub fn command<A: Into<std::ffi::OsString>>(&self, args: impl IntoIterator<Item = A>) -> Cmd {
        self.environment(Cmd::new(self.kind.name(), args)).deadline(DEADLINE)
    }

    /// Sets the environment variables that the engine needs on `command`.
    #[must_use]
    pub fn environment(&self, command: Cmd) -> Cmd {
        match &self.containers_conf {
            Some(path) => command.env("CONTAINERS_CONF", path),
            None => command,
        }
    }

    /// Returns the reference of an image that is in no registry: podman lists these under `localhost`.
    #[must_use]
    pub fn local_reference(&self, name: &str, tag: &str) -> String {
        format!("localhost/kind-harness/{name}:{tag}")
    }
}
