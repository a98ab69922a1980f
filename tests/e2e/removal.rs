//! Components are taken away from a cluster that stays: here those of a spec, in its own namespace.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::try_join;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kind_harness::host::resilience::Resilience;
use kind_harness::readiness;
use kind_harness::readiness::ObjectRef;
use kind_harness::report::Events;
use kind_harness::teardown::{RemovalTarget, RemoveOptions, remove};
use kube::api::{Api, ListParams, PostParams};
use rstest::rstest;
use serde_json::json;

use crate::support::{Spec, spec};

impl Spec {
    /// A Deployment of two pods, and a ConfigMap with these finalizers, in the spec's namespace and ready.
    async fn component(&self, name: &str, pre_stop: u32, finalizers: &[&str]) -> Result<RemovalTarget> {
        let images = self.record().deployment.as_ref().and_then(|deployment| deployment.images.get("redis"));
        let image = images.and_then(|images| images.values().next()).context("the image of redis")?;
        let container = json!({"name": "main", "image": image, "imagePullPolicy": "IfNotPresent",
            "lifecycle": {"preStop": {"sleep": {"seconds": pre_stop}}}});
        let labels = json!({"app": name, "kind-harness.dev/component": name});
        let deployment: Deployment = serde_json::from_value(json!({
            "metadata": {"name": name},
            "spec": {"replicas": 2, "selector": {"matchLabels": {"app": name}},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}}},
        }))?;
        let config: ConfigMap = serde_json::from_value(json!({"metadata": {"name": name, "finalizers": finalizers}}))?;
        self.own::<Deployment>().create(&PostParams::default(), &deployment).await?;
        self.own::<ConfigMap>().create(&PostParams::default(), &config).await?;
        let object = |api_version: &str, kind: &str| ObjectRef {
            api_version: api_version.into(),
            kind: kind.into(),
            namespace: Some(self.namespace.name.clone()),
            name: name.into(),
        };
        let objects = vec![object("apps/v1", "Deployment"), object("v1", "ConfigMap")];
        let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
        readiness::wait_for(&self.client(), objects.clone(), deadline).await?;
        Ok(RemovalTarget { component: name.into(), objects: objects.into_iter().map(Into::into).collect() })
    }

    /// The spec's own objects of some kind.
    fn own<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client(), &self.namespace.name)
    }

    async fn remove(&self, doomed: &[RemovalTarget], kill: &RemoveOptions) -> Result<()> {
        let waves = vec![doomed.to_vec()];
        Ok(remove(&self.client(), &self.namespace.name, waves, kill, &Events::discard(), &Resilience::default())
            .await?)
    }

    /// How many workloads there are, ReplicaSets included, and how many pods.
    async fn left(&self) -> Result<(usize, usize)> {
        let all = ListParams::default();
        let workloads = self.own::<Deployment>().list(&all).await?.items.len();
        let sets = self.own::<ReplicaSet>().list(&all).await?.items.len();
        Ok((workloads + sets, self.own::<Pod>().list(&all).await?.items.len()))
    }
}

#[rstest]
#[kind_harness::test(uses = [])]
async fn what_goes_by_itself_is_gone_with_its_pods_when_it_returns(#[future(awt)] spec: Spec) -> Result<()> {
    let doomed: [_; 2] = try_join!(spec.component("one", 1, &[]), spec.component("two", 1, &[]))?.into();
    assert_eq!(spec.left().await?, (4, 4));
    let began = Instant::now();
    spec.remove(&doomed, &RemoveOptions::default()).await?;
    let took = began.elapsed();
    assert_eq!(spec.left().await?, (0, 0));
    ensure!(took < Duration::from_secs(20), "it took {took:?}, though nothing had to be forced");
    spec.remove(&doomed, &RemoveOptions::default()).await.context("nothing is there any more")
}

#[rstest]
#[kind_harness::test(uses = [])]
async fn what_does_not_go_is_forced_and_what_is_kept_is_named(#[future(awt)] spec: Spec) -> Result<()> {
    let doomed = [spec.component("stuck", 25, &["example.com/guard"]).await?];
    let kill = RemoveOptions { deadline: Duration::from_secs(1), ..RemoveOptions::default() };
    let began = Instant::now();
    let kept = spec.remove(&doomed, &kill).await.err().context("the ConfigMap is kept")?.to_string();
    ensure!(kept.contains("configmap/stuck is kept by finalizers: example.com/guard"), "{kept}");
    ensure!(!kept.contains("deployment/stuck"), "{kept}");
    assert_eq!(spec.left().await?, (0, 0));
    ensure!(began.elapsed() < Duration::from_secs(20), "its pods would have taken 25 s: {:?}", began.elapsed());
    spec.remove(&doomed, &RemoveOptions { force: true, ..kill }).await?;
    assert!(spec.own::<ConfigMap>().get_opt("stuck").await?.is_none());
    Ok(())
}
