//! A docker daemon of the tests' own.
//!
//! Socket, state and runtime are in a temporary folder. The images are kept in the user's cache folder, because building
//! the node image takes minutes. What the daemon changes outside of that, docker0 and rules of iptables, is taken back.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail, ensure};
use duct::cmd;
use kind_harness::host::folders::Folders;

use crate::daemon::Daemon;
use crate::engine::{Engine, NotHere, in_path};
use crate::iptables::Rules;
use crate::runtime;

/// What daemon.json has in it, for daemons of `with docker COMMAND…` and of the tests.
const CONFIGURATION: &str = "DOCKERD_CONFIG";

/// A docker daemon, stopped when dropped.
pub(crate) struct Dockerd {
    /// How it is used.
    pub(crate) engine: Engine,
    /// None until it answers.
    daemon: Option<Daemon>,
    folder: tempfile::TempDir,
    rules: Rules,
    /// Only one daemon may use the folder of images.
    _lock: File,
}

impl Dockerd {
    /// Starts one with a mirror of Docker Hub, if one is given, that trusts only the authority in a file, if one is given.
    ///
    /// # Errors
    /// [`NotHere`] where this host cannot run one; when it does not answer.
    pub(crate) fn start(mirror: Option<&str>, authority: Option<&Path>) -> Result<Dockerd> {
        let configuration = std::env::var(CONFIGURATION).unwrap_or_else(|_| "{}".into());
        Dockerd::configured(&configuration, mirror, authority)
    }

    /// As [`Dockerd::start`], with a `configuration` as in daemon.json. Each has images of its own.
    pub(crate) fn configured(configuration: &str, mirror: Option<&str>, authority: Option<&Path>) -> Result<Dockerd> {
        if !rustix::process::geteuid().is_root() {
            bail!(NotHere("dockerd needs root".into()));
        }
        if let Some(missing) = ["dockerd", "docker", "runc", "iptables"].iter().find(|name| !in_path(name)) {
            bail!(NotHere(format!("{missing} is not installed (apt-get install docker.io)")));
        }
        if PathBuf::from("/sys/class/net/docker0").exists() {
            bail!(NotHere("another docker daemon runs on this host, and two would share docker0".into()));
        }
        let data = Folders::of_user()?.cache.join("engines").join(folder_for(configuration));
        std::fs::create_dir_all(&data)?;
        let lock = File::create(data.with_extension("lock"))?;
        ensure!(lock.try_lock().is_ok(), "another test uses {}", data.display());
        // Only images are kept. docker 20.10 does not start with a network that was being made or removed when it ended.
        match std::fs::remove_dir_all(data.join("network")) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let folder = tempfile::Builder::new().prefix("engines-").tempdir()?;
        let at = |name: &str| folder.path().join(name);
        let socket = format!("unix://{}", at("docker.sock").display());
        let mut command = Command::new("dockerd");
        command.arg("--data-root").arg(&data).arg("--exec-root").arg(at("exec")).arg("--pidfile").arg(at("pid"));
        command.arg("--config-file").arg(at("daemon.json"));
        command.args(["--host", &socket, "--exec-opt", "native.cgroupdriver=cgroupfs", "--log-level", "warn"]);
        if !runtime::has_all_capabilities()? {
            let wrapper = at(runtime::NAME);
            std::os::unix::fs::symlink(std::env::current_exe()?, &wrapper)?;
            command.arg("--add-runtime").arg(format!("bounded={}", wrapper.display()));
            command.args(["--default-runtime", "bounded"]);
        }
        if let Some(mirror) = mirror {
            command.arg("--registry-mirror").arg(format!("http://{mirror}"));
        }
        if let Some(authority) = authority {
            command.env("SSL_CERT_FILE", authority);
        }
        std::fs::write(at("daemon.json"), configuration)?;
        let rules = Rules::before(&["DOCKER", "docker0"])?;
        let home = at("config");
        let variables = vec![
            ("DOCKER_HOST".to_owned(), socket),
            ("DOCKER_CONFIG".to_owned(), home.display().to_string()),
            ("KIND_HARNESS_ENGINE".to_owned(), "docker".to_owned()),
        ];
        let engine = Engine { name: "docker", variables };
        let mut dockerd = Dockerd { engine, daemon: None, folder, rules, _lock: lock };
        let daemon = Daemon::start(command, dockerd.folder.path(), || dockerd.engine.ask(&["version"]).is_ok())?;
        dockerd.daemon = Some(daemon);
        // What a killed test left in the folder of images.
        for (list, remove) in [(["ps", "-aq"], ["rm", "-fv"]), (["volume", "ls"], ["volume", "rm"])] {
            let list = if list[0] == "volume" { vec!["volume", "ls", "-q"] } else { list.to_vec() };
            for id in dockerd.engine.ask(&list)?.lines() {
                let remove: Vec<&str> = remove.iter().copied().chain([id]).collect();
                dockerd.engine.ask(&remove)?;
            }
        }
        dockerd.engine.ask(&["network", "prune", "-f"])?;
        Ok(dockerd)
    }
}

/// Returns the name of the folder for images of a daemon with this configuration: not every daemon takes the store of another.
fn folder_for(configuration: &str) -> String {
    let words = configuration.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    std::iter::once("docker").chain(words).collect::<Vec<_>>().join("-")
}

impl Drop for Dockerd {
    fn drop(&mut self) {
        self.daemon = None;
        // Otherwise every later run on this host would look for clusters of it.
        if let Ok(folders) = Folders::of_user() {
            let _ = std::fs::remove_file(folders.cache.join("host").join("docker.json"));
        }
        let _ = cmd!("ip", "link", "delete", "docker0").stderr_null().unchecked().run();
        if let Err(error) = self.rules.restore() {
            eprintln!("iptables is not as it was: {error:#}");
        }
    }
}
