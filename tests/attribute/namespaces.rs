//! A component whose pods are in another namespace than the suite's.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures::TryStreamExt;
use kind_harness::environment::Environment;

#[kind_harness::test(suite = "tests/attribute/e2e.yaml", timeout = "2m")]
async fn its_pods_are_found_where_they_are(environment: &Environment) -> Result<()> {
    ensure!(environment.namespace() == "attribute");
    let output = environment.exec("registry", ["cat", "/proc/1/comm"]).await?;
    ensure!((output.stdout.trim(), output.exit_code) == ("perl", 0), "{output:?}");
    let mut lines = environment.logs("registry").await?;
    let line = tokio::time::timeout(Duration::from_secs(10), lines.try_next()).await??.context("a line")?;
    ensure!(line.text == "begins" && line.to_string().starts_with("registry/registry-"), "{line}");
    let forward = environment.port_forward("registry", 5000).await?;
    let answer = reqwest::get(format!("http://{}/v2/", forward.address())).await?;
    ensure!(answer.status() == 200, "{answer:?}");
    Ok(())
}

#[kind_harness::test(suite = "tests/attribute/e2e.yaml", exclusive, timeout = "2m")]
async fn pods_of_before_are_gone_after_a_restart(environment: &Environment) -> Result<()> {
    let host = async || environment.exec("registry", ["cat", "/etc/hostname"]).await.map(|output| output.stdout);
    let before = host().await?;
    environment.restart("registry").await?;
    ensure!(host().await? != before, "the pod of before still answers");
    Ok(())
}
