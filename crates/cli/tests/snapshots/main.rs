//! Clusters that boot from a snapshot, beside one that kubeadm has booted: the same answers, nothing shared that must not
//! be, and kubeadm where a snapshot does not come up.

#![expect(clippy::print_stdout, reason = "how long each boot takes is for whoever runs them")]

mod layers;
mod versions;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use duct::cmd;
use kind_harness::host::folders::Folders;
use kind_harness::host::setup::{Engine, known_engines};

/// Each boot is checked in so many clusters by `just snapshots`.
const BOOTS: usize = 50;

/// What a test needs of this host.
struct Host {
    engine: Engine,
    /// Snapshots are of this run alone.
    cache: tempfile::TempDir,
    state: tempfile::TempDir,
    suite: tempfile::TempDir,
}

impl Host {
    fn new() -> Result<Host> {
        let folders = Folders::of_user()?;
        let engine = known_engines(&folders).into_iter().next().context("no engine has worked here yet")?;
        // All else of the cache is used as it is, but for where builds are prepared: that folder has to be a real one.
        let cache = tempfile::tempdir()?;
        std::fs::create_dir(cache.path().join("kind-harness"))?;
        for entry in std::fs::read_dir(&folders.cache)?.flatten() {
            if entry.file_name() == "snapshots" || entry.file_name() == "aside" {
                continue;
            }
            let link = cache.path().join("kind-harness").join(entry.file_name());
            std::os::unix::fs::symlink(entry.path(), link)?;
        }
        let suite = tempfile::tempdir()?;
        let image = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/faults/image").canonicalize()?;
        std::os::unix::fs::symlink(image, suite.path().join("image"))?;
        Ok(Host { engine, cache, state: tempfile::tempdir()?, suite })
    }

    /// Brings a cluster of that name up; returns what was said.
    fn up(&self, name: &str, boot: &str) -> Result<String> {
        self.up_with(
            name,
            &format!("boot: {boot}"),
            "[{name: kind-harness/faults, recipe: image}]",
            "kind-harness/faults",
        )
    }

    /// Brings a cluster up with these settings, and a pod of one of these images; returns what was said.
    fn up_with(&self, name: &str, cluster: &str, images: &str, image: &str) -> Result<String> {
        self.write_suite(cluster, images, image)?;
        self.run(&["up", "--name", name])
    }

    fn write_suite(&self, cluster: &str, images: &str, image: &str) -> Result<()> {
        let text = format!(
            "suite: snapshots\nnamespace: lifecycle\nimages: packages\ncluster: {{{cluster}}}\ncomponents:\n  - name: app\n    \
             images: {images}\n    manifests:\n      - inline: |\n          \
             {{apiVersion: v1, kind: Pod, metadata: {{name: app}}, spec: {{terminationGracePeriodSeconds: 0, \
             containers: [{{name: app, image: {image}, command: [sleep, infinity]}}]}}}}\n"
        );
        Ok(std::fs::write(self.suite.path().join("e2e.yaml"), text)?)
    }

    fn down(&self, name: &str) -> Result<String> {
        self.run(&["down", "--name", name])
    }

    fn run(&self, arguments: &[&str]) -> Result<String> {
        let began = Instant::now();
        let command = cmd(env!("CARGO_BIN_EXE_kind-harness"), arguments).dir(self.suite.path());
        let command = command.env("XDG_CACHE_HOME", self.cache.path()).env("XDG_STATE_HOME", self.state.path());
        let command = command.env("KIND_HARNESS_YES", "1").env("NO_COLOR", "1").stdin_null();
        let output = command.stderr_to_stdout().stdout_capture().unchecked().run()?;
        println!("  {}: {:.1} s", arguments.join(" "), began.elapsed().as_secs_f64());
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(output.status.success(), "{}: {said}", arguments.join(" "));
        Ok(said)
    }

    /// What a program prints in the node of a cluster.
    fn inside(&self, name: &str, command: &[&str], input: &[u8]) -> Result<String> {
        let node = format!("{name}-control-plane");
        let arguments = ["exec", "-i", &node].into_iter().chain(command.iter().copied());
        let command = cmd(self.engine.kind.name(), arguments).stdin_bytes(input).stdout_capture().unchecked();
        let conf = self.engine.containers_conf.iter();
        let command = conf.fold(command, |command, path| command.env("CONTAINERS_CONF", path));
        Ok(String::from_utf8_lossy(&command.run()?.stdout).into_owned())
    }

    /// The state folder of this run.
    fn own(&self) -> String {
        self.state.path().join("kind-harness").display().to_string()
    }

    /// What a command of the engine prints, with its errors.
    fn engine(&self, arguments: &[&str]) -> Result<String> {
        let command = cmd(self.engine.kind.name(), arguments).stderr_to_stdout().stdout_capture().unchecked();
        let conf = self.engine.containers_conf.iter();
        let command = conf.fold(command, |command, path| command.env("CONTAINERS_CONF", path));
        Ok(String::from_utf8_lossy(&command.run()?.stdout).into_owned())
    }

    /// The answers of a cluster to `checks.sh`.
    fn answers(&self, name: &str) -> Result<String> {
        let listed = self.inside(name, &["ctr", "-n", "k8s.io", "images", "ls", "-q"], b"")?;
        let image = listed.lines().find(|image| image.starts_with("localhost/kind-harness/image:"));
        self.inside(name, &["bash", "-s", image.context("the suite's image")?], include_bytes!("checks.sh"))
    }

    /// Whether the cluster was booted by kubeadm: a node that boots from a snapshot has it mounted.
    fn is_by_kubeadm(&self, name: &str) -> Result<bool> {
        Ok(self.inside(name, &["ls", "/kind/snapshot"], b"")?.is_empty())
    }

    /// The folder of the one snapshot.
    fn snapshot(&self) -> Result<PathBuf> {
        let folder = self.cache.path().join("kind-harness/snapshots");
        let entries = std::fs::read_dir(&folder).context("no snapshot was kept")?.flatten();
        entries.map(|entry| entry.path()).next().context("no snapshot was kept")
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        for name in ["snapshot-a", "snapshot-b", "snapshot-c", "version-a", "version-b", "version-c", "version-d"] {
            let _ = self.down(name);
        }
    }
}

#[test]
#[ignore = "three clusters, 2 minutes: just snapshots"]
fn a_cluster_of_a_snapshot_answers_as_one_of_kubeadm_does() -> Result<()> {
    let host = Host::new()?;
    let said = host.up("snapshot-a", "auto")?;
    ensure!(host.is_by_kubeadm("snapshot-a")?, "the first one boots by kubeadm:\n{said}");
    let by_kubeadm = host.answers("snapshot-a")?;
    // Two at once, of which one has the name of the snapshot's cluster.
    let authority = |name: &str| host.inside(name, &["cat", "/etc/kubernetes/pki/ca.crt"], b"");
    let keys = |name: &str| host.inside(name, &["cat", "/etc/kubernetes/pki/sa.pub"], b"");
    let first = (authority("snapshot-a")?, keys("snapshot-a")?);
    host.down("snapshot-a")?;
    for name in ["snapshot-b", "snapshot-a"] {
        let said = host.up(name, "auto")?;
        ensure!(!host.is_by_kubeadm(name)? && !said.contains("warning"), "it boots from the snapshot:\n{said}");
    }
    let (a, b) = ((authority("snapshot-a")?, keys("snapshot-a")?), (authority("snapshot-b")?, keys("snapshot-b")?));
    ensure!(a.0.contains("BEGIN CERTIFICATE") && first != a && first.0 != b.0 && a.0 != b.0, "an authority is shared");
    ensure!(a.1.contains("BEGIN PUBLIC KEY") && first.1 != a.1 && a.1 != b.1, "a key of service accounts is shared");
    // No answer is an error that both have.
    ensure!(!by_kubeadm.lines().any(|line| line.ends_with(": ") || line.contains("rror")), "{by_kubeadm}");
    // The last one after a reset, and after another one.
    for (name, resets) in [("snapshot-b", 0), ("snapshot-a", 0), ("snapshot-a", 1), ("snapshot-a", 1)] {
        for _ in 0..resets {
            host.run(&["reset", "--name", name])?;
        }
        let answers = host.answers(name)?;
        ensure!(answers.lines().count() >= 50, "{answers}");
        let pairs = by_kubeadm.lines().zip(answers.lines());
        let others: Vec<_> = pairs.filter(|(one, other)| one != other).collect();
        ensure!(
            others.is_empty() && by_kubeadm.lines().count() == answers.lines().count(),
            "{name}: {others:#?}\n{answers}"
        );
    }
    let clusters = cmd!(kind()?, "get", "clusters").env("KIND_EXPERIMENTAL_PROVIDER", host.engine.kind.name());
    let conf = host.engine.containers_conf.iter();
    let clusters = conf.fold(clusters, |clusters, path| clusters.env("CONTAINERS_CONF", path)).stderr_null().read()?;
    ensure!(clusters.lines().any(|line| line == "snapshot-b"), "kind does not list it: {clusters}");
    Ok(())
}

/// The binary of kind that the harness uses.
fn kind() -> Result<PathBuf> {
    let tools = Folders::of_user()?.cache.join("tools");
    let found = std::fs::read_dir(tools).into_iter().flatten().flatten().map(|entry| entry.path());
    let kind = found.map(|path| if path.is_dir() { path.join("kind") } else { path });
    let mut kind = kind.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("kind")));
    Ok(kind.next().unwrap_or_else(|| "kind".into()))
}

#[test]
#[ignore = "four clusters, 90 seconds: just snapshots"]
fn a_snapshot_that_does_not_boot_is_told_of_and_kubeadm_boots() -> Result<()> {
    let host = Host::new()?;
    host.up("snapshot-c", "auto")?;
    host.down("snapshot-c")?;
    let data = host.snapshot()?.join("etcd.tar");
    let whole = std::fs::read(&data)?;
    std::fs::write(&data, &whole[..whole.len() / 3])?;
    let said = host.up("snapshot-c", "auto")?;
    ensure!(said.contains("kubeadm boots the control plane, since it does not boot from its snapshot"), "{said}");
    ensure!(host.is_by_kubeadm("snapshot-c")?, "{said}");
    ensure!(std::fs::read(host.snapshot()?.join("etcd.tar"))?.len() > whole.len() / 2, "a new one is kept");
    host.down("snapshot-c")?;
    // A file is missing: that is no snapshot.
    std::fs::remove_file(host.snapshot()?.join("arguments"))?;
    let said = host.up("snapshot-c", "auto")?;
    ensure!(host.is_by_kubeadm("snapshot-c")? && !said.contains("warning"), "{said}");
    host.down("snapshot-c")?;
    let said = host.up("snapshot-c", "kubeadm")?;
    ensure!(host.is_by_kubeadm("snapshot-c")?, "{said}");
    Ok(())
}

#[test]
#[ignore = "three clusters, 1 minute: just snapshots"]
fn two_runs_at_once_make_one_snapshot() -> Result<()> {
    let host = Host::new()?;
    host.write_suite("boot: auto", "[{name: kind-harness/faults, recipe: image}]", "kind-harness/faults")?;
    let (a, b) = std::thread::scope(|scope| {
        let a = scope.spawn(|| host.run(&["up", "--name", "snapshot-a"]));
        let b = scope.spawn(|| host.run(&["up", "--name", "snapshot-b"]));
        (a.join(), b.join())
    });
    for said in [a, b] {
        let said = said.map_err(|_| anyhow::anyhow!("a run panicked"))??;
        ensure!(!said.contains("warning"), "{said}");
    }
    let folder = host.cache.path().join("kind-harness/snapshots");
    let names: Vec<_> = std::fs::read_dir(folder)?.flatten().map(|entry| entry.file_name()).collect();
    ensure!(names.len() == 1, "{names:?}");
    let said = host.up("snapshot-c", "auto")?;
    ensure!(!host.is_by_kubeadm("snapshot-c")?, "it boots from the snapshot:\n{said}");
    // Their network is that of all clusters of the state folder, and stays until the last one is gone.
    let network =
        || host.engine(&["network", "ls", "--filter", &format!("label=kind-harness.dev/state={}", host.own()), "-q"]);
    for name in ["snapshot-a", "snapshot-b"] {
        host.down(name)?;
        ensure!(!network()?.trim().is_empty(), "the network is gone while a cluster uses it");
    }
    host.down("snapshot-c")?;
    ensure!(network()?.trim().is_empty(), "the network is left");
    Ok(())
}

#[test]
#[ignore = "50 clusters, 12 minutes: just snapshots"]
fn fifty_boots_in_a_row() -> Result<()> {
    let host = Host::new()?;
    host.up("snapshot-a", "auto")?;
    host.down("snapshot-a")?;
    let times = std::env::var("TIMES").ok().and_then(|times| times.parse().ok()).unwrap_or(BOOTS);
    let (mut took, mut failed) = (Vec::new(), 0);
    for _ in 0..times {
        let began = Instant::now();
        let said = host.up("snapshot-b", "auto")?;
        took.push(began.elapsed());
        failed += usize::from(said.contains("it does not boot from its snapshot"));
        if let Some(why) = said.lines().find(|line| line.contains("it does not boot from its snapshot")) {
            println!("{why}\n{said}");
        }
        host.down("snapshot-b")?;
    }
    took.sort();
    let at = |percent: usize| took[(took.len() * percent).div_ceil(100).saturating_sub(1)].as_secs_f64();
    println!(
        "{failed} of {times} did not boot; up took p50 {:.1} s, p95 {:.1} s, max {:.1} s",
        at(50),
        at(95),
        at(100)
    );
    ensure!(failed == 0 && took.iter().all(|took| *took < Duration::from_secs(60)), "{failed} of {times} failed");
    Ok(())
}
