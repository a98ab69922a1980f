//! Returns a cluster to the state in which it booted, in place: nothing that was deployed is left, while certificates,
//! keys, host ports and images stay. So kubeconfigs and clients stay valid, and no image has to be loaded again.

use std::time::Duration;

use futures::future::try_join_all;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams};
use serde_json::json;
use tokio::time::{Instant, sleep_until};

use super::{Cluster, ClusterError, Kind};
use crate::host::setup::Engine;
use crate::readiness::pods::find_ready;
use crate::report::{Events, Phase, Step};
use crate::suite::name::ClusterName;

/// Run in the node.
const SCRIPT: &str = include_str!("reset.sh");

/// Deadline of one run of it.
const DEADLINE: Duration = Duration::from_secs(30);

/// Deadline of the control plane, once it was started again.
const PATIENCE: Duration = Duration::from_secs(30);

/// Selects the pods of kube-proxy, which the controller manager may replace meanwhile.
const PROXIES: &str = "k8s-app=kube-proxy";

/// Pause between two questions to an API server.
const PAUSE: Duration = Duration::from_millis(50);

impl Kind {
    /// Returns `cluster` to the state in which it booted, and waits until its control plane is ready and Services lead
    /// to pods. What pods have written into folders of the node itself stays.
    ///
    /// # Errors
    /// When it has several nodes, no state was kept, or its control plane does not come up again.
    pub async fn reset(&self, cluster: &Cluster, step: &Step) -> Result<(), ClusterError> {
        let name = &cluster.record.name;
        if cluster.record.nodes.len() != 1 {
            return Err(no_reset(cluster, "only a cluster of one node can be reset"));
        }
        step.progress("ending what runs in it");
        in_node(&self.host.engine, name, "return", format!("resetting cluster {name}")).await?;
        step.progress("waiting for the control plane");
        let deadline = Instant::now() + PATIENCE;
        while cluster.client.apiserver_version().await.is_err() {
            if Instant::now() > deadline {
                return Err(no_reset(cluster, "its API server does not answer any more"));
            }
            sleep_until(Instant::now() + PAUSE).await;
        }
        forget_leaders(cluster).await?;
        forget_statuses(cluster).await?;
        // Pods that start before Services lead anywhere end, and wait before they are started again.
        let pods = Api::<Pod>::namespaced(cluster.client.clone(), "kube-system");
        let silent = || ClusterError::api(name, "does not list pods");
        let proxies = pods.list(&ListParams::default().labels(PROXIES)).await.map_err(silent())?.items;
        while !proxies.is_empty() && find_ready(&pods, PROXIES).await.map_err(silent())?.is_none() {
            if Instant::now() > deadline {
                return Err(no_reset(cluster, "kube-proxy did not become ready again"));
            }
            sleep_until(Instant::now() + PAUSE).await;
        }
        Ok(())
    }
}

/// Keeps the state to which [`Kind::reset`] returns cluster `name`, which nothing has been deployed into yet. If its node boots
/// from a snapshot, this waits until that is registered.
///
/// # Errors
/// When it cannot be copied in the node.
pub(super) async fn keep_state(engine: &Engine, name: &ClusterName) -> Result<(), ClusterError> {
    in_node(engine, name, "keep", "keeping the state that a reset returns to").await
}

/// Says why a cluster cannot be reset later, if it cannot.
pub(super) fn tell_unkept(kept: Result<(), ClusterError>, events: &Events) {
    if let Err(error) = kept {
        let why = crate::readiness::errors::chain(&error);
        events.warn(Phase::Cluster, format!("the cluster cannot be reset later: {why}"));
    }
}

async fn in_node(
    engine: &Engine,
    name: &ClusterName,
    action: &str,
    what: impl Into<String>,
) -> Result<(), ClusterError> {
    let node = format!("{name}-control-plane");
    let run = engine.command(["exec", "-i", &node, "bash", "-s", action]).input(SCRIPT);
    run.deadline(DEADLINE).finishing().output().await.map(drop).map_err(ClusterError::command(what))
}

/// Removes the leases of those who led when the state was kept: their successors would wait 15 s for them to end.
async fn forget_leaders(cluster: &Cluster) -> Result<(), ClusterError> {
    let leases = Api::<Lease>::namespaced(cluster.client.clone(), "kube-system");
    for name in ["kube-controller-manager", "kube-scheduler"] {
        match leases.delete(name, &DeleteParams::default()).await {
            // Without leader election there is none.
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            done => drop(done.map_err(ClusterError::api(&cluster.record.name, "does not remove a lease"))?),
        }
    }
    Ok(())
}

/// Removes the statuses of pods, which tell of containers that have ended: they would be seen as ready until the kubelet
/// has looked at them.
async fn forget_statuses(cluster: &Cluster) -> Result<(), ClusterError> {
    let failed = || ClusterError::api(&cluster.record.name, "does not take the statuses of pods");
    let all = Api::<Pod>::all(cluster.client.clone()).list(&ListParams::default()).await.map_err(failed())?;
    let nothing = json!({"status": {"phase": "Pending", "conditions": null, "containerStatuses": null}});
    let each = all.items.iter().map(|pod| {
        let pods = Api::<Pod>::namespaced(cluster.client.clone(), &pod.namespace().unwrap_or_default());
        let (name, nothing) = (pod.name_any(), &nothing);
        async move {
            match pods.patch_status(&name, &PatchParams::default(), &Patch::Merge(nothing)).await {
                // The kubelet has replaced it meanwhile.
                Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
                done => done.map(drop),
            }
        }
    });
    try_join_all(each).await.map(drop).map_err(failed())
}

fn no_reset(cluster: &Cluster, why: &'static str) -> ClusterError {
    ClusterError::NoReset { name: cluster.record.name.to_string(), why }
}
