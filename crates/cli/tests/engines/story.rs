//! The short story that every engine has to pass: doctor, up, up again, down, ups that fail, a killed up; nothing left.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::engine::{Engine, harness};

/// How long what is killed may take to go.
const GOING: Duration = Duration::from_secs(20);

/// The exit code of a suite that does not come up.
const NOT_READY: i32 = 7;

/// The exit code of a suite whose images cannot be built.
const NO_IMAGE: i32 = 4;

/// A component that cannot start, beside the two of the suite.
const BROKEN: &str = "\
suite: lifecycle
namespace: lifecycle
deadline: 20s
components:
  - name: broken
    images: [{name: kind-harness/faults, recipe: image}]
    manifests:
      - inline: |
          apiVersion: v1
          kind: Pod
          metadata: {name: broken}
          spec:
            restartPolicy: Never
            initContainers: [{name: broken, image: kind-harness/faults, command: [sh, -c, 'echo no database here; exit 3']}]
            containers: [{name: waits, image: kind-harness/faults, command: [sleep, infinity]}]
";

/// A suite whose image cannot be built.
const UNBUILDABLE: &str = "\
suite: unbuildable
namespace: unbuildable
components:
  - name: app
    images: [{name: app, build: {context: .}}]
    manifests: [{inline: '{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}'}]
";

/// One run of the story.
pub(crate) struct Story<'a> {
    engine: &'a Engine,
    images: &'static str,
    state: tempfile::TempDir,
    before: Vec<String>,
}

impl Story<'_> {
    /// Tells the story on `engine`, with images from `images`.
    pub(crate) fn run(engine: &Engine, images: &'static str) -> Result<()> {
        let (state, before) = (tempfile::tempdir()?, engine.traces()?);
        let story = Story { engine, images, state, before };
        let suite = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/lifecycle");
        let said = story.step(&suite, &["doctor"], 0)?;
        ensure!(said.contains(engine.name), "doctor does not name {}:\n{said}", engine.name);
        story.up_and_down(&suite)?;
        story.failing()?;
        story.unbuildable()?;
        story.killed(&suite)?;
        story.nothing_left()
    }

    fn up_and_down(&self, suite: &Path) -> Result<()> {
        self.step(suite, &["up"], 0)?;
        let status: Value = serde_json::from_str(&self.output(suite, &["status", "-o", "json"])?)?;
        let text = status.to_string();
        ensure!(text.contains("database") && text.contains("ready"), "{text}");
        let again = self.step(suite, &["up"], 0)?;
        ensure!(again.contains("unchanged"), "a second up does the work again:\n{again}");
        self.step(suite, &["down"], 0)?;
        self.nothing_left()
    }

    fn failing(&self) -> Result<()> {
        let suite = tempfile::tempdir()?;
        std::fs::write(suite.path().join("e2e.yaml"), BROKEN)?;
        let image = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/faults/image").canonicalize()?;
        std::os::unix::fs::symlink(image, suite.path().join("image"))?;
        let said = self.step(suite.path(), &["up"], NOT_READY)?;
        ensure!(said.contains("no database here"), "the pod's own words are missing:\n{said}");
        self.nothing_left()
    }

    /// A step of a Dockerfile fails, for which the engine has made a container.
    fn unbuildable(&self) -> Result<()> {
        let suite = tempfile::tempdir()?;
        std::fs::write(suite.path().join("e2e.yaml"), UNBUILDABLE)?;
        std::fs::write(suite.path().join("Dockerfile"), "FROM scratch\nCOPY e2e.yaml /\nRUN [\"/nothing\"]\n")?;
        let said = self.step(suite.path(), &["up"], NO_IMAGE)?;
        ensure!(said.contains("/Dockerfile:3"), "the line is missing:\n{said}");
        self.nothing_left()
    }

    /// Kills `up` while the engine makes the node.
    fn killed(&self, suite: &Path) -> Result<()> {
        let log = self.state.path().join("killed.log");
        let up = self.command(suite, &["up"]).stdout_path(&log).stderr_to_stdout().unchecked().start()?;
        let began = Instant::now();
        while self.new_traces()?.iter().all(|trace| !trace.starts_with("container")) {
            ensure!(began.elapsed() < Duration::from_secs(120), "no container appears");
            std::thread::park_timeout(Duration::from_millis(20));
        }
        up.kill()?;
        let began = Instant::now();
        while !self.new_traces()?.is_empty() && began.elapsed() < GOING {
            std::thread::park_timeout(Duration::from_millis(50));
        }
        println!("  killed while it creates: all gone after {:.1} s", began.elapsed().as_secs_f64());
        self.nothing_left()
    }

    fn new_traces(&self) -> Result<Vec<String>> {
        Ok(self.engine.traces()?.into_iter().filter(|trace| !self.before.contains(trace)).collect())
    }

    fn nothing_left(&self) -> Result<()> {
        let left = self.new_traces()?;
        ensure!(left.is_empty(), "left behind: {}", left.join(", "));
        Ok(())
    }

    fn command(&self, suite: &Path, arguments: &[&str]) -> duct::Expression {
        harness(self.engine, suite, self.state.path(), arguments).env("KIND_HARNESS_IMAGES", self.images)
    }

    /// What a command prints to standard output.
    fn output(&self, suite: &Path, arguments: &[&str]) -> Result<String> {
        self.command(suite, arguments).read().with_context(|| arguments.join(" "))
    }

    /// Runs a command that has to end with `code`; returns all that it says, and prints how long it took.
    fn step(&self, suite: &Path, arguments: &[&str], code: i32) -> Result<String> {
        let began = Instant::now();
        let output = self.command(suite, arguments).stderr_to_stdout().stdout_capture().unchecked().run()?;
        println!("  {}: {:.1} s", arguments.join(" "), began.elapsed().as_secs_f64());
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let wrong = || format!("{} ended with {:?} instead of {code}:\n{said}", arguments.join(" "), output.status);
        ensure!(output.status.code() == Some(code), wrong());
        Ok(said)
    }
}

/// Brings examples/shop up, one image of which a Dockerfile makes, and again, when it is unchanged.
pub(crate) fn what_is_built_again_is_the_same(engine: &Engine) -> Result<()> {
    let shop = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/shop");
    let state = tempfile::tempdir()?;
    let harness = |arguments: &[&str]| {
        let command = harness(engine, &shop, state.path(), arguments).env("SHOP_STORE_TOKEN", "of-a-test");
        command.env("KIND_HARNESS_IMAGES", "packages").stderr_to_stdout().unchecked().read()
    };
    let (first, second) = (harness(&["up"])?, harness(&["up"])?);
    harness(&["down"])?;
    ensure!(second.contains("is up and unchanged"), "{first}\nand the second time:\n{second}");
    Ok(())
}
