//! `isolation: file`: what tests of one file leave behind, those of another do not find.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use duct::{Expression, cmd};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kind_harness::environment::shared;
use kube::api::{Api, PostParams};
use serde_json::json;

use crate::host::Host;
use crate::{TURN, pause};

const ISOLATED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lifecycle/isolated.yaml");
const PROGRAM: &str = env!("CARGO_BIN_EXE_kind-harness");

/// Tells the specimen whether it finds what another has left.
const FINDS: &str = "KIND_HARNESS_TEST_FINDS";

/// Names a folder in which the specimen says `began`, and waits for `go`.
const STAYS: &str = "KIND_HARNESS_TEST_STAYS";

/// A test that looks for a namespace that others have left behind, and leaves it behind itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "started by the other test"]
async fn leaves_something_behind() -> Result<()> {
    let environment = tokio::task::spawn_blocking(|| shared(ISOLATED)).await?;
    let namespaces: Api<Namespace> = Api::all(environment.client());
    let finds = namespaces.get_opt("left-behind").await?.is_some();
    ensure!(finds.to_string() == std::env::var(FINDS)?, "another has left something behind: {finds}");
    let settings: Api<ConfigMap> = Api::namespaced(environment.client(), environment.namespace());
    ensure!(settings.get_opt("settings").await?.is_some(), "the component is there, whoever came before");
    if !finds {
        let made = serde_json::from_value(json!({"metadata": {"name": "left-behind"}}))?;
        namespaces.create(&PostParams::default(), &made).await?;
    }
    if let Some(folder) = std::env::var_os(STAYS).map(PathBuf::from) {
        std::fs::write(folder.join("began"), "")?;
        until("told to go on", || folder.join("go").exists()).await?;
        ensure!(namespaces.get_opt("left-behind").await?.is_some(), "the cluster was reset while a test used it");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tests_of_another_file_find_the_cluster_as_it_came_up() -> Result<()> {
    let _turn = TURN.lock().await;
    let host = Host::look().await?;
    let ended = files(&host).await;
    let down = host.at_home(cmd!(PROGRAM, "down", "--file", ISOLATED)).run()?;
    ended?;
    ensure!(down.status.success(), "{}", std::fs::read_to_string(host.said())?);
    let (_, left) = host.until_clean().await?;
    ensure!(left.is_empty(), "left {left}");
    Ok(())
}

async fn files(host: &Host) -> Result<()> {
    let own = std::env::current_exe()?;
    let folder = tempfile::tempdir_in(own.parent().context("a folder")?)?;
    let another = folder.path().join("another");
    // A file of tests is known by its program.
    std::fs::hard_link(&own, &another)?;
    let run = |file: &Path, finds: bool| -> Result<()> {
        let ended = tokio::task::block_in_place(|| host.at_home(specimen(file, finds)).run())?;
        let said = std::fs::read_to_string(host.said())?;
        ensure!(ended.status.success(), "{} finds {finds}: {said}", file.display());
        Ok(())
    };
    run(&own, false)?;
    run(&own, true)?;
    run(&another, false)?;
    run(&another, true)?;
    run(&own, false)?;
    // Both at once: the tests of one wait until those of the other have ended.
    let place = folder.path();
    let (first, second) = (place.join("first"), place.join("second"));
    let staying = host.at_home(specimen(&own, true).env(STAYS, place).stderr_path(&first)).start()?;
    until("the first has begun", || {
        place.join("began").exists() || staying.try_wait().is_ok_and(|ended| ended.is_some())
    })
    .await?;
    let waiting = host.at_home(specimen(&another, false).stderr_path(&second)).start()?;
    let waits = |said: String| said.contains("waiting for the tests of another file");
    let has_ended = || waiting.try_wait().is_ok_and(|ended| ended.is_some());
    until("the second waits", || std::fs::read_to_string(&second).is_ok_and(waits) || has_ended()).await?;
    let too_soon = has_ended();
    std::fs::write(place.join("go"), "")?;
    for (handle, said) in [(&staying, &first), (&waiting, &second)] {
        let ended = tokio::task::block_in_place(|| handle.wait())?;
        ensure!(ended.status.success() && !too_soon, "{}", std::fs::read_to_string(said)?);
    }
    Ok(())
}

/// Returns the specimen in a file of tests, told what it finds.
fn specimen(file: &Path, finds: bool) -> Expression {
    let test = cmd!(file, "--exact", "isolation::leaves_something_behind", "--ignored", "--nocapture");
    test.env(FINDS, finds.to_string()).env("KIND_HARNESS_KEEP", "always")
}

/// Waits for `fact`; an error when it does not come while a cluster could be made twice.
async fn until(what: &str, fact: impl Fn() -> bool) -> Result<()> {
    let began = Instant::now();
    while !fact() {
        ensure!(began.elapsed() < Duration::from_secs(120), "not so after 120 s: {what}");
        pause(Duration::from_millis(50)).await;
    }
    Ok(())
}
