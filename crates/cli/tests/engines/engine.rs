//! An engine, and how commands are run on it.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use duct::{Expression, cmd};

/// Why this host cannot run a test.
#[derive(Debug)]
pub(crate) struct NotHere(pub(crate) String);

impl std::fmt::Display for NotHere {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "not run: {}", self.0)
    }
}

impl std::error::Error for NotHere {}

/// An engine of the tests.
#[derive(Debug, Clone)]
pub(crate) struct Engine {
    /// Its command.
    pub(crate) name: &'static str,
    /// The environment in which its command and the harness use it.
    pub(crate) variables: Vec<(String, String)>,
}

impl Engine {
    /// The same engine with another variable, or another value of one.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Engine {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The engine's variables on `command`.
    pub(crate) fn on(&self, command: Expression) -> Expression {
        self.variables.iter().fold(command, |command, (name, value)| command.env(name, value))
    }

    /// What the engine prints.
    ///
    /// # Errors
    /// When it fails, with what it wrote to standard error.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Result<String> {
        let command = self.on(cmd(self.name, arguments)).stdin_null().stdout_capture().stderr_capture().unchecked();
        let output = command.run().with_context(|| self.name.to_owned())?;
        let failed = || format!("{} {}: {}", self.name, arguments.join(" "), String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success(), failed());
        Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
    }

    /// Containers, volumes and networks, without the default one: nerdctl makes that with the first container and keeps it.
    pub(crate) fn traces(&self) -> Result<Vec<String>> {
        let mut traces = Vec::new();
        for (what, list) in [
            ("container", &["ps", "-a", "--format", "{{.Names}}"][..]),
            ("volume", &["volume", "ls", "-q"]),
            ("network", &["network", "ls", "--format", "{{.Name}}"]),
        ] {
            // nerdctl's listings fail if something listed is removed at that moment.
            let listed = self.ask(list).or_else(|_| self.ask(list)).or_else(|_| self.ask(list))?;
            traces.extend(listed.lines().map(|line| format!("{what} {line}")));
        }
        traces.retain(|trace| trace != "network bridge");
        traces.sort();
        Ok(traces)
    }
}

/// Runs the harness in `suite` on this engine, with state of its own in `state`.
pub(crate) fn harness(engine: &Engine, suite: &Path, state: &Path, arguments: &[&str]) -> Expression {
    let command = cmd(env!("CARGO_BIN_EXE_kind-harness"), arguments).dir(suite);
    let command = command.env("XDG_STATE_HOME", state).env("KIND_HARNESS_YES", "1").env("NO_COLOR", "1");
    engine.on(command.env("KIND_HARNESS_AUTO_PORTS", "true")).stdin_null()
}

/// Returns whether a folder in PATH has the program `name`.
pub(crate) fn in_path(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
}
