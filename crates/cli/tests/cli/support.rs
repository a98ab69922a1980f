//! A suite in a folder of its own, a home of its own, and stand-ins for the programs that the harness calls.

use std::ffi::OsStr;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// A host that has what the test put there, and nothing else.
pub(crate) struct Host {
    folder: TempDir,
}

/// How a command ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// One component of one object.
const SUITE: &str = "\
suite: tiny
namespace: tiny
images: registry
components:
  - name: app
    manifests: [app.yaml]
";

const MANIFEST: &str = "{apiVersion: v1, kind: ConfigMap, metadata: {name: app, namespace: tiny}}";

/// An engine on which everything works: it answers what kind and the harness ask, and logs every call.
const ENGINE: &str = r#"#!/bin/sh
echo "$(basename "$0") $*" >> "$CALLS"
case "$*" in *"images import -") cat > /dev/null ;; esac
case "$1" in
    ps) [ ! -f "$NODES" ] || cat "$NODES" ;;
    images) [ ! -f "$IMAGES" ] || cat "$IMAGES" ;;
    # A node that kind makes: its id is written down.
    run) [ "$2" != --cidfile ] || { echo 1f2e > "$3"; echo "1f2e t-control-plane Up 1 second" > "$NODES"; } ;;
    network) case $2 in ls) echo 0a1b n ;; inspect) echo 0a1b ;; esac ;;
    # Whoever writes to it must be able to write to the end.
    load) cat > /dev/null ;;
esac
"#;

const KIND: &str = r#"#!/bin/sh
echo "kind $*" >> "$CALLS"
[ "$1" != version ] || echo "kind v0.33.0 go1.26 linux/amd64"
"#;

impl Host {
    /// A host with a suite, and with a shell and its usual tools, but without engine and kind.
    pub(crate) fn bare() -> Host {
        let host = Host { folder: tempfile::tempdir().unwrap() };
        for folder in ["bin", "home", "suite", "tmp"] {
            std::fs::create_dir(host.path(folder)).unwrap();
        }
        for tool in [
            "awk", "basename", "bash", "cat", "chmod", "chown", "cut", "dirname", "du", "env", "find", "grep", "id",
            "mkdir", "mktemp", "readlink", "rm", "setsid", "sh", "sleep", "sort", "tail", "tar", "tee", "touch", "tr",
            "true", "umount",
        ] {
            let found =
                ["/bin", "/usr/bin"].iter().map(|folder| Path::new(folder).join(tool)).find(|path| path.exists());
            std::os::unix::fs::symlink(found.unwrap(), host.path("bin").join(tool)).unwrap();
        }
        host.write("keyring.gpg", "");
        host.write("suite/e2e.yaml", SUITE);
        host.write("suite/app.yaml", MANIFEST);
        host
    }

    /// A host on which clusters can be made, as far as anybody can tell from the commands.
    pub(crate) fn ready() -> Host {
        let host = Host::bare();
        host.program("podman", ENGINE);
        host.program("kind", KIND);
        host
    }

    /// Puts a program into PATH.
    pub(crate) fn program(&self, name: &str, script: &str) {
        self.write(&format!("bin/{name}"), script);
        std::fs::set_permissions(self.path("bin").join(name), PermissionsExt::from_mode(0o755)).unwrap();
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Every call to a stand-in so far.
    pub(crate) fn calls(&self) -> String {
        std::fs::read_to_string(self.path("calls")).unwrap_or_default()
    }

    /// The command, about to run in the suite's folder, with nothing to read.
    pub(crate) fn command(&self, args: &[&str]) -> duct::Expression {
        self.command_that_reads(args).stdin_null()
    }

    /// The same, reading what the test reads or gives it.
    pub(crate) fn command_that_reads(&self, args: &[&str]) -> duct::Expression {
        self.here(&duct::cmd(env!("CARGO_BIN_EXE_kind-harness"), args))
    }

    /// The command on this host: in the suite's folder, with nothing of the environment in which the tests run that would
    /// decide anything, consent included.
    pub(crate) fn here(&self, command: &duct::Expression) -> duct::Expression {
        let decides = |name: &str| {
            let prefixes = ["KIND_HARNESS", "XDG", "DOCKER", "CONTAINER", "NERDCTL", "DEBIAN", "GITHUB"];
            name == "CI" || prefixes.iter().any(|prefix| name.starts_with(prefix))
        };
        let command = std::env::vars()
            .filter(|(name, _)| decides(name))
            .fold(command.dir(self.path("suite")), |command, (name, _)| command.env_remove(name));
        command
            .env("PATH", self.path("bin"))
            .env("HOME", self.path("home"))
            .env("TMPDIR", self.path("tmp"))
            .env("CALLS", self.path("calls"))
            .env("NODES", self.path("nodes"))
            .env("IMAGES", self.path("images"))
            .env("DEBIAN_KEYRING", self.path("keyring.gpg"))
            .env("NO_COLOR", "1")
            .stdout_capture()
            .stderr_capture()
            .unchecked()
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ended {
        Ended::from(&self.command(args).run().unwrap())
    }

    /// The same with variables of the environment.
    pub(crate) fn run_with(&self, args: &[&str], variables: &[(&str, &str)]) -> Ended {
        let command = duct::cmd(env!("CARGO_BIN_EXE_kind-harness"), args);
        // Of several settings of one variable duct takes the innermost.
        let command = variables.iter().fold(command, |command, (name, value)| command.env(name, value));
        Ended::from(&self.here(&command).stdin_null().run().unwrap())
    }

    /// Waits for `fact`, and fails with what was called meanwhile when it does not come.
    #[track_caller]
    pub(crate) fn eventually(&self, what: &str, fact: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(15);
        while !fact() {
            let (calls, left) = (self.calls(), self.left_behind());
            assert!(Instant::now() < deadline, "not so: {what}; calls:\n{calls}\nleft behind: {left:?}");
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }

    /// Whether somebody waits for a lock on the file.
    pub(crate) fn is_waited_for(&self, path: &Path) -> bool {
        let Ok(file) = std::fs::metadata(path) else { return false };
        let waiting = std::fs::read_to_string("/proc/locks").unwrap_or_default();
        waiting.lines().any(|line| line.contains("->") && line.contains(&format!(":{} ", file.ino())))
    }

    /// Files that the harness left in the user's state folder. Past runs stay.
    pub(crate) fn left_behind(&self) -> Vec<PathBuf> {
        fn files(folder: &Path, found: &mut Vec<PathBuf>) {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.ends_with(".runs") {
                    continue;
                }
                if path.is_dir() { files(&path, found) } else { found.push(path) }
            }
        }
        let mut found = Vec::new();
        files(&self.path("home/.local/state"), &mut found);
        found
    }
}

impl Drop for Host {
    /// The reaper of a run looks once more when the run has ended, which may be this moment.
    fn drop(&mut self) {
        let home = self.path("home");
        let is_here = |process: &procfs::process::Process| {
            process.environ().is_ok_and(|variables| variables.get(OsStr::new("HOME")).is_some_and(|it| *it == home))
        };
        let any = || procfs::process::all_processes().into_iter().flatten().flatten().any(|it| is_here(&it));
        let deadline = Instant::now() + Duration::from_secs(5);
        while any() && Instant::now() < deadline {
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }
}

impl From<&std::process::Output> for Ended {
    fn from(output: &std::process::Output) -> Ended {
        Ended {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// `value`, which matches the schema of that name under `schema/`.
#[track_caller]
pub(crate) fn matching(schema: &str, value: Value) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schema").join(schema).with_extension("json");
    let text = std::fs::read_to_string(path).expect("a file of ours");
    let validator = jsonschema::validator_for(&serde_json::from_str(&text).expect("JSON")).expect("a schema");
    let errors: Vec<_> =
        validator.iter_errors(&value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?} in {value:#}");
    value
}

impl Ended {
    /// What it printed, which is JSON as `schema` says.
    #[track_caller]
    pub(crate) fn json(&self, schema: &str) -> Value {
        let printed = serde_json::from_str(&self.stdout);
        matching(schema, printed.unwrap_or_else(|error| panic!("{error}: {}{}", self.stdout, self.stderr)))
    }

    /// Ended with `code`, saying each of `words` on standard error.
    #[track_caller]
    pub(crate) fn failed_with(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{}", self.stderr);
        for word in words {
            assert!(self.stderr.contains(word), "{word:?} is not in:\n{}", self.stderr);
        }
    }
}
