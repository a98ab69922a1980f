//! What specs do to the components' pods.

use std::fmt::Debug;
use std::pin::pin;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::Pod;
use kind_harness::suite::manifests::COMPONENT_LABEL;
use kube::api::{Api, AttachParams, DeleteParams, ListParams, Patch, PatchParams, WatchEvent, WatchParams};
use kube::runtime::wait::{await_condition, conditions};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::io::AsyncReadExt;

use super::Spec;

/// How long a pod may take to come.
const COMING: Duration = Duration::from_secs(30);
/// How long a pod may take to go: longer than any grace period in the manifests.
const GOING: Duration = Duration::from_secs(30);

/// How a pod ended.
#[derive(Debug)]
pub(crate) struct End {
    /// From when the end was asked for until the pod was gone.
    pub(crate) after: Duration,
    /// Exit code of its container; 137 would be SIGKILL.
    pub(crate) exit_code: Option<i32>,
    /// When its container had ended at the latest: Kubernetes tells whole seconds.
    pub(crate) ended_by: Option<jiff::Timestamp>,
}

impl Spec {
    /// The components' objects of some kind.
    pub(crate) fn objects<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client(), self.namespace())
    }

    /// The pods of a component, those that are going included.
    pub(crate) async fn pods(&self, component: &str) -> Result<Vec<Pod>> {
        let selector = ListParams::default().labels(&format!("{COMPONENT_LABEL}={component}"));
        Ok(self.objects::<Pod>().list(&selector).await?.items)
    }

    /// The one pod of a component.
    pub(crate) async fn pod(&self, component: &str) -> Result<Pod> {
        let mut pods = self.pods(component).await?;
        ensure!(pods.len() == 1, "{component} has {} pods: {:?}", pods.len(), names(&pods));
        pods.pop().context("one pod")
    }

    /// Waits until a pod of a component is as `wanted`.
    pub(crate) async fn until_pod(&self, component: &str, wanted: impl Fn(&Pod) -> bool) -> Result<()> {
        let theirs = watcher::Config::default().labels(&format!("{COMPONENT_LABEL}={component}"));
        let mut pods = pin!(watcher(self.objects::<Pod>(), theirs).default_backoff().applied_objects());
        let found = async {
            while let Some(pod) = pods.next().await {
                if pod.is_ok_and(|pod| wanted(&pod)) {
                    return;
                }
            }
        };
        let in_time = tokio::time::timeout(COMING, found).await;
        in_time.with_context(|| format!("{component} had no such pod after {COMING:?}"))
    }

    /// Ends a pod as hard as the API permits.
    pub(crate) async fn kill(&self, pod: &Pod) -> Result<()> {
        self.objects::<Pod>().delete(&pod.name_any(), &DeleteParams::default().grace_period(0)).await?;
        self.gone(pod).await
    }

    /// Waits until a pod is gone.
    pub(crate) async fn gone(&self, pod: &Pod) -> Result<()> {
        let uid = pod.uid().context("a pod that was read has a uid")?;
        let name = pod.name_any();
        let gone = await_condition(self.objects::<Pod>(), &name, conditions::is_deleted(&uid));
        let in_time = tokio::time::timeout(GOING, gone).await;
        in_time.with_context(|| format!("{name} was still there after {GOING:?}"))??;
        Ok(())
    }

    /// Wants so many pods of a Deployment or StatefulSet.
    pub(crate) async fn scale<K>(&self, name: &str, replicas: u32) -> Result<()>
    where
        K: Resource<Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
        K::DynamicType: Default,
    {
        let patch = Patch::Merge(json!({"spec": {"replicas": replicas}}));
        self.objects::<K>().patch_scale(name, &PatchParams::default(), &patch).await?;
        Ok(())
    }

    /// Lets `ask` ask for the end of a pod, and sees how it ends.
    pub(crate) async fn end_of(&self, pod: &Pod, ask: impl Future<Output = Result<()>>) -> Result<End> {
        let api = self.objects::<Pod>();
        let this = WatchParams::default().fields(&format!("metadata.name={}", pod.name_any())).timeout(60);
        let version = pod.resource_version().context("a pod that was read has a version")?;
        let mut events = api.watch(&this, &version).await?.boxed();
        let asked = Instant::now();
        ask.await?;
        let last = async {
            while let Some(event) = events.try_next().await? {
                match event {
                    WatchEvent::Deleted(pod) => return Ok(pod),
                    WatchEvent::Error(status) => anyhow::bail!("the watch was refused: {}", status.message),
                    _ => {}
                }
            }
            anyhow::bail!("the watch has ended before the pod")
        };
        let last = tokio::time::timeout(GOING, last).await;
        let last = last.with_context(|| format!("{} was still there after {GOING:?}", pod.name_any()))??;
        let status = last.status.unwrap_or_default().container_statuses.unwrap_or_default();
        let terminated = status.into_iter().find_map(|container| container.state?.terminated);
        let exit_code = terminated.as_ref().map(|state| state.exit_code);
        let ended_by = terminated.and_then(|state| Some(state.finished_at?.0 + Duration::from_secs(1)));
        Ok(End { after: asked.elapsed(), exit_code, ended_by })
    }

    /// Runs a command in a pod; what it prints.
    pub(crate) async fn exec(&self, pod: &Pod, command: &[&str]) -> Result<String> {
        let params = AttachParams::default().stdin(false).stderr(false);
        let mut process = self.objects::<Pod>().exec(&pod.name_any(), command.to_vec(), &params).await?;
        let mut output = String::new();
        process.stdout().context("stdout was asked for")?.read_to_string(&mut output).await?;
        process.join().await?;
        Ok(output.trim().to_owned())
    }
}

/// Names of pods.
pub(super) fn names(pods: &[Pod]) -> Vec<String> {
    pods.iter().map(ResourceExt::name_any).collect()
}
