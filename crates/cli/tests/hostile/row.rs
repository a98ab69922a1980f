//! One row's own place: folders, a victim that nobody may touch, containers, and the command line.

use std::cell::RefCell;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::NotHere;
use crate::bench::{self, Bench, MARK, Turn};
use crate::cluster::House;
use crate::world::ask;

/// The program.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_kind-harness");

const SUITE: &str = "\
suite: tiny
namespace: tiny
images: registry
components:
  - name: app
    manifests: [app.yaml]
";
const MANIFEST: &str = "{apiVersion: v1, kind: ConfigMap, metadata: {name: app, namespace: tiny}}";

/// A place of a row's own.
pub(crate) struct Row {
    folder: TempDir,
    /// A DNS label that nothing else on this host has: the name of the row's cluster.
    pub(crate) name: String,
    pub(crate) bench: Option<&'static Bench>,
    /// The cluster that its suites are guests of.
    pub(crate) house: Option<&'static House>,
    made: RefCell<Vec<Vec<String>>>,
    turn: Option<Turn>,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The state folder that has a cluster's record.
const STATE: &str = "kind-harness.dev/state";

impl Ended {
    /// The output as JSON.
    pub(crate) fn json(&self) -> Result<serde_json::Value> {
        serde_json::from_str(&self.stdout).with_context(|| format!("{self:?}"))
    }
}

/// The program with `args`, without what this process's environment says to it.
pub(crate) fn cli(args: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(args).env("NO_COLOR", "1").stdin(std::process::Stdio::null());
    forget_environment(&mut command);
    command
}

fn forget_environment(command: &mut Command) {
    let ours = |name: &str| {
        ["KIND_HARNESS", "XDG_", "GITHUB_"].iter().any(|prefix| name.starts_with(prefix)) || name == "CONTAINERS_CONF"
    };
    for (name, _) in std::env::vars().filter(|(name, _)| ours(name)) {
        command.env_remove(name);
    }
}

/// PATH with `folder` in front.
pub(crate) fn path_with(folder: &Path) -> Result<std::ffi::OsString> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    Ok(std::env::join_paths(std::iter::once(folder.to_owned()).chain(std::env::split_paths(&path)))?)
}

/// Whether this process is root's.
pub(crate) fn need_root() -> Result<()> {
    if rustix::process::geteuid().is_root() { Ok(()) } else { bail!(NotHere("this takes root".into())) }
}

/// A program that the row cannot do without.
pub(crate) fn need(program: &str) -> Result<()> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    if found { Ok(()) } else { bail!(NotHere(format!("{program} is not installed"))) }
}

impl Row {
    /// A row that needs no engine.
    pub(crate) fn bare(name: &str) -> Result<Row> {
        let folder = tempfile::Builder::new().prefix("hostile-").tempdir()?;
        let name = format!("h{}-{}", std::process::id(), name);
        let row = Row { folder, name, bench: None, house: None, made: RefCell::default(), turn: None };
        std::fs::set_permissions(row.folder.path(), PermissionsExt::from_mode(0o755))?;
        for folder in ["home", "state/kind-harness", "suite", "tmp", "cache"] {
            std::fs::create_dir_all(row.path(folder))?;
        }
        std::fs::set_permissions(row.state(""), PermissionsExt::from_mode(0o700))?;
        row.write("suite/e2e.yaml", SUITE)?;
        row.write("suite/app.yaml", MANIFEST)?;
        row.write("victim/file", "precious")?;
        row.write("victim/deep/file", "precious too")?;
        row.write("kubeconfig", "apiVersion: v1\nkind: Config\nclusters: []\ncontexts: []\nusers: []\n")?;
        Ok(row)
    }

    /// A row on this host's engine.
    pub(crate) fn on_engine(name: &str) -> Result<Row> {
        let (bench, turn) = bench::take()?;
        let mut row = Row::bare(name)?;
        (row.bench, row.turn) = (Some(bench), Some(turn));
        Ok(row)
    }

    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        if path.is_empty() { self.folder.path().into() } else { self.folder.path().join(path) }
    }

    /// A path in the harness's own state folder.
    pub(crate) fn state(&self, path: &str) -> PathBuf {
        let state = self.path("state/kind-harness");
        if path.is_empty() { state } else { state.join(path) }
    }

    pub(crate) fn write(&self, path: &str, text: &str) -> Result<()> {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().context("a file has a folder")?)?;
        Ok(std::fs::write(path, text)?)
    }

    /// Puts a program in front of PATH, on a row without an engine.
    pub(crate) fn stand_in(&self, name: &str, script: &str) -> Result<()> {
        let log = "#!/bin/sh\necho \"$(basename \"$0\") $*\" >> \"$HOSTILE_CALLS\"\n";
        self.write(&format!("bin/{name}"), &format!("{log}{script}\n"))?;
        Ok(std::fs::set_permissions(self.path("bin").join(name), PermissionsExt::from_mode(0o755))?)
    }

    /// The engine; rows that call this have one.
    pub(crate) fn engine(&self) -> Result<&'static Bench> {
        self.bench.context("this row has no engine")
    }

    /// Makes a container, never started, and returns its id.
    pub(crate) fn container<'a>(
        &self,
        name: &str,
        labels: impl IntoIterator<Item = &'a (String, String)>,
        options: &[&str],
    ) -> Result<String> {
        let image = &self.engine()?.image;
        self.container_of(image, name, labels, options)
    }

    /// The same, from another image.
    pub(crate) fn container_of<'a>(
        &self,
        image: &str,
        name: &str,
        labels: impl IntoIterator<Item = &'a (String, String)>,
        options: &[&str],
    ) -> Result<String> {
        let mut args = vec!["create".to_owned(), "--name".into(), name.into()];
        args.extend(["--label".into(), format!("{MARK}={}", std::process::id())]);
        // What a row says of it comes last, and wins.
        args.extend(["--label".into(), format!("{STATE}={}", self.state("").display())]);
        args.extend(labels.into_iter().flat_map(|(key, value)| ["--label".into(), format!("{key}={value}")]));
        args.extend(options.iter().map(|option| (*option).to_owned()));
        args.extend([image.to_owned(), "/idle".into()]);
        let id = self.ask(&args.iter().map(String::as_str).collect::<Vec<_>>())?;
        self.remove_later(&["rm", "-f", "-v", &id]);
        Ok(id)
    }

    /// What the engine prints.
    pub(crate) fn ask(&self, args: &[&str]) -> Result<String> {
        ask(&self.engine()?.engine, args)
    }

    /// Asks the engine this at the row's end.
    pub(crate) fn remove_later(&self, args: &[&str]) {
        self.made.borrow_mut().push(args.iter().map(|arg| (*arg).to_owned()).collect());
    }

    /// The program with this row's folders, about to run in the suite's folder.
    pub(crate) fn command(&self, args: &[&str]) -> Result<Command> {
        let mut command = cli(args);
        self.set_environment(&mut command)?;
        Ok(command)
    }

    /// Gives `command` this row's folders.
    pub(crate) fn set_environment(&self, command: &mut Command) -> Result<()> {
        forget_environment(command);
        command.current_dir(self.path("suite"));
        command.env("XDG_STATE_HOME", self.path("state")).env("XDG_CACHE_HOME", self.path("cache"));
        command.env("TMPDIR", self.path("tmp")).env("KUBECONFIG", self.path("kubeconfig"));
        command.env("NO_COLOR", "1").env("HOSTILE_CALLS", self.path("calls"));
        if let Some(bench) = self.bench {
            command.env("PATH", path_with(&bench.bin)?).env("XDG_CACHE_HOME", &bench.cache);
            command.env("KIND_HARNESS_ENGINE", bench.engine.kind.name());
        } else if self.path("bin").exists() {
            command.env("PATH", path_with(&self.path("bin"))?);
        }
        Ok(())
    }

    pub(crate) fn run(&self, args: &[&str]) -> Result<Ended> {
        self.finish(self.command(args)?)
    }

    /// Runs a shell's line in which `$kh` is the program.
    pub(crate) fn shell(&self, wrapper: &[&str], line: &str) -> Result<Ended> {
        let mut words = wrapper.iter().copied().chain(["sh", "-c", line]);
        let mut command = Command::new(words.next().context("a line")?);
        command.args(words).stdin(std::process::Stdio::null());
        self.set_environment(&mut command)?;
        command.env("kh", PROGRAM);
        self.finish(command)
    }

    /// Runs `command` to its end.
    pub(crate) fn finish(&self, mut command: Command) -> Result<Ended> {
        let output = command.output()?;
        Ok(Ended {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// What the engine was asked by the program.
    pub(crate) fn calls(&self) -> String {
        std::fs::read_to_string(self.path("calls")).unwrap_or_default()
    }

    /// Waits until no process of this row's runs any more, reapers above all; not for ever.
    pub(crate) fn settle(&self) {
        let deadline = Instant::now() + Duration::from_secs(5);
        while !self.processes().is_empty() && Instant::now() < deadline {
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    fn processes(&self) -> Vec<i32> {
        let state = self.path("state");
        let is_mine = |process: &procfs::process::Process| {
            process
                .environ()
                .is_ok_and(|it| it.get(std::ffi::OsStr::new("XDG_STATE_HOME")).is_some_and(|it| *it == state))
        };
        let all = procfs::process::all_processes().into_iter().flatten().flatten();
        all.filter(is_mine).map(|process| process.pid).collect()
    }
}

impl Drop for Row {
    fn drop(&mut self) {
        self.settle();
        for pid in self.processes().into_iter().filter_map(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
        for args in self.made.borrow().iter().rev() {
            let _ = self.ask(&args.iter().map(String::as_str).collect::<Vec<_>>());
        }
    }
}
