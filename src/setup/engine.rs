//! The container engine: one that can really start a privileged container.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Finding, Remedy};
use crate::exec::Cmd;
use crate::folders::{self, Folders};

/// What an engine is installed from on Debian and Ubuntu.
const PACKAGES: &[&str] = &[
    "podman",
    "runc",
    "netavark",
    "aardvark-dns",
    "containernetworking-plugins",
    "uidmap",
    "fuse-overlayfs",
    "iptables",
];

/// For hosts that withhold CAP_SYS_RESOURCE: limits that may be set, and a runtime that takes hybrid cgroups.
const CONTAINERS_CONF: &str = r#"# Written by kind-harness, used only for its own containers (CONTAINERS_CONF).
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=32768:32768"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"#;

/// How long a command of the engine may take that says nothing else: starting and removing containers, even many, and on a
/// busy host.
const DEADLINE: Duration = Duration::from_mins(2);

/// How long the engine may take to list what it has. One that takes longer hangs, and is asked again.
pub(crate) const LOOK: Duration = Duration::from_secs(30);

/// How long a container may take that is started on trial: the engine has just been installed, perhaps, and prepares its
/// storage.
const TRIAL: Duration = Duration::from_mins(5);

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

/// The engines that have proved to work here since the last boot: where clusters of ours may be.
#[must_use]
pub fn known_engines(folders: &Folders) -> Vec<Engine> {
    EngineKind::ALL.into_iter().filter_map(|kind| recall(&memory(folders, kind), &stamp(kind))).collect()
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

pub(super) async fn look(folders: &Folders, kind: Option<&Path>, afresh: bool) -> (Finding, Option<Engine>) {
    let wanted = std::env::var("KIND_HARNESS_ENGINE").ok();
    let mut refused = Vec::new();
    for engine in EngineKind::ALL {
        if wanted.as_deref().is_some_and(|wanted| wanted != engine.name()) || !in_path(engine.name()) {
            continue;
        }
        match try_engine(engine, folders, kind, afresh).await {
            Ok(engine) => {
                let with = if engine.containers_conf.is_some() { ", with limits that this host permits" } else { "" };
                return (Finding::met("engine", format!("{}{with}", engine.kind.name())), Some(engine));
            }
            Err(why) => refused.push(format!("{}: {why}", engine.name())),
        }
    }
    (missing(wanted.as_deref(), &refused), None)
}

fn missing(wanted: Option<&str>, refused: &[String]) -> Finding {
    let podman_tried = refused.iter().any(|why| why.starts_with("podman"));
    if refused.iter().any(|why| why.ends_with(UNTRIED)) {
        // Not a fault of the engine's: the binary that it is tried with is installed first.
        return Finding::missing("engine", refused.join("; "), Remedy::AfterOthers);
    }
    let found = if refused.is_empty() { "none in PATH".into() } else { refused.join("; ") };
    let by_packages = wanted.is_none_or(|wanted| wanted == "podman") && !podman_tried && in_path("apt-get");
    let remedy = if by_packages {
        Remedy::Packages(PACKAGES)
    } else if refused.is_empty() {
        Remedy::ByHand("install docker or podman".into())
    } else {
        Remedy::ByHand("start the engine, or give yourself the right to use it, as its message says".into())
    };
    Finding::missing("engine", found, remedy)
}

const UNTRIED: &str = "not tried yet";

async fn try_engine(
    engine: EngineKind,
    folders: &Folders,
    probe: Option<&Path>,
    afresh: bool,
) -> Result<Engine, String> {
    let memory = memory(folders, engine);
    let stamp = stamp(engine);
    if !afresh && let Some(engine) = recall(&memory, &stamp) {
        return Ok(engine);
    }
    let plain = Engine { kind: engine, containers_conf: None };
    plain.command(["info"]).output().await.map_err(|error| error.brief())?;
    let probe = probe.ok_or(UNTRIED)?;
    let engine = match start_privileged(&plain, probe).await {
        Ok(()) => plain,
        Err(why) if engine != EngineKind::Podman || has_own_configuration() => return Err(why),
        Err(_) => {
            let conf = folders.cache.join("host").join("containers.conf");
            folders::publish(&conf, CONTAINERS_CONF).map_err(|error| error.to_string())?;
            let limited = Engine { kind: engine, containers_conf: Some(conf) };
            start_privileged(&limited, probe).await?;
            limited
        }
    };
    let remembered = serde_json::to_string(&Remembered { stamp, engine: engine.clone() });
    // Not remembering costs the next run half a second, no more.
    let _ = remembered.map(|text| folders::publish(&memory, &text));
    Ok(engine)
}

/// Starts a privileged container from an image that holds nothing but `probe`, a static binary.
async fn start_privileged(engine: &Engine, probe: &Path) -> Result<(), String> {
    let probe = in_path_or_itself(probe).ok_or("kind is not where it was")?;
    let (folder, file) = (probe.parent().unwrap_or(Path::new("/")), probe.file_name().unwrap_or_default());
    let image = engine.local_reference("probe", &std::process::id().to_string());
    let pack = Cmd::new("tar", ["-c", "-C"]).arg(folder).arg(file);
    pack.pipe(&engine.command(["import", "-", &image])).await.map_err(|error| error.brief())?;
    let run = engine.command(["run", "--rm", "--privileged", &image]).arg(Path::new("/").join(file)).arg("version");
    let started = run.deadline(TRIAL).output().await.map(drop).map_err(|error| error.brief());
    let _ = engine.command(["rmi", "-f", &image]).output().await;
    started
}

/// A user who has configured podman is not second-guessed.
fn has_own_configuration() -> bool {
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config/containers/containers.conf"));
    std::env::var_os("CONTAINERS_CONF").is_some()
        || Path::new("/etc/containers/containers.conf").exists()
        || home.is_some_and(|path| path.exists())
}

#[derive(Serialize, Deserialize)]
struct Remembered {
    stamp: String,
    engine: Engine,
}

fn memory(folders: &Folders, engine: EngineKind) -> PathBuf {
    folders.cache.join("host").join(format!("{}.json", engine.name()))
}

fn recall(memory: &Path, stamp: &str) -> Option<Engine> {
    let remembered: Remembered = serde_json::from_str(&fs_err::read_to_string(memory).ok()?).ok()?;
    let conf_is_there = remembered.engine.containers_conf.as_ref().is_none_or(|path| path.exists());
    (remembered.stamp == stamp && conf_is_there).then_some(remembered.engine)
}

/// What a successful trial is worth: this boot, this binary, this configuration.
fn stamp(engine: EngineKind) -> String {
    let boot = fs_err::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let binary = in_path_or_itself(Path::new(engine.name())).and_then(|path| fs_err::metadata(path).ok());
    let changed = binary.and_then(|metadata| metadata.modified().ok());
    format!("{} {changed:?} {}", boot.trim(), has_own_configuration())
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
