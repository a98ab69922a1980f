//! Changes to a component by tests, each awaited until the component is ready again.

use std::collections::HashSet;
use std::pin::pin;

use futures::StreamExt;
use futures::future::join_all;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{Api, ApiResource, DynamicObject, Patch, PatchParams};
use kube::runtime::{WatchStreamExt, watcher};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use super::{Environment, EnvironmentError};
use crate::deploy::services_are_reached;
use crate::readiness::{Applied, Readiness};
use crate::suite::manifests::{COMPONENT_LABEL, MANAGED_BY};

impl Environment {
    /// Sets the replicas of every Deployment and StatefulSet of a component, and waits until the component is ready,
    /// its probes succeed, and surplus pods are gone. With 0 replicas no probe has to succeed.
    ///
    /// ```no_run
    /// # async fn example(environment: &kind_harness::Environment) -> anyhow::Result<()> {
    /// environment.scale("cache", 0).await?;
    /// // Check how the API behaves without the cache.
    /// environment.scale("cache", 1).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When there is no such component, it has no such workloads, or it is not ready in the suite's deadline.
    pub async fn scale(&self, component: &str, replicas: u32) -> Result<(), EnvironmentError> {
        let kinds = ["Deployment", "StatefulSet"];
        let change = json!({"spec": {"replicas": replicas}});
        let patched = self.patch(component, &kinds, "Deployment or StatefulSet", &change).await?;
        self.settle(component, patched, replicas > 0).await
    }

    /// Restarts every Deployment, StatefulSet and DaemonSet of a component, like `kubectl rollout restart`. Waits until
    /// it is ready, its probes succeed, and the old pods are gone.
    ///
    /// ```no_run
    /// # async fn example(environment: &kind_harness::Environment) -> anyhow::Result<()> {
    /// environment.restart("api").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When there is no such component, it has no such workloads, or it is not ready in the suite's deadline.
    pub async fn restart(&self, component: &str) -> Result<(), EnvironmentError> {
        let annotations = json!({"kubectl.kubernetes.io/restartedAt": Timestamp::now()});
        let change = json!({"spec": {"template": {"metadata": {"annotations": annotations}}}});
        let kinds = ["Deployment", "StatefulSet", "DaemonSet"];
        let patched = self.patch(component, &kinds, "Deployment, StatefulSet or DaemonSet", &change).await?;
        self.settle(component, patched, true).await
    }

    /// Patches the workloads of a component.
    async fn patch(
        &self,
        component: &str,
        kinds: &[&str],
        told: &'static str,
        change: &Value,
    ) -> Result<Vec<Applied>, EnvironmentError> {
        self.known(component)?;
        let objects = self.deployed(component);
        let workloads = objects.iter().map(|applied| &applied.object);
        let workloads = workloads.filter(|it| it.gvk().group == "apps" && kinds.contains(&it.kind.as_str()));
        let (client, mut patched) = (self.client(), Vec::new());
        for object in workloads {
            let resource = ApiResource::from_gvk(&object.gvk());
            let namespace = object.namespace.as_deref().unwrap_or_else(|| self.namespace());
            let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource);
            let params = PatchParams { field_manager: Some(MANAGED_BY.into()), ..PatchParams::default() };
            let changed = api.patch(&object.name, &params, &Patch::Merge(change)).await;
            let changed = changed.map_err(EnvironmentError::api(format!("change {object}")))?;
            let (uid, generation) =
                (changed.uid().unwrap_or_default(), changed.metadata.generation.unwrap_or_default());
            patched.push(Applied { object: object.clone(), uid, generation });
        }
        if patched.is_empty() {
            return Err(EnvironmentError::NoWorkload { component: component.to_owned(), kinds: told });
        }
        Ok(patched)
    }

    /// Waits until the changed objects are ready. With `serves`, the whole component must be ready, and its probes
    /// succeed.
    async fn settle(&self, component: &str, patched: Vec<Applied>, serves: bool) -> Result<(), EnvironmentError> {
        let deadline = Instant::now() + self.running.deadline;
        let (mut objects, mut probes) = (patched, Vec::new());
        if serves {
            let others = self.deployed(component).into_iter();
            let others = others.filter(|it| !objects.iter().any(|changed| changed.object == it.object));
            // They may have been recreated since the environment came up.
            let others: Vec<_> = others.map(|it| Applied { uid: String::new(), generation: 0, ..it }).collect();
            objects.extend(others);
            let deployment = self.record().deployment.as_ref();
            probes = deployment.and_then(|it| it.probes.get(component)).cloned().unwrap_or_default();
        }
        let (settings, namespace) = (self.running.settings.clone(), self.namespace());
        let readiness = Readiness::start_with(self.client(), namespace, (), settings);
        let names: Vec<_> = objects.iter().map(|applied| applied.object.clone()).collect();
        readiness.expect(component, objects, probes);
        readiness.wait_for_all_ready(None, deadline).await.map_err(Box::new)?;
        let each = self.pods(component).into_iter().map(|pods| nobody_goes(pods, component));
        let gone = timeout_at(deadline, join_all(each)).await;
        gone.map_err(|_| EnvironmentError::StillGoing { component: component.to_owned() })?;
        if let Some(nodes) = self.running.cluster.nodes.as_ref().filter(|_| serves) {
            // Whoever calls it inside the cluster is not refused.
            services_are_reached(nodes, &self.client(), namespace, names.iter(), deadline).await;
        }
        Ok(())
    }

    /// Returns a component's objects, as they were applied.
    fn deployed(&self, component: &str) -> Vec<Applied> {
        let deployment = self.record().deployment.as_ref();
        deployment.and_then(|it| it.objects.get(component)).cloned().unwrap_or_default()
    }
}

/// Resolves when no pod of a component in one namespace is terminating.
async fn nobody_goes(pods: Api<Pod>, component: &str) {
    let theirs = watcher::Config::default().labels(&format!("{COMPONENT_LABEL}={component}"));
    let mut events = pin!(watcher(pods, theirs).default_backoff());
    let (mut going, mut listed) = (HashSet::new(), false);
    while let Some(event) = events.next().await {
        match event {
            Ok(watcher::Event::Init) => (going, listed) = (HashSet::new(), false),
            Ok(watcher::Event::InitApply(pod) | watcher::Event::Apply(pod)) => {
                if pod.metadata.deletion_timestamp.is_some() {
                    going.insert(pod.uid());
                }
            }
            Ok(watcher::Event::Delete(pod)) => drop(going.remove(&pod.uid())),
            Ok(watcher::Event::InitDone) => listed = true,
            // The watcher restarts; the caller has a deadline.
            Err(_) => {}
        }
        if listed && going.is_empty() {
            return;
        }
    }
}
