//! Dependants started before their dependencies: nobody crash-loops because somebody else is late.

use anyhow::Result;
use futures::future::try_join_all;
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::Pod;
use kind_harness::Environment;
use kube::api::ListParams;
use kube::core::DynamicObject;
use rstest::rstest;
use serde_json::json;

use crate::support::{Spec, spec};

/// Whether a container of this pod has started.
fn has_started(pod: &Pod) -> bool {
    let containers = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    containers.into_iter().any(|it| it.state.as_ref().is_some_and(|state| state.running.is_some()))
}

/// Leaves a workload without pods, until it is scaled.
fn not_yet(object: &mut DynamicObject) {
    if object.types.as_ref().is_some_and(|types| ["Deployment", "StatefulSet"].contains(&types.kind.as_str())) {
        object.data["spec"]["replicas"] = json!(0);
    }
}

#[rstest]
#[kind_harness::test(uses = [])]
async fn applied_in_the_worst_order_nothing_is_ever_restarted(#[future(awt)] mut spec: Spec) -> Result<()> {
    // Those that need most come first.
    let all = ["aianalysis", "holmesgpt-api", "data-storage", "redis", "postgresql"];
    spec.copy(&all, not_yet).await?;
    for component in all {
        match component {
            "redis" | "postgresql" => spec.scale::<StatefulSet>(component, 1).await?,
            _ => spec.scale::<Deployment>(component, 1).await?,
        }
        spec.until_pod(component, has_started).await?;
    }
    let environment: &Environment = &spec;
    try_join_all(all.map(|component| environment.scale(component, 1))).await?;
    for (component, port, path) in
        [("data-storage", 8080, "/health/ready"), ("holmesgpt-api", 8080, "/ready"), ("aianalysis", 8081, "/readyz")]
    {
        let forward = environment.port_forward(component, port).await?;
        let answer = reqwest::get(format!("http://{}{path}", forward.address())).await?;
        assert_eq!(answer.status(), 200, "{component}: {}", answer.text().await?);
    }
    let pods = spec.objects::<Pod>().list(&ListParams::default()).await?.items;
    assert_eq!(pods.len(), all.len());
    for pod in pods {
        for container in pod.status.and_then(|status| status.container_statuses).into_iter().flatten() {
            assert_eq!(container.restart_count, 0, "{} was restarted", container.name);
        }
    }
    Ok(())
}
