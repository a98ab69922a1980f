//! A test that puts the environment back to where it began.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod};
use k8s_openapi::api::rbac::v1::ClusterRole;
use kind_harness::environment::{Environment, EnvironmentError, TestNamespace};
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, ListParams, PostParams};
use serde_json::json;

#[kind_harness::test(suite = "tests/attribute/e2e.yaml", exclusive, timeout = "3m")]
async fn nothing_of_before_is_left_after_a_reset(environment: &Environment, namespace: &TestNamespace) -> Result<()> {
    let params = PostParams::default();
    let client = environment.client();
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), &namespace.name);
    maps.create(&params, &serde_json::from_value(json!({"metadata": {"name": "colors"}}))?).await?;
    let roles: Api<ClusterRole> = Api::all(client.clone());
    roles.create(&params, &serde_json::from_value(json!({"metadata": {"name": "left-behind"}}))?).await?;
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), "attribute-registry");
    deployments.delete("registry", &DeleteParams::default()).await?;
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let uid = async |name| anyhow::Ok(namespaces.get_opt(name).await?.and_then(|it| it.uid()));
    let (system, theirs) = (uid("kube-system").await?, uid("attribute-registry").await?);
    let kubeconfig = std::fs::read(environment.kubeconfig())?;

    environment.reset().await?;

    ensure!(uid(&namespace.name).await?.is_none(), "the test's namespace is still there");
    ensure!(roles.get_opt("left-behind").await?.is_none(), "an object outside of namespaces is still there");
    ensure!(uid("kube-system").await? == system, "it is another cluster");
    ensure!(uid("attribute-registry").await? != theirs, "the component's namespace is the one of before");
    ensure!(std::fs::read(environment.kubeconfig())? == kubeconfig, "the kubeconfig has changed");
    let output = environment.exec("registry", ["cat", "/proc/1/comm"]).await?;
    ensure!(output.stdout.trim() == "perl", "{output:?}");
    let pods: Api<Pod> = Api::all(client);
    for pod in pods.list(&ListParams::default()).await? {
        let status = pod.status.as_ref().context("a status")?;
        let restarts: i32 = status.container_statuses.iter().flatten().map(|it| it.restart_count).sum();
        ensure!(restarts == 0, "{} was restarted", pod.name_any());
    }
    // The cluster goes on to work.
    let another = environment.test_namespace("after_a_reset").await?;
    ensure!(uid(&another.name).await?.is_some());
    Ok(())
}

#[kind_harness::test(suite = "tests/attribute/e2e.yaml")]
async fn a_test_beside_others_cannot_reset(environment: &Environment, _namespace: &TestNamespace) -> Result<()> {
    let refused = environment.reset().await.err().context("the environment of other tests was reset")?;
    ensure!(matches!(refused, EnvironmentError::Shared(_)), "{refused:?}");
    let told = format!("{:#}", anyhow::Error::from(refused));
    ensure!(told.contains("#[kind_harness::test(exclusive)]"), "{told}");
    Ok(())
}
