//! Dependants started before their dependencies: nobody crash-loops because somebody else is late.

use std::time::Duration;

use anyhow::Result;
use k8s_openapi::api::core::v1::Pod;
use kind_harness::deploy::Applier;
use kind_harness::readiness::Readiness;
use kind_harness::report::Events;
use kube::ResourceExt;
use kube::api::{DeleteParams, ListParams};
use rstest::rstest;
use tokio::time::Instant;

use crate::support::{Alone, alone, eventually};

const WORKLOADS: [&str; 2] = ["Deployment", "StatefulSet"];

/// Whether a container of this pod has started.
fn has_started(pod: &Pod) -> bool {
    let containers = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    containers.into_iter().any(|it| it.state.as_ref().is_some_and(|state| state.running.is_some()))
}

#[rstest]
#[kind_harness::test]
async fn applied_in_the_worst_order_nothing_is_ever_restarted(#[future(awt)] alone: Alone) -> Result<()> {
    alone
        .run(async |spec| {
            let plan = spec.plan()?;
            let pods = spec.objects::<Pod>();
            let applier = Applier::new(spec.client(), spec.namespace());
            let objects = spec.record().deployment.iter().flat_map(|deployment| deployment.objects.values().flatten());
            for applied in objects.filter(|applied| WORKLOADS.contains(&applied.object.kind.as_str())) {
                applier.delete(applied).await?;
            }
            // Nobody is asked to be graceful: this spec is about beginnings.
            pods.delete_collection(&DeleteParams::default().grace_period(0), &ListParams::default()).await?;
            eventually("the end of all pods", Duration::from_secs(30), async || {
                let left: Vec<_> = pods.list(&ListParams::default()).await?.iter().map(ResourceExt::name_any).collect();
                Ok(if left.is_empty() { Ok(()) } else { Err(left) })
            })
            .await?;

            let events = Events::discard();
            let readiness = Readiness::start(spec.client(), spec.namespace(), events.observer());
            for component in plan.components().collect::<Vec<_>>().into_iter().rev() {
                let mut applied = Vec::new();
                for manifest in spec.manifests(&plan, component, &WORKLOADS)? {
                    applied.push(applier.apply(&manifest, &events).await?);
                }
                readiness.expect(&component.name, applied, spec.probes(&component.name));
                eventually(&format!("a running {}", component.name), Duration::from_secs(30), async || {
                    let pods = spec.pods(&component.name).await?;
                    let names = || pods.iter().map(ResourceExt::name_any).collect::<Vec<_>>();
                    Ok(if pods.iter().any(has_started) { Ok(()) } else { Err(names()) })
                })
                .await?;
            }
            readiness.wait_for_all_ready(None, Instant::now() + Duration::from_secs(60)).await?;

            for pod in pods.list(&ListParams::default()).await? {
                for container in pod.status.and_then(|status| status.container_statuses).into_iter().flatten() {
                    assert_eq!(container.restart_count, 0, "{} was restarted", container.name);
                }
            }
            Ok(())
        })
        .await
}
