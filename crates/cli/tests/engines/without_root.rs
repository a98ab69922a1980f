//! A user without root, who may use docker's socket: clusters of images that the engine has or pulls.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use duct::cmd;
use kind_harness::host::folders::Folders;

use crate::engine::{Engine, NotHere};
use crate::registries::KIND;

/// Nobody on this host has these.
const USER: u32 = 12345;
const GROUP: u32 = 12346;

const SUITE: &str = "\
suite: without-root
namespace: without-root
deadline: 60s
cluster: {config: kind.yaml}
components:
  - name: app
    images: [{name: 'docker.io/library/without-root:1'}]
    manifests:
      - inline: |
          apiVersion: v1
          kind: Pod
          metadata: {name: app}
          spec:
            terminationGracePeriodSeconds: 0
            containers: [{name: app, image: 'docker.io/library/without-root:1', command: [sleep, infinity]}]
";

/// The user's home, where the program, kind and the suite are.
struct Home<'a> {
    engine: &'a Engine,
    folder: tempfile::TempDir,
}

/// doctor, up, up again, reset, down, nothing left; and what images from packages need is said before anything begins.
pub(crate) fn story(engine: &Engine) -> Result<()> {
    let listed = engine.ask(&["images", "--format", "{{.Repository}}:{{.Tag}}"])?;
    let find = |name: &str| {
        let found = listed.lines().find(|image| image.starts_with(&format!("localhost/kind-harness/{name}:")));
        found.ok_or_else(|| NotHere(format!("no image {name}: the story from packages makes it")))
    };
    let images = [("node", "docker.io/kindest/node:tests"), ("image", "docker.io/library/without-root:1")];
    for (name, image) in images {
        engine.ask(&["tag", find(name)?, image])?;
    }
    let before = engine.traces()?;
    let home = Home::new(engine)?;
    let told = home.told();
    for (_, image) in images {
        engine.ask(&["rmi", image])?;
    }
    told?;
    let after = engine.traces()?;
    ensure!(before == after, "left behind: {after:?}, before: {before:?}");
    Ok(())
}

impl Home<'_> {
    fn new(engine: &Engine) -> Result<Home<'_>> {
        let folder = tempfile::tempdir()?;
        let at = |name: &str| folder.path().join(name);
        std::fs::copy(env!("CARGO_BIN_EXE_kind-harness"), at("kind-harness"))?;
        let tools = Folders::of_user()?.cache.join("tools");
        let kinds = std::fs::read_dir(tools).into_iter().flatten().flatten();
        let mut kinds = kinds.filter(|entry| entry.file_name().to_string_lossy().starts_with("kind-"));
        let kind = kinds.next().ok_or_else(|| NotHere("kind is not installed".into()))?.path();
        std::fs::copy(if kind.is_dir() { kind.join("kind") } else { kind }, at("kind"))?;
        std::fs::write(at("kind.yaml"), KIND)?;
        std::fs::write(at("e2e.yaml"), SUITE)?;
        for name in ["", "kind-harness", "kind", "kind.yaml", "e2e.yaml"] {
            chown(at(name), Some(USER), Some(USER))?;
        }
        // As an administrator lets a group use docker.
        let socket = engine.variables.iter().find(|(name, _)| name == "DOCKER_HOST").map(|(_, value)| value);
        let socket = PathBuf::from(socket.and_then(|value| value.strip_prefix("unix://")).context("a socket")?);
        chown(&socket, None, Some(GROUP))?;
        let folder_of_socket = socket.parent().context("its folder")?;
        std::fs::set_permissions(folder_of_socket, std::fs::Permissions::from_mode(0o711))?;
        Ok(Home { engine, folder })
    }

    fn told(&self) -> Result<()> {
        let said = self.step(&["doctor"], 0)?;
        ensure!(said.contains("not needed: nothing is to be installed"), "{said}");
        let said = self.step(&["--images", "packages", "doctor"], 0)?;
        ensure!(said.contains("needed for the base image"), "what needs root is not said:\n{said}");
        self.step(&["up"], 0)?;
        let said = self.step(&["up"], 0)?;
        ensure!(said.contains("unchanged"), "{said}");
        self.step(&["reset"], 0)?;
        self.step(&["down"], 0)?;
        Ok(())
    }

    /// Runs a command as that user, which has to end with `code`; returns what it says.
    fn step(&self, arguments: &[&str], code: i32) -> Result<String> {
        let began = Instant::now();
        let home: &Path = self.folder.path();
        let user = [
            format!("--reuid={USER}"),
            format!("--regid={USER}"),
            format!("--groups={GROUP}"),
            "--bounding-set=-all".into(),
            "--inh-caps=-all".into(),
            "--".into(),
            home.join("kind-harness").display().to_string(),
        ];
        let path = std::env::join_paths(
            [home.to_owned()].into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
        )?;
        let command = cmd("setpriv", user.iter().map(String::as_str).chain(arguments.iter().copied()));
        let command = self.engine.on(command).dir(home).env("HOME", home).env("PATH", path);
        let command = command.env_remove("XDG_CACHE_HOME").env_remove("XDG_STATE_HOME").env("DOCKER_CONFIG", home);
        let command = command.env("KIND_HARNESS_YES", "1").env("NO_COLOR", "1").stdin_null();
        let output = command.stderr_to_stdout().stdout_capture().unchecked().run().context("setpriv")?;
        println!("  {}: {:.1} s", arguments.join(" "), began.elapsed().as_secs_f64());
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(output.status.code() == Some(code), "{arguments:?} ended with {:?}:\n{said}", output.status);
        Ok(said)
    }
}
