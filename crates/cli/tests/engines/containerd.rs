//! A containerd and a buildkitd of the tests' own, for nerdctl.
//!
//! Sockets, state and nerdctl's own files are in a temporary folder. The images and BuildKit's cache are kept in the user's
//! cache folder, because building the node image takes minutes. nerdctl asks for no capability that the host withholds, so
//! runc runs as it is. The bridge nerdctl0, the addresses that CNI has given out, and rules of iptables are removed again.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail, ensure};
use duct::cmd;
use kind_harness::host::folders::Folders;

use crate::daemon::Daemon;
use crate::engine::{Engine, NotHere, in_path};
use crate::iptables::Rules;

/// What has to be in PATH, and where it is from.
const PROGRAMS: [(&str, &str); 6] = [
    ("nerdctl", "https://github.com/containerd/nerdctl"),
    ("buildkitd", "https://github.com/moby/buildkit"),
    ("buildctl", "https://github.com/moby/buildkit"),
    ("containerd", "version 1.7 or newer, https://github.com/containerd/containerd"),
    ("runc", "apt-get install runc"),
    ("iptables", "apt-get install iptables"),
];

/// Where distributions and CNI's own releases put its plugins.
const PLUGINS: [&str; 2] = ["/usr/lib/cni", "/opt/cni/bin"];

/// Where CNI's plugins record the addresses that they have given out, one folder for each network.
const ADDRESSES: &str = "/var/lib/cni/networks";

/// A containerd with a buildkitd, stopped when dropped.
pub(crate) struct Containerd {
    /// How it is used.
    pub(crate) engine: Engine,
    /// In the order in which they stop.
    daemons: Vec<Daemon>,
    rules: Rules,
    addresses: BTreeSet<PathBuf>,
    folder: tempfile::TempDir,
    /// Only one daemon may use the folder of images.
    _lock: File,
}

impl Containerd {
    /// Starts both.
    ///
    /// # Errors
    /// [`NotHere`] where this host cannot run them; when one does not answer.
    pub(crate) fn start() -> Result<Containerd> {
        if !rustix::process::geteuid().is_root() {
            bail!(NotHere("containerd needs root".into()));
        }
        if let Some((missing, from)) = PROGRAMS.iter().find(|(name, _)| !in_path(name)) {
            bail!(NotHere(format!("{missing} is not in PATH ({from})")));
        }
        let Some(plugins) = PLUGINS.iter().find(|folder| Path::new(folder).join("bridge").is_file()) else {
            bail!(NotHere("CNI's plugins are not installed (apt-get install containernetworking-plugins)".into()));
        };
        if PathBuf::from("/sys/class/net/nerdctl0").exists() {
            bail!(NotHere("nerdctl is used on this host, and two would share nerdctl0".into()));
        }
        let data = Folders::of_user()?.cache.join("engines").join("nerdctl");
        std::fs::create_dir_all(&data)?;
        let lock = File::create(data.with_extension("lock"))?;
        ensure!(lock.try_lock().is_ok(), "another test uses {}", data.display());
        let folder = tempfile::Builder::new().prefix("engines-").tempdir()?;
        let at = |name: &str| folder.path().join(name).display().to_string();
        let (socket, builder) = (at("containerd.sock"), format!("unix://{}", at("buildkitd.sock")));
        std::fs::write(at("containerd.toml"), containerd_config(&data.join("containerd"), folder.path()))?;
        let settings = format!(
            "address = {socket:?}\ndata_root = {:?}\ncni_path = {plugins:?}\ncni_netconfpath = {:?}\n\
             cgroup_manager = \"cgroupfs\"\n",
            at("nerdctl"),
            at("cni")
        );
        std::fs::write(at("nerdctl.toml"), settings)?;
        let variables = [
            ("NERDCTL_TOML", at("nerdctl.toml")),
            ("CONTAINERD_ADDRESS", socket.clone()),
            ("BUILDKIT_HOST", builder.clone()),
            ("DOCKER_CONFIG", at("config")),
            ("KIND_HARNESS_ENGINE", "nerdctl".to_owned()),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value)).to_vec();
        let engine = Engine { name: "nerdctl", variables };
        let config = at("containerd.toml");
        let (rules, addresses) = (Rules::before(&["CNI-", "nerdctl0"])?, addresses());
        let mut started = Containerd { engine, daemons: Vec::new(), rules, addresses, folder, _lock: lock };
        let mut containerd = Command::new("containerd");
        containerd.args(["--config", &config]);
        started.start_daemon(containerd, |engine| engine.ask(&["info"]).is_ok())?;
        // What a killed test has left.
        started.remove_containers()?;
        let root = data.join("buildkit").display().to_string();
        let options = ["--root", &root, "--addr", &builder, "--oci-worker=false", "--containerd-worker=true"];
        // In nerdctl's own namespace, so that a build can begin from an image that was built before.
        let worker = ["--containerd-worker-namespace=default", "--containerd-worker-net=host"];
        let address = ["--containerd-worker-addr", &socket];
        let mut buildkitd = Command::new("buildkitd");
        buildkitd.args(options).args(worker).args(address);
        started.start_daemon(buildkitd, |engine| {
            let asked = engine.on(cmd!("buildctl", "debug", "workers")).stdout_null().stderr_null().unchecked().run();
            asked.is_ok_and(|output| output.status.success())
        })?;
        Ok(started)
    }

    /// Starts a daemon, which stops before those that have been started already.
    fn start_daemon(&mut self, command: Command, answers: impl Fn(&Engine) -> bool) -> Result<()> {
        let daemon = Daemon::start(command, self.folder.path(), || answers(&self.engine))?;
        self.daemons.insert(0, daemon);
        Ok(())
    }

    /// Removes every container: unlike dockerd, containerd leaves them running when it stops.
    fn remove_containers(&self) -> Result<()> {
        for id in self.engine.ask(&["ps", "-aq", "--no-trunc"])?.lines() {
            self.engine.ask(&["rm", "-f", "-v", id])?;
        }
        Ok(())
    }
}

impl Drop for Containerd {
    fn drop(&mut self) {
        if let Err(error) = self.remove_containers() {
            eprintln!("containers are left: {error:#}");
        }
        // Removes the bridges and rules of networks that a failed test has left.
        let _ = self.engine.ask(&["network", "prune", "-f"]);
        self.daemons.clear();
        // Otherwise every later run on this host would look for clusters of it.
        if let Ok(folders) = Folders::of_user() {
            let _ = std::fs::remove_file(folders.cache.join("host").join("nerdctl.json"));
        }
        let _ = cmd!("ip", "link", "delete", "nerdctl0").stderr_null().unchecked().run();
        for network in addresses().difference(&self.addresses) {
            let _ = std::fs::remove_dir_all(network);
        }
        if let Err(error) = self.rules.restore() {
            eprintln!("iptables is not as it was: {error:#}");
        }
    }
}

/// containerd's configuration, without the plugin that serves a kubelet.
fn containerd_config(data: &Path, folder: &Path) -> String {
    let at = |name: &str| folder.join(name).display().to_string();
    format!(
        "version = 2\nroot = {:?}\nstate = {:?}\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n\
         [grpc]\naddress = {:?}\n[ttrpc]\naddress = {:?}\n",
        data.display().to_string(),
        at("state"),
        at("containerd.sock"),
        at("containerd.sock.ttrpc")
    )
}

/// The networks of which CNI's plugins have given out addresses.
fn addresses() -> BTreeSet<PathBuf> {
    std::fs::read_dir(ADDRESSES).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}
