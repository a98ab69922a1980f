//! What is seen of tests that fail: they run in a process of their own, on a cluster that stays.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use anyhow::{Context, Result, ensure};
use duct::cmd;
use kind_harness::host::folders::Folders;
use kind_harness::host::setup::Consent;
use kind_harness::report::Events;
use kind_harness::run::session::{LeaseOptions, Session};
use kind_harness::suite::config::{self, Overrides};
use kind_harness::suite::plan::Plan;
use kind_harness::teardown::{RemoveOptions, Undo, UnfinishedReports};
use tempfile::TempDir;

const SUITE: &str = "tests/attribute/e2e.yaml";

/// The part of libtest's output that a test wrote.
fn part<'a>(said: &'a str, test: &str) -> Result<&'a str> {
    let (_, part) =
        said.split_once(&format!("---- {test} stdout ----\n")).with_context(|| format!("{test}:\n{said}"))?;
    Ok(part.split_once("\n----").map_or(part, |(part, _)| part))
}

fn folders(state: &Path) -> Result<Folders> {
    Ok(Folders { state: state.join("kind-harness"), ..Folders::of_user()? })
}

/// Removes the cluster that was kept.
async fn remove(name: &str, state: &Path) -> Result<()> {
    let overrides = Overrides { name: Some(name.to_owned()), ..Overrides::default() };
    let session = Session {
        plan: Plan::new(config::load(Path::new(SUITE), &overrides)?)?,
        folders: folders(state)?,
        events: Events::discard(),
        undo: Undo::default(),
        terms: LeaseOptions::default(),
        record: Mutex::default(),
        reports: UnfinishedReports::default(),
        agree: |_| Consent::Refused,
        confirm: |_| false,
    };
    ensure!(session.down(&RemoveOptions::default()).await?, "there was no cluster {name}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_failure_has_its_objects_and_a_bundle_and_keeps_the_cluster() -> Result<()> {
    let state = TempDir::new()?;
    let run = cmd!(std::env::current_exe()?, "--ignored", "specimens::", "--test-threads", "3")
        .env("XDG_STATE_HOME", state.path())
        .env("KIND_HARNESS_KEEP", "on-failure")
        .env("KIND_HARNESS_SHARE", "process")
        .env("RUST_BACKTRACE", "0")
        .env_remove("KIND_HARNESS_NAME")
        .env_remove("KIND_HARNESS_JUNIT")
        .env_remove("GITHUB_ACTIONS")
        .stderr_to_stdout()
        .stdout_capture()
        .unchecked();
    let output = tokio::task::spawn_blocking(move || run.run()).await??;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let name = said.split_once("use it with `kubectl --kubeconfig ").and_then(|(before, _)| {
        before.rsplit_once(" stays; ").and_then(|(before, _)| before.rsplit_once("cluster ")).map(|(_, name)| name)
    });
    let name = name.with_context(|| format!("the cluster stays:\n{said}"))?;
    let judged = judge(&said, state.path(), output.status.code());
    remove(name, state.path()).await?;
    judged
}

fn judge(said: &str, state: &Path, code: Option<i32>) -> Result<()> {
    ensure!(code == Some(101) && said.contains("1 passed; 4 failed"), "{code:?}:\n{said}");
    let tests = [
        ("specimens::fails::case_1_error", "Error: returned as it should be"),
        ("specimens::panics", "panicked as it should"),
        ("specimens::is_late", "Error: the test did not end within 1.5s\n"),
        ("specimens::blocks", "Error: the test did not end within 500ms, and blocks its thread"),
    ];
    for (test, why) in tests {
        let part = part(said, test)?;
        ensure!(part.contains(why), "{test}:\n{part}");
        let namespace = part.split_once("namespace specimens--").with_context(|| format!("{test}:\n{part}"))?.1;
        let seen = if test.ends_with("blocks") { "  nothing" } else { "  configmap/colors: ready" };
        ensure!(namespace.contains(seen), "{test}:\n{part}");
        if !test.ends_with("blocks") {
            let pod = namespace.lines().find(|line| line.starts_with("  pod web is Pending")).context("the pod")?;
            ensure!(pod.contains("; waiting: ") || pod.contains("; failed: "), "{pod}");
        }
        let bundle = part.lines().find_map(|line| line.strip_prefix("bundle: ")).with_context(|| part.to_owned())?;
        look_into(&PathBuf::from(bundle), state, test)?;
    }
    Ok(())
}

/// A bundle is about its test, and has the objects of the test's namespace.
fn look_into(bundle: &Path, state: &Path, test: &str) -> Result<()> {
    ensure!(bundle.starts_with(state), "{}", bundle.display());
    let summary = std::fs::read_to_string(bundle.join("summary.txt"))?;
    ensure!(summary.contains(&format!("tests that failed: {test}: ")), "{summary}");
    let own = format!("specimens--{}", test.split("::").nth(1).unwrap_or_default().replace('_', "-"));
    let folders: Vec<_> = std::fs::read_dir(bundle.join("objects"))?.flatten().map(|it| it.file_name()).collect();
    let own = folders.iter().find(|name| name.to_string_lossy().starts_with(&own)).context("its namespace")?;
    ensure!(bundle.join("objects").join(own).join("serviceaccount-default.yaml").exists());
    Ok(())
}
