//! Every way in which a test takes the environment.

use k8s_openapi::api::apps::v1::Deployment;
use kind_harness::readiness::assert::eventually;
use kind_harness::{Environment, TestNamespace, shared};
use kube::Api;
use outside::Widget;
use rstest::{fixture, rstest};

#[fixture]
fn environment() -> &'static Environment {
    shared("e2e.yaml")
}

#[rstest]
#[tokio::test]
async fn by_fixture(environment: &Environment) -> anyhow::Result<()> {
    let deployments: Api<Deployment> = Api::namespaced(environment.client(), environment.namespace());
    eventually(&deployments, "api").matches("status: {readyReplicas: 1}").await?;
    Ok(())
}

#[kind_harness::test(timeout = "30s")]
async fn by_attribute(environment: &Environment, namespace: &TestNamespace) -> anyhow::Result<()> {
    let widgets: Api<Widget> = Api::namespaced(environment.client(), &namespace.name);
    anyhow::ensure!(widgets.list(&Default::default()).await?.items.is_empty());
    Ok(())
}

#[rstest]
#[case("api")]
#[kind_harness::test(timeout = "30s")]
async fn by_attribute_and_case(#[ignore] environment: &Environment, #[case] component: &str) {
    assert!(environment.endpoint(component, "http").is_some());
}
