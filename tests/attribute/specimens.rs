//! Tests that fail, each in its way. Another test runs them.

use std::time::Duration;

use anyhow::Result;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kind_harness::environment::{Environment, TestNamespace};
use kube::api::{Api, PostParams};
use rstest::rstest;
use serde_json::json;

/// A pod that never runs, and a ConfigMap.
async fn fill(environment: &Environment, namespace: &TestNamespace) -> Result<()> {
    let params = PostParams::default();
    let image = "localhost/kind-harness/there-is-none:1";
    let pod = json!({"metadata": {"name": "web"}, "spec": {"containers": [{"name": "main", "image": image}]}});
    let pods: Api<Pod> = Api::namespaced(environment.client(), &namespace.name);
    pods.create(&params, &serde_json::from_value(pod)?).await?;
    let maps: Api<ConfigMap> = Api::namespaced(environment.client(), &namespace.name);
    maps.create(&params, &serde_json::from_value(json!({"metadata": {"name": "colors"}}))?).await?;
    Ok(())
}

#[kind_harness::test(suite = "tests/attribute/e2e.yaml")]
#[ignore = "started by `failing`"]
async fn passes(environment: &Environment, namespace: &TestNamespace) -> Result<()> {
    fill(environment, namespace).await
}

#[rstest]
#[case::error(true)]
#[kind_harness::test(suite = "tests/attribute/e2e.yaml")]
#[ignore = "started by `failing`"]
async fn fails(
    #[ignore] environment: &Environment,
    #[ignore] namespace: TestNamespace,
    #[case] is_wrong: bool,
) -> Result<()> {
    fill(environment, &namespace).await?;
    anyhow::ensure!(!is_wrong, "returned as it should be");
    Ok(())
}

#[kind_harness::test(suite = "tests/attribute/e2e.yaml")]
#[ignore = "started by `failing`"]
async fn panics(environment: &Environment, namespace: &TestNamespace) {
    fill(environment, namespace).await.unwrap();
    panic!("panicked as it should");
}

#[kind_harness::test(suite = "tests/attribute/e2e.yaml", timeout = "1s 500ms")]
#[ignore = "started by `failing`"]
async fn is_late(environment: &Environment, namespace: TestNamespace) -> Result<()> {
    fill(environment, &namespace).await?;
    std::future::pending().await
}

#[kind_harness::test(suite = "tests/attribute/e2e.yaml", timeout = "500ms")]
#[ignore = "started by `failing`"]
async fn blocks(_namespace: TestNamespace) {
    std::thread::park_timeout(Duration::from_secs(3600));
}
