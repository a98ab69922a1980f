//! How tests are written: arguments, results, options, rstest.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::{Pod, ServiceAccount};
use kind_harness::environment::{Environment, NamespaceError, TestNamespace, current_test};
use kube::api::{Api, PostParams};
use rstest::rstest;

use crate::another_namespace;

#[kind_harness::test(suite = "tests/attribute/e2e.yaml", timeout = "2m")]
async fn a_test_has_its_name_and_a_namespace_in_which_pods_can_be_created(
    environment: &Environment,
    namespace: &TestNamespace,
) -> Result<()> {
    let name = "writing::a_test_has_its_name_and_a_namespace_in_which_pods_can_be_created";
    let test = current_test().context("it is known")?;
    ensure!(test.name() == name && std::thread::current().name() == Some(name), "{}", test.name());
    ensure!(test.environment().name() == environment.name());
    ensure!(namespace.name.starts_with("writing--a-test-has-its-name"), "{}", namespace.name);
    let accounts: Api<ServiceAccount> = Api::namespaced(environment.client(), &namespace.name);
    accounts.get("default").await?;
    let pod =
        serde_json::json!({"metadata": {"name": "it"}, "spec": {"containers": [{"name": "it", "image": "none"}]}});
    let pods: Api<Pod> = Api::namespaced(environment.client(), &namespace.name);
    pods.create(&PostParams::default(), &serde_json::from_value(pod)?).await?;
    Ok(())
}

#[kind_harness::test(suite = "tests/attribute/e2e.yaml")]
async fn arguments_stand_in_any_order(namespace: TestNamespace, environment: &'static Environment) {
    // What it spawns knows the test, too.
    let spawned = tokio::spawn(async move { (environment.name(), current_test().map(|test| test.name().to_owned())) });
    let (_, name) = spawned.await.unwrap();
    assert_eq!(name.as_deref(), Some("writing::arguments_stand_in_any_order"));
    drop(namespace);
}

#[kind_harness::test(suite = "tests/attribute/e2e.yaml", flavor = "multi_thread")]
async fn tasks_on_other_threads_know_the_test() -> Result<(), std::fmt::Error> {
    let name = tokio::spawn(async { current_test().map(|test| test.name().to_owned()) }).await.unwrap();
    assert_eq!(name.as_deref(), Some("writing::tasks_on_other_threads_know_the_test"));
    Ok(())
}

#[kind_harness::test(suite = "tests/attribute/e2e.yaml", exclusive)]
async fn one_that_is_alone_may_ask_for_more(environment: &Environment) -> Result<()> {
    let (one, other) = tokio::join!(environment.exclusive("one"), environment.test_namespace("other"));
    ensure!(one?.name != other?.name);
    Ok(())
}

#[kind_harness::test(suite = "tests/attribute/e2e.yaml")]
async fn one_that_runs_beside_others_does_not_wait_for_itself(
    environment: &Environment,
    namespace: &TestNamespace,
) -> Result<()> {
    let more = environment.test_namespace("more").await?;
    ensure!(more.name != namespace.name);
    let alone = environment.exclusive("alone").await;
    ensure!(
        matches!(&alone, Err(NamespaceError::EnvironmentLock(error)) if error.kind() == std::io::ErrorKind::Deadlock),
        "{alone:?}"
    );
    Ok(())
}

#[rstest]
#[case::zero(0)]
#[case::one(1)]
#[kind_harness::test(suite = "tests/attribute/e2e.yaml")]
async fn each_case_is_a_test(
    #[ignore] namespace: TestNamespace,
    #[case] case: usize,
    #[future(awt)] another_namespace: TestNamespace,
    #[ignore] environment: &Environment,
) -> Result<()> {
    let name = ["writing::each_case_is_a_test::case_1_zero", "writing::each_case_is_a_test::case_2_one"][case];
    ensure!(current_test().is_some_and(|test| test.name() == name));
    ensure!(namespace.name != another_namespace.name && another_namespace.name.starts_with("writing--each-case"));
    ensure!(environment.endpoint("registry", "http").is_none());
    Ok(())
}

#[rstest]
#[kind_harness::test(suite = "tests/attribute/e2e.yaml")]
async fn each_value_is_a_test(#[values("a", "b")] value: &str, #[ignore] namespace: &TestNamespace) {
    assert!(namespace.name.starts_with("writing--each-value-is-a-test--value"), "{value}: {}", namespace.name);
}
