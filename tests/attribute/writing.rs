//! How tests are written: arguments, results, options, rstest.

use std::sync::atomic::{AtomicI32, Ordering};

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::{ConfigMap, Pod, ServiceAccount};
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

#[kind_harness::test(suite = "tests/attribute/e2e.yaml", exclusive = "registry")]
async fn an_exclusive_test_may_ask_again_for_what_it_holds(environment: &Environment) -> Result<()> {
    let (one, other) = tokio::join!(
        environment.exclusive_on(["registry"], "one"),
        environment.test_namespace_on(["registry"], "other")
    );
    ensure!(one?.name != other?.name);
    environment.test_namespace("more").await?;
    let alone = environment.exclusive("alone").await;
    ensure!(
        matches!(&alone, Err(NamespaceError::EnvironmentLock(error)) if error.kind() == std::io::ErrorKind::Deadlock),
        "{alone:?}"
    );
    Ok(())
}

#[kind_harness::test(suite = "tests/attribute/e2e.yaml", uses = [])]
async fn a_lock_that_was_not_declared_is_refused_later(
    environment: &Environment,
    namespace: &TestNamespace,
) -> Result<()> {
    ensure!(environment.test_namespace("more").await?.name != namespace.name);
    let late = environment.exclusive_on(["registry"], "late").await.err().context("it was not said before")?;
    let text = std::error::Error::source(&late).context("the reason")?.to_string();
    ensure!(text.starts_with("the test has locked other components already; name all of them at once"), "{text}");
    let unknown = environment.test_namespace_on(["registri"], "unknown").await.err().context("there is none")?;
    ensure!(unknown.to_string() == "the environment has no component registri; it has registry", "{unknown}");
    Ok(())
}

/// How many of the tests below are running.
static PRESENT: AtomicI32 = AtomicI32::new(0);

#[rstest]
#[kind_harness::test(suite = "tests/attribute/e2e.yaml", exclusive = ["registry"])]
async fn exclusive_tests_of_a_component_do_not_overlap(
    #[values(1, 2, 3)] number: u32,
    #[ignore] environment: &Environment,
) -> Result<()> {
    let before = PRESENT.fetch_add(1, Ordering::SeqCst);
    // Takes a while.
    environment.test_namespace("alone").await?;
    ensure!((before, PRESENT.fetch_sub(1, Ordering::SeqCst)) == (0, 1), "{number}");
    Ok(())
}

#[kind_harness::test(suite = "tests/attribute/e2e.yaml", timeout = "2m")]
async fn a_copy_lives_in_the_namespace_of_its_test(environment: &Environment, namespace: &TestNamespace) -> Result<()> {
    // Its objects have a namespace of their own.
    let refused = environment.copy(["registry"], namespace, |_| {}).await.err().context("it cannot be copied")?;
    let text = refused.to_string();
    ensure!(text.starts_with("component registry cannot be copied: its ") && text.ends_with(" of its own"), "{text}");
    let unknown = environment.copy(["registri"], namespace, |_| {}).await.err().context("there is none")?;
    ensure!(unknown.to_string().starts_with("the environment has no component registri"), "{unknown}");
    Ok(())
}

#[kind_harness::test(suite = "tests/attribute/other.yaml")]
async fn a_copy_is_changed_before_it_is_applied(environment: &Environment, namespace: &TestNamespace) -> Result<()> {
    let copy = environment.copy(["settings"], namespace, |object| object.data["data"]["color"] = "red".into()).await?;
    ensure!(copy.namespace() == namespace.name && copy.name() == environment.name());
    for (environment, expected) in [(environment, "green"), (&copy, "red")] {
        let settings: Api<ConfigMap> = Api::namespaced(environment.client(), environment.namespace());
        let color = settings.get("settings").await?.data.unwrap_or_default().remove("color");
        ensure!(color.as_deref() == Some(expected), "{color:?}");
    }
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
