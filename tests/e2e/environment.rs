//! What the harness itself promises of an environment that is up.

use anyhow::Result;
use k8s_openapi::api::core::v1::Pod;
use kind_harness::environment::{Environment, TestNamespace};
use kube::api::{Api, ListParams};
use rstest::rstest;

use crate::support::{Spec, spec};

#[rstest]
#[kind_harness::test]
async fn every_pod_is_ready_and_none_was_restarted(#[future(awt)] spec: Spec) -> Result<()> {
    let pods = spec.objects::<Pod>().list(&ListParams::default()).await?.items;
    assert!(pods.len() >= 5, "one pod for each of five components, but there are {}", pods.len());
    for pod in pods {
        let name = pod.metadata.name.unwrap_or_default();
        let status = pod.status.expect("a pod that runs has a status");
        let ready = status.conditions.iter().flatten().any(|c| c.type_ == "Ready" && c.status == "True");
        assert!(ready, "{name} is not ready");
        for container in status.container_statuses.iter().flatten() {
            assert_eq!(container.restart_count, 0, "{name}/{} was restarted", container.name);
        }
    }
    Ok(())
}

#[rstest]
#[case::data_storage("data-storage", "http", "/health/ready")]
#[case::holmesgpt_api("holmesgpt-api", "http", "/ready")]
#[case::controller_health("aianalysis", "health", "/readyz")]
#[case::controller_metrics("aianalysis", "metrics", "/metrics")]
#[kind_harness::test]
async fn endpoints_answer_from_the_host_at_once(
    #[ignore] environment: &Environment,
    #[case] component: &str,
    #[case] port: &str,
    #[case] path: &str,
) -> Result<()> {
    let address = environment.endpoint(component, port).expect("e2e.yaml maps this port");
    let answer = reqwest::get(format!("http://{address}{path}")).await?;
    assert_eq!(answer.status(), 200, "{}", answer.text().await?);
    Ok(())
}

#[kind_harness::test(uses = [])]
async fn each_spec_has_a_namespace_of_its_own(environment: &Environment, namespace: &TestNamespace) -> Result<()> {
    assert!(namespace.name.starts_with("environment--each-spec"), "{}", namespace.name);
    let pods = Api::<Pod>::namespaced(environment.client(), &namespace.name).list(&ListParams::default()).await?;
    assert!(pods.items.is_empty());
    Ok(())
}

#[kind_harness::test(uses = [])]
async fn the_users_own_kubeconfig_is_left_alone(environment: &Environment) -> Result<()> {
    if let Ok(own) = kube::config::Kubeconfig::read() {
        let cluster = format!("kind-{}", environment.name());
        assert!(own.clusters.iter().all(|entry| entry.name != cluster), "{cluster} was written into it");
    }
    assert!(environment.kubeconfig().exists());
    Ok(())
}
