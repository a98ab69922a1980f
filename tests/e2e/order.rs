//! Dependants before their dependencies: nobody crash-loops because somebody else is late.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::Pod;
use kind_harness::config::{self, Overrides};
use kind_harness::deploy::{Applier, probes};
use kind_harness::manifests::{self, Manifest};
use kind_harness::plan::Plan;
use kind_harness::ready::Readiness;
use kind_harness::report::Events;
use kube::api::{Api, DeleteParams, ListParams};
use rstest::rstest;
use tokio::time::Instant;

use crate::support::{ExclusiveSpec, eventually, exclusive};

fn is_workload(manifest: &Manifest) -> bool {
    manifest.object.types.as_ref().is_some_and(|types| matches!(types.kind.as_str(), "Deployment" | "StatefulSet"))
}

/// Names of the pods of `component`, and how many of their containers have started.
async fn pods(api: &Api<Pod>, component: &str) -> Result<(BTreeSet<String>, usize)> {
    let selector = ListParams::default().labels(&format!("{}={component}", manifests::COMPONENT_LABEL));
    let pods = api.list(&selector).await?.items;
    let started = pods
        .iter()
        .filter_map(|pod| pod.status.as_ref()?.container_statuses.as_ref())
        .flatten()
        .filter(|container| container.state.as_ref().is_some_and(|state| state.running.is_some()))
        .count();
    Ok((pods.into_iter().filter_map(|pod| pod.metadata.name).collect(), started))
}

#[rstest]
#[tokio::test]
async fn applied_in_the_worst_order_nothing_is_ever_restarted(#[future] exclusive: ExclusiveSpec) -> Result<()> {
    let spec = exclusive.await;
    let plan = Plan::new(config::load(Path::new("e2e.yaml"), &Overrides::default())?)?;
    let deployment = spec.record().deployment.clone().context("what runs is remembered")?;
    let api: Api<Pod> = Api::namespaced(spec.client(), spec.namespace());
    let applier = Applier::new(spec.client(), spec.namespace());

    for object in deployment.objects.values().flatten().map(|applied| &applied.object) {
        if matches!(object.kind.as_str(), "Deployment" | "StatefulSet") {
            applier.delete(object).await?;
        }
    }
    // Nobody is asked to be graceful: this spec is about beginnings.
    api.delete_collection(&DeleteParams::default().grace_period(0), &ListParams::default()).await?;
    eventually("the end of all pods", Duration::from_secs(30), async || {
        let left: Vec<_> =
            api.list(&ListParams::default()).await?.items.into_iter().map(|pod| pod.metadata.name).collect();
        Ok(if left.is_empty() { Ok(()) } else { Err(left) })
    })
    .await?;

    let events = Events::discard();
    let readiness = Readiness::start(spec.client(), spec.namespace(), events.clone());
    for component in plan.components().collect::<Vec<_>>().into_iter().rev() {
        let images = &deployment.images[&component.name];
        let mut applied = Vec::new();
        for mut manifest in manifests::load(plan.root(), &component.manifests)?.into_iter().filter(is_workload) {
            manifests::images(&mut manifest.object, images);
            manifests::label(&mut manifest.object, &component.name);
            applied.push(applier.apply(&manifest, &events).await?);
        }
        readiness.expect(&component.name, applied, probes(component, &spec.record().ports));
        eventually(&format!("a running {}", component.name), Duration::from_secs(30), async || {
            let (names, started) = pods(&api, &component.name).await?;
            Ok(if started > 0 { Ok(()) } else { Err(names) })
        })
        .await?;
    }
    readiness.wait_for_all_ready(None, Instant::now() + Duration::from_secs(60)).await?;

    for pod in api.list(&ListParams::default()).await?.items {
        for container in pod.status.and_then(|status| status.container_statuses).into_iter().flatten() {
            assert_eq!(container.restart_count, 0, "{} was restarted", container.name);
        }
    }
    Ok(())
}
