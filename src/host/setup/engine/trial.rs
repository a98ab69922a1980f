//! Trial of whether an engine can start a privileged container.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::{Engine, EngineKind, in_path_or_itself, memory};
use crate::host::engine_kind::architecture;
use crate::host::exec::{Cmd, ExecError};
use crate::host::folders::{self, Folders};
use crate::suite::hash::hex;

/// For hosts that withhold CAP_SYS_RESOURCE: limits that may be set, and a runtime that accepts hybrid cgroups.
const CONTAINERS_CONF: &str = r#"# Written by kind-harness, used only for its own containers (CONTAINERS_CONF).
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=32768:32768"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"#;

/// Deadline of a trial container: a newly installed engine first prepares its storage.
const TRIAL: Duration = Duration::from_secs(5 * 60);

/// Why an engine is not used.
#[derive(Debug, Error)]
pub(super) enum Refusal {
    /// Its server is on another host.
    #[error(
        "its server is on another host ({0}), where the nodes' ports would be, too: run kind-harness there, or use a cluster \
         of that host with `provider: existing`"
    )]
    Remote(String),
    /// The trial needs kind's binary, which is not installed yet.
    #[error("not tried yet")]
    Untried,
    /// Its program failed.
    #[error("{}", .0.brief())]
    Failed(#[from] ExecError),
    /// It responds, but starts no privileged container.
    #[error("it starts no privileged container: {}", .0.brief())]
    NoContainer(#[source] ExecError),
    /// A file that it needs could not be written.
    #[error("{0}")]
    File(std::io::Error),
    /// It does not accept the restart policy of kind's nodes.
    #[error("it cannot run kind's nodes, whose restart policy is on-failure (containerd 1.7 or newer can): {}", .0.brief())]
    NoRestart(#[source] ExecError),
    /// The binary for the trial has been removed meanwhile.
    #[error("kind is not where it was")]
    NoProbe,
}

impl Refusal {
    /// Returns whether a longer deadline might have helped.
    pub(super) fn is_hung(&self) -> bool {
        matches!(self, Refusal::Failed(ExecError::Hung { .. }))
    }
}

/// Checks that `engine` responds, with the cheapest command that needs its server.
pub(super) async fn answers(engine: &Engine, patience: Duration) -> Result<(), ExecError> {
    // nerdctl's `version` succeeds without a server; podman's `info` takes ten times as long as its `version`.
    let question = if engine.kind == EngineKind::Nerdctl { "info" } else { "version" };
    engine.command([question]).deadline(patience).output().await.map(drop)
}

/// Starts a privileged container on the engine, and remembers a success. The engine has `patience` to respond at all.
pub(super) async fn run(
    kind: EngineKind,
    folders: &Folders,
    probe: Option<&Path>,
    patience: Duration,
) -> Result<Engine, Refusal> {
    if let Some(endpoint) = memory::remote_server(kind) {
        return Err(Refusal::Remote(endpoint));
    }
    let plain = Engine { kind, containers_conf: None };
    plain.command(["info"]).deadline(patience).output().await?;
    let probe = probe.ok_or(Refusal::Untried)?;
    let engine = match start_privileged(&plain, probe).await {
        Ok(()) => plain,
        Err(why) if kind != EngineKind::Podman || memory::has_own_configuration() => return Err(why),
        Err(_) => {
            let conf = folders.cache.join("host").join("containers.conf");
            folders::publish(&conf, CONTAINERS_CONF).map_err(Refusal::File)?;
            let limited = Engine { kind, containers_conf: Some(conf) };
            start_privileged(&limited, probe).await?;
            limited
        }
    };
    memory::remember(folders, &engine);
    Ok(engine)
}

/// Starts a privileged container from an image that contains only `probe`, a static binary.
async fn start_privileged(engine: &Engine, probe: &Path) -> Result<(), Refusal> {
    let probe = in_path_or_itself(probe).ok_or(Refusal::NoProbe)?;
    let image = engine.local_reference("probe", &std::process::id().to_string());
    load(engine, &probe, &image).await?;
    let program = Path::new("/").join(probe.file_name().unwrap_or_default());
    let mut run = engine.command(["run", "--rm", "--privileged"]);
    if engine.kind == EngineKind::Docker {
        // As kind's nodes run: where the daemon remaps user ids, docker refuses privileged containers without it.
        run = run.arg("--userns=host");
    }
    let run = run.arg(&image).arg(program).arg("version");
    let started = async {
        run.deadline(TRIAL).output().await.map_err(Refusal::NoContainer)?;
        restarts(engine, &image).await
    };
    let started = started.await;
    let _ = engine.command(["rmi", "-f", &image]).output().await;
    started
}

/// Makes `image`, which contains only `probe`: from an archive, since nerdctl before 2.1.4 has no `import`.
async fn load(engine: &Engine, probe: &Path, image: &str) -> Result<(), Refusal> {
    let (folder, file) = (probe.parent().unwrap_or(Path::new("/")), probe.file_name().unwrap_or_default());
    let archive = tempfile::tempdir().map_err(Refusal::File)?;
    let layer = archive.path().join("layer.tar");
    Cmd::new("tar", ["-c", "-f"]).arg(&layer).arg("-C").arg(folder).arg(file).output().await?;
    let content = Sha256::digest(fs_err::read(&layer).map_err(Refusal::File)?);
    let config = json!({
        "architecture": architecture(),
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{}", hex(&content))]},
    });
    let manifest = json!([{"Config": "config.json", "RepoTags": [image], "Layers": ["layer.tar"]}]);
    for (name, content) in [("config.json", config), ("manifest.json", manifest)] {
        fs_err::write(archive.path().join(name), content.to_string()).map_err(Refusal::File)?;
    }
    let pack = Cmd::new("tar", ["-c", "-C"]).arg(archive.path()).arg(".");
    Ok(pack.pipe(&engine.command(["load"])).await?)
}

/// Checks that nerdctl accepts the restart policy of kind's nodes, which takes containerd 1.7. The other engines have it
/// in every version.
async fn restarts(engine: &Engine, image: &str) -> Result<(), Refusal> {
    if engine.kind != EngineKind::Nerdctl {
        return Ok(());
    }
    let name = format!("kind-harness-probe-{}", std::process::id());
    let create = engine.command(["create", "--restart=on-failure:1", "--name", &name, image, "/never-started"]);
    create.output().await.map_err(Refusal::NoRestart)?;
    engine.command(["rm", "-f", &name]).output().await?;
    Ok(())
}
