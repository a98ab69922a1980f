//! A suite with a `main` of its own, and both tests on one environment.

use std::process::ExitCode;

use anyhow::{Result, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use kind_harness::environment::{Environment, Specs};
use kube::api::{Api, ListParams};

fn main() -> ExitCode {
    Specs::of(concat!(env!("CARGO_MANIFEST_DIR"), "/crates/cli/tests/lifecycle/e2e.yaml"))
        .test("what_the_suite_names_is_ready", what_the_suite_names_is_ready)
        .test("a_test_has_a_namespace_of_its_own", a_test_has_a_namespace_of_its_own)
        .run()
}

async fn what_the_suite_names_is_ready(environment: &'static Environment) -> Result<()> {
    let deployments: Api<Deployment> = Api::namespaced(environment.client(), environment.namespace());
    let ready = deployments.list(&ListParams::default()).await?.items.into_iter().filter_map(|it| it.status);
    let ready: Vec<_> = ready.map(|status| status.ready_replicas).collect();
    ensure!(ready == [Some(1), Some(1)], "{ready:?}");
    Ok(())
}

async fn a_test_has_a_namespace_of_its_own(environment: &'static Environment) -> Result<()> {
    let one = environment.test_namespace("one").await?;
    let other = environment.test_namespace("other").await?;
    ensure!(one.name.starts_with("one-") && one.name != other.name, "{} and {}", one.name, other.name);
    Ok(())
}
