//! Two suites in one process.

use anyhow::{Result, ensure};
use k8s_openapi::api::core::v1::ConfigMap;
use kind_harness::environment::{Environment, TestNamespace, shared};
use kube::api::Api;

#[kind_harness::test(suite = "tests/attribute/other.yaml")]
async fn each_suite_has_an_environment_of_its_own(environment: &Environment, namespace: &TestNamespace) -> Result<()> {
    let settings: Api<ConfigMap> = Api::namespaced(environment.client(), environment.namespace());
    let color = settings.get("settings").await?.data.unwrap_or_default().remove("color");
    ensure!(color.as_deref() == Some("green"), "{color:?}");
    let first = tokio::task::spawn_blocking(|| shared("./tests/attribute/e2e.yaml")).await?;
    ensure!(first.name() != environment.name() && first.namespace() == "attribute", "{}", first.name());
    // A test may use both.
    let theirs = first.test_namespace("both").await?;
    ensure!(theirs.name != namespace.name);
    Ok(())
}
