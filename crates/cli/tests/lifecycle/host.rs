//! The host, as far as a run leaves traces on it.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use duct::{Expression, Handle, cmd};
use kind_harness::host::exec::Cmd;
use kind_harness::host::folders::Folders;
use kind_harness::host::setup::{Engine, known_engines};
use procfs::process::all_processes;
use tempfile::TempDir;

use crate::ending::VARIABLE;
use crate::world::World;
use crate::{SUITE, pause};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_kind-harness");
/// Each run has the same cluster's name: so every run proves that after the one before it another works.
const NAME: &str = "lifecycle-test";
/// How long what is killed may take to go.
pub(crate) const GOING: Duration = Duration::from_secs(15);

/// A host on which runs keep what they remember in a folder of its own.
pub(crate) struct Host {
    engine: Engine,
    state: TempDir,
    before: Traces,
}

/// What there is of runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Traces(BTreeSet<String>);

impl fmt::Display for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.iter().map(String::as_str).collect::<Vec<_>>().join(", "))
    }
}

impl Traces {
    /// Whether there is nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Host {
    /// This host, as it is before the first run.
    pub(crate) async fn look() -> Result<Host> {
        let engine = known_engines(&Folders::of_user()?).into_iter().next();
        let engine = engine.context("`kind-harness doctor` finds an engine first")?;
        let mut host = Host { engine, state: tempfile::tempdir()?, before: Traces::default() };
        host.before = host.traces()?;
        Ok(host)
    }

    /// Gives `command` this host's folders. What it says can be read in [`Host::said`].
    pub(crate) fn at_home(&self, command: Expression) -> Expression {
        let command = command.env("XDG_STATE_HOME", self.state.path()).env("TMPDIR", self.temporary());
        let command = command.env("KIND_HARNESS_AUTO_PORTS", "true").env("KIND_HARNESS_NAME", NAME);
        command.env_remove("GITHUB_ACTIONS").unchecked().stdin_null().stdout_null().stderr_path(self.said())
    }

    /// The kubeconfig of the cluster.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.state.path().join("kind-harness").join(NAME).join("kubeconfig")
    }

    /// A command of the program.
    pub(crate) fn cli(&self, command: &str) -> Expression {
        self.at_home(cmd!(PROGRAM, command, "--file", SUITE))
    }

    /// Runs a script in the cluster's node.
    pub(crate) async fn in_node(&self, script: &str) -> Result<()> {
        let node = format!("{NAME}-control-plane");
        self.engine.command(["exec", &node, "sh", "-c", script]).output().await?;
        Ok(())
    }

    /// The same, for a shell.
    pub(crate) fn line(&self, command: &str) -> String {
        format!("exec {PROGRAM} {command} --file {SUITE} 2> {}", self.said().display())
    }

    /// A test that uses the environment and ends as it is told.
    pub(crate) fn specimen(&self, ending: &str) -> Result<Expression> {
        let own = std::env::current_exe()?;
        let specimen = self.at_home(cmd!(own, "--exact", "specimen", "--ignored", "--nocapture"));
        Ok(specimen.env(VARIABLE, ending))
    }

    /// The same, for a shell.
    pub(crate) fn specimen_line(&self) -> Result<String> {
        let own = std::env::current_exe()?;
        Ok(format!("exec {} --exact specimen --ignored --nocapture 2> {}", own.display(), self.said().display()))
    }

    /// Where the last command's standard error is.
    pub(crate) fn said(&self) -> PathBuf {
        self.state.path().join("said")
    }

    /// Waits until the specimen has told `word`.
    pub(crate) async fn until_told(&self, word: &str, specimen: &Handle) -> Result<()> {
        let wanted = format!("specimen: {word}\n");
        loop {
            let said = std::fs::read_to_string(self.said()).unwrap_or_default();
            if said.contains(&wanted) {
                return Ok(());
            }
            ensure!(specimen.try_wait()?.is_none(), "it ended before:\n{said}");
            pause(Duration::from_millis(20)).await;
        }
    }

    /// Waits until `down` has taken the cluster. One that is ended earlier has not begun, and the cluster is kept as it was.
    pub(crate) async fn until_taken(&self, down: &Handle) -> Result<()> {
        let record = self.state.path().join("kind-harness").join(NAME).join("cluster.json");
        loop {
            let text = std::fs::read_to_string(&record).unwrap_or_default();
            let record: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
            if record["lease"]["owner"].is_object() || down.try_wait()?.is_some() {
                return Ok(());
            }
            pause(Duration::from_millis(2)).await;
        }
    }

    fn temporary(&self) -> PathBuf {
        let folder = self.state.path().join("tmp");
        // It is there already, or what needs it says so.
        let _ = std::fs::create_dir(&folder);
        folder
    }

    /// Waits until there is no more than before the first run; what remains after [`GOING`] otherwise.
    pub(crate) async fn until_clean(&self) -> Result<(Duration, Traces)> {
        let began = Instant::now();
        loop {
            let traces = self.traces()?;
            let left = Traces(traces.0.difference(&self.before.0).cloned().collect());
            if left.0.is_empty() || began.elapsed() > GOING {
                return Ok((began.elapsed(), left));
            }
            pause(Duration::from_millis(50)).await;
        }
    }

    fn traces(&self) -> Result<Traces> {
        let mut firewall = World::of_firewall()?;
        firewall.0.retain(|rule, _| rule.contains("--to-destination"));
        let world = World::of_engine(&self.engine)?.and(World::of_network()).and(firewall);
        let trace = |(key, value): (&String, &String)| {
            let is_named = key.starts_with("container ") || key.starts_with("network ");
            if is_named { format!("{key} {}", value.split(' ').next().unwrap_or_default()) } else { key.clone() }
        };
        let mut traces: BTreeSet<String> = world.0.iter().map(trace).collect();
        let state = self.state.path().join("kind-harness");
        for folder in [state.clone(), state.join("locks"), self.temporary()] {
            traces.extend(entries(&folder).into_iter().map(|path| format!("file {}", path.display())));
        }
        traces.extend(self.processes());
        Ok(Traces(traces))
    }

    /// Whatever runs with our folders in its environment.
    fn processes(&self) -> Vec<String> {
        let mine = |process: &procfs::process::Process| {
            let environment = process.environ().ok()?;
            (environment.get(OsStr::new("XDG_STATE_HOME"))? == self.state.path()).then_some(())
        };
        let Ok(processes) = all_processes() else { return Vec::new() };
        let mine = processes.flatten().filter(|process| mine(process).is_some());
        mine.filter_map(|process| Some(format!("process {} {}", process.pid, process.cmdline().ok()?.join(" "))))
            .collect()
    }

    /// Figures that must not grow from run to run.
    pub(crate) async fn figures(&self) -> Result<Vec<(&'static str, u64)>> {
        let images = self.engine.command(["images", "-q"]).output().await?.lines().count();
        let rules = Cmd::new("iptables-save", [] as [&str; 0]).output().await?.lines().count();
        let handles = first_number(&fs_err::read_to_string("/proc/sys/fs/file-nr")?)?;
        let disk = first_number(&Cmd::new("du", ["-sm"]).arg(Folders::of_user()?.cache).output().await?)?;
        Ok(vec![
            ("images", images as u64),
            ("iptables rules", rules as u64),
            ("open files", handles),
            ("cache, MB", disk),
        ])
    }
}

fn first_number(text: &str) -> Result<u64> {
    let word = text.split_whitespace().next().context("nothing is told")?;
    word.parse().with_context(|| format!("{word} is no number"))
}

/// Entries of `folder` that a run may not leave behind.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let stays = |path: &Path| ["locks", "bundles", ".runs"].iter().any(|it| path.ends_with(it));
    entries.flatten().map(|entry| entry.path()).filter(|path| !stays(path)).collect()
}

/// Tells whoever started this process.
pub(crate) fn tell(word: &str) {
    // libtest captures what is printed, but not what is written.
    let _ = writeln!(std::io::stderr(), "specimen: {word}");
}
