//! The container engines, and the paths of their commands.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// A container engine.
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

    /// Returns its command, which is also kind's name for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            EngineKind::Docker => "docker",
            EngineKind::Podman => "podman",
            EngineKind::Nerdctl => "nerdctl",
        }
    }

    /// Returns the path of its command; the bare name if it is not in PATH.
    #[must_use]
    pub fn path(self) -> PathBuf {
        in_path_or_itself(Path::new(self.name())).unwrap_or_else(|| self.name().into())
    }
}

pub(crate) fn in_path(name: &str) -> bool {
    in_path_or_itself(Path::new(name)).is_some()
}

/// Returns the path at which the shell would find `program`.
pub(crate) fn in_path_or_itself(program: &Path) -> Option<PathBuf> {
    if program.components().count() > 1 {
        return program.exists().then(|| program.into());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// Returns the architecture of this host, and so of its nodes, as engines name it.
pub(crate) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
