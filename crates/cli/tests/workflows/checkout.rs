//! A clean checkout of this repository, a project that uses it, and a host with only the programs that are put there.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use duct::cmd;
use tempfile::TempDir;

use crate::blocks::{code, root};

/// Programs of any Linux host.
const USUAL: [&str; 35] = [
    "awk",
    "basename",
    "bash",
    "cat",
    "chmod",
    "comm",
    "cp",
    "cut",
    "date",
    "df",
    "dirname",
    "env",
    "find",
    "git",
    "grep",
    "head",
    "ls",
    "mkdir",
    "mktemp",
    "nproc",
    "printf",
    "pwd",
    "rm",
    "sed",
    "sh",
    "sha256sum",
    "sort",
    "tail",
    "tee",
    "touch",
    "tr",
    "true",
    "uname",
    "wc",
    "xargs",
];

/// Programs that only write down how they are called. One that is called with the words of `FAIL` fails.
const STAND_INS: [&str; 6] = ["cargo", "docker", "go", "just", "kind-harness", "kubectl"];
const STAND_IN: &str = r#"#!/bin/sh
# One write for a line: two of them may be called at once.
(
    IFS=$(printf '\t')
    set -- "${0##*/}" "$@"
    printf '%s\n' "$*" >>"$CALLS"
)
case "$*" in *"${FAIL:-no such words}"*) exit 101 ;; esac
# tests/outside/check counts these.
case "${0##*/} $*" in
    "cargo tree "*" kind-harness") printf '%s\n' kube one two three four five ;;
    "cargo tree "*) echo kube ;;
esac
"#;

/// How a script ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    /// What it printed to both of its outputs.
    pub(crate) said: String,
}

/// The folders of a host: `repository`, `project`, `home`, `temp` and `bin`.
pub(crate) struct Checkout {
    folder: TempDir,
    /// Whether the programs of this host are used, instead of stand-ins.
    is_real: bool,
}

impl Checkout {
    /// The whole repository.
    pub(crate) fn whole() -> Checkout {
        Checkout::of(&["."])
    }

    /// Some paths of the repository, which are copied sooner.
    pub(crate) fn of(paths: &[&str]) -> Checkout {
        let checkout = Checkout { folder: tempfile::tempdir().unwrap(), is_real: false };
        for folder in ["repository", "project/ci", "home", "temp", "bin"] {
            std::fs::create_dir_all(checkout.path(folder)).unwrap();
        }
        // A checkout has only the files that are in git.
        let copy = "git ls-files -z \"$@\" | xargs -0 cp --parents -t \"$TO\"";
        let copy = cmd("bash", ["-euo", "pipefail", "-c", copy, "bash"].iter().chain(paths));
        copy.dir(root()).env("TO", checkout.path("repository")).run().unwrap();
        for name in ["e2e.yaml", "Cargo.lock"] {
            std::fs::write(checkout.path("project").join(name), name).unwrap();
        }
        std::fs::write(checkout.path("project/ci/Dockerfile"), code("dockerfile", "# ci/Dockerfile")).unwrap();
        for program in USUAL {
            let found =
                ["/bin", "/usr/bin"].iter().map(|folder| Path::new(folder).join(program)).find(|it| it.exists());
            symlink(found.unwrap_or_else(|| panic!("no {program}")), checkout.path("bin").join(program)).unwrap();
        }
        for program in STAND_INS {
            let path = checkout.path("bin").join(program);
            std::fs::write(&path, STAND_IN).unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        }
        checkout
    }

    /// The same with the programs and the home of this host.
    pub(crate) fn with_real_programs(self) -> Checkout {
        Checkout { is_real: true, ..self }
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Writes a file of the repository.
    pub(crate) fn write(&self, path: &str, text: &str) {
        std::fs::write(self.path("repository").join(path), text).unwrap();
    }

    pub(crate) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Returns the calls of stand-ins since this was asked before, word by word.
    pub(crate) fn calls(&self) -> Vec<Vec<String>> {
        let calls = std::fs::read_to_string(self.path("calls")).unwrap_or_default();
        std::fs::write(self.path("calls"), "").unwrap();
        calls.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
    }

    /// Reads a script without running it.
    pub(crate) fn parse(&self, script: &str) -> Ended {
        self.bash(&["-n", "-c", script], &self.path("repository"), &[])
    }

    /// Runs a script in the repository.
    pub(crate) fn run(&self, script: &str, variables: &[(&str, &str)]) -> Ended {
        let variables: Vec<_> = variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        self.run_in(&self.path("repository"), script, &variables)
    }

    /// Runs a script as GitHub's `shell: bash` does.
    pub(crate) fn run_in(&self, folder: &Path, script: &str, variables: &[(String, String)]) -> Ended {
        self.bash(&["--noprofile", "--norc", "-eo", "pipefail", "-c", script], folder, variables)
    }

    fn bash(&self, args: &[&str], folder: &Path, variables: &[(String, String)]) -> Ended {
        let path = |path: &str| self.path(path).display().to_string();
        let mut environment: Vec<(String, String)> = if self.is_real { std::env::vars().collect() } else { Vec::new() };
        let own = [("PATH", path("bin")), ("HOME", path("home")), ("TMPDIR", path("temp"))];
        environment.extend(own.into_iter().filter(|_| !self.is_real).map(|(name, value)| (name.to_owned(), value)));
        let given = [
            ("CALLS", path("calls")),
            ("CI", "true".into()),
            ("CI_PROJECT_DIR", path("project")),
            ("GITHUB_ACTION_PATH", path("repository")),
            ("GITHUB_OUTPUT", path("outputs")),
            ("GITHUB_PATH", path("paths")),
            ("GITHUB_STEP_SUMMARY", path("summary")),
            ("RUNNER_TEMP", path("temp")),
        ];
        environment.extend(given.into_iter().map(|(name, value)| (name.to_owned(), value)));
        environment.extend(variables.iter().cloned());
        let bash = cmd("bash", args).dir(folder).full_env(environment).stdin_null().stderr_to_stdout().stdout_capture();
        let ended = bash.unchecked().run().unwrap();
        Ended { code: ended.status.code(), said: String::from_utf8_lossy(&ended.stdout).into_owned() }
    }
}
