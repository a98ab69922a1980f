//! Makes faults in a cluster.

use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use futures::FutureExt;
use k8s_openapi::api::core::v1::{Namespace, Node, Pod};
use kind_harness::deploy::{Applier, ComponentManifests, Deployer, HostContext, Webhooks};
use kind_harness::environment::{Environment, shared};
use kind_harness::readiness::{ObjectRef, Readiness, Recorder, Settings, replay};
use kind_harness::report::Events;
use kind_harness::suite::config::Component;
use kind_harness::suite::manifests;
use kind_harness::suite::manifests::ImageMap;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, EvictParams, ListParams, Patch, PatchParams, PostParams};
use kube::runtime::wait::{await_condition, conditions};
use serde_json::json;
use tokio::time::{Instant, sleep_until};

use crate::case::Case;
use crate::expect::{Expect, Meanwhile, Verdict};

/// How long a namespace may take to go.
const GOING: Duration = Duration::from_secs(60);

/// A fault to be made.
#[derive(Debug)]
pub(crate) struct Round {
    pub(crate) case: Case,
    /// Where.
    pub(crate) namespace: String,
    /// Whether what the watches bring becomes part of the corpus.
    pub(crate) record: bool,
}

/// A cluster to make faults in.
pub(crate) struct Stage {
    client: kube::Client,
    images: ImageMap,
}

impl Stage {
    /// Brings the cluster up.
    pub(crate) async fn set() -> anyhow::Result<Stage> {
        let suite = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faults/e2e.yaml");
        // Bringing it up blocks.
        let environment: &Environment = tokio::task::spawn_blocking(move || shared(suite)).await?;
        let deployment = environment.record().deployment.as_ref().context("an environment that is up")?;
        let images = deployment.images.get("stage").cloned().unwrap_or_default();
        Ok(Stage { client: environment.client(), images })
    }

    /// Makes one fault, and removes it. Tells after how long it was found.
    pub(crate) async fn make(&self, round: Round) -> (String, anyhow::Result<Duration>) {
        let result = self.faulty(&round).await;
        let cleaned = self.clean(&round).await;
        (round.namespace, result.and_then(|after| cleaned.map(|()| after)))
    }

    async fn faulty(&self, round: &Round) -> anyhow::Result<Duration> {
        let (case, namespace, expect) = (&round.case, &round.namespace, &round.case.expect);
        let events = Events::discard();
        let applier = Applier::new(self.client.clone(), namespace);
        self.until_gone(namespace).await?;
        applier.namespace(namespace).await?;
        let labels = json!({"metadata": {"labels": expect.labels}});
        Api::<Namespace>::all(self.client.clone())
            .patch(namespace, &PatchParams::default(), &Patch::Merge(labels))
            .await?;
        if expect.node {
            self.add_tainted_node().await?;
        }
        if expect.slot {
            self.add_slots().await?;
        }
        for manifest in &case.before {
            applier.apply(manifest, &events).await?;
        }

        let folder = tempfile::tempdir()?;
        let recording = folder.path().join("recording.jsonl");
        let (recorder, settings) = (Recorder::create(&recording)?, Settings::default());
        let readiness =
            Readiness::start_recorded(self.client.clone(), namespace, events.observer(), settings, Some(recorder));
        let images = self.images.clone();
        let deployer = Deployer {
            applier,
            readiness: readiness.clone(),
            images: Arc::new(move |_| std::future::ready(Ok(images.clone())).boxed()),
            ports: <_>::default(),
            events,
            context: HostContext::default(),
            patience: Duration::from_secs(300),
            webhooks: Webhooks::default(),
        };
        let began = Instant::now();
        let deployed = deployer.deploy(vec![parcel(case)]).await;
        if let Err(refusal) = deployed {
            expect.check_refusal(&refusal.to_string())?;
            ensure!(began.elapsed() <= expect.within, "refused after {:?}", began.elapsed());
            return Ok(began.elapsed());
        }
        ensure!(expect.verdict != Verdict::Refused, "the API server took it");
        let wait = readiness.wait_for_all_ready(None, Instant::now() + expect.within);
        let (_, interfered) = tokio::join!(wait, self.interfere(expect, namespace, case));
        interfered?;
        // The recording ends with it.
        drop((readiness, deployer));
        let replayed = replay(BufReader::new(fs_err::File::open(&recording)?))?;
        let after = expect.check(&replayed).inspect_err(|_| {
            let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
            // For whoever looks into it; what went wrong is told without it.
            let _ = fs_err::copy(&recording, folder.join(format!("{namespace}.jsonl")));
        })?;
        if round.record {
            fs_err::copy(&recording, case.recording())?;
        }
        Ok(after)
    }

    /// A cluster that is kept may still be rid of what an earlier run made.
    async fn until_gone(&self, namespace: &str) -> anyhow::Result<()> {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        let gone = await_condition(namespaces, namespace, |namespace: Option<&Namespace>| namespace.is_none());
        tokio::time::timeout(GOING, gone).await.context("the namespace is there, and stays")??;
        Ok(())
    }

    async fn interfere(&self, expect: &Expect, namespace: &str, case: &Case) -> anyhow::Result<()> {
        let Some(meanwhile) = expect.meanwhile else { return Ok(()) };
        sleep_until(Instant::now() + Duration::from_secs(1)).await;
        match meanwhile {
            Meanwhile::Delete => {
                let first = case.manifests.first().context("a manifest")?;
                delete(&self.client, namespace, &first.object).await?;
            }
            Meanwhile::Evict => {
                let pods: Api<Pod> = Api::namespaced(self.client.clone(), namespace);
                for pod in pods.list(&ListParams::default()).await? {
                    pods.evict(&pod.name_any(), &EvictParams::default()).await?;
                }
            }
            Meanwhile::Preempt => {
                let pods: Api<Pod> = Api::namespaced(self.client.clone(), namespace);
                let name = pods.list(&ListParams::default()).await?.items.first().map(ResourceExt::name_any);
                await_condition(pods, &name.context("a pod")?, conditions::is_pod_running()).await?;
                let applier = Applier::new(self.client.clone(), namespace);
                for mut manifest in case.meanwhile.clone() {
                    manifests::images(&mut manifest.object, &self.images);
                    applier.apply(&manifest, &Events::discard()).await?;
                }
            }
            Meanwhile::NodeNotReady => {
                let nodes: Api<Node> = Api::all(self.client.clone());
                for node in nodes.list(&ListParams::default()).await? {
                    self.declare(&node.name_any(), false).await?;
                }
            }
        }
        Ok(())
    }

    /// Something that a node has one of.
    async fn add_slots(&self) -> anyhow::Result<()> {
        let nodes: Api<Node> = Api::all(self.client.clone());
        let slot = json!({"kind-harness.test/slot": "1"});
        let patch = Patch::Merge(json!({"status": {"capacity": slot, "allocatable": slot}}));
        for node in nodes.list(&ListParams::default()).await? {
            nodes.patch_status(&node.name_any(), &PatchParams::default(), &patch).await?;
        }
        Ok(())
    }

    /// A node that nobody runs: the scheduler takes it for one all the same.
    async fn add_tainted_node(&self) -> anyhow::Result<()> {
        let node = json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": {"name": "tainted", "labels": {"kubernetes.io/hostname": "tainted"}},
            "spec": {"taints": [{"key": "kind-harness.test/tainted", "effect": "NoSchedule"}]},
        });
        let nodes: Api<Node> = Api::all(self.client.clone());
        nodes.create(&PostParams::default(), &serde_json::from_value(node)?).await?;
        self.declare("tainted", true).await
    }

    async fn declare(&self, node: &str, is_ready: bool) -> anyhow::Result<()> {
        let status = if is_ready { "True" } else { "False" };
        let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let condition = json!({
            "type": "Ready", "status": status, "reason": "Declared", "message": "by a test",
            "lastHeartbeatTime": now, "lastTransitionTime": now,
        });
        let patch = Patch::Strategic(json!({"status": {"conditions": [condition]}}));
        Api::<Node>::all(self.client.clone()).patch_status(node, &PatchParams::default(), &patch).await?;
        Ok(())
    }

    /// Objects that belong to no namespace do not go with one.
    async fn clean(&self, round: &Round) -> anyhow::Result<()> {
        for manifest in round.case.before.iter().chain(&round.case.manifests) {
            delete(&self.client, &round.namespace, &manifest.object).await?;
        }
        if round.case.expect.node {
            Api::<Node>::all(self.client.clone()).delete("tainted", &DeleteParams::default()).await?;
        }
        Api::<Namespace>::all(self.client.clone()).delete(&round.namespace, &DeleteParams::default()).await?;
        Ok(())
    }
}

fn parcel(case: &Case) -> ComponentManifests {
    let component = Component { name: "fault".into(), ..Component::default() };
    ComponentManifests { component, manifests: case.manifests.clone(), ..ComponentManifests::default() }
}

/// Deletes what a case has applied, and nobody waits for.
async fn delete(client: &kube::Client, namespace: &str, object: &kube::core::DynamicObject) -> anyhow::Result<()> {
    let object = ObjectRef::of(object);
    let Ok((resource, capabilities)) = kube::discovery::pinned_kind(client, &object.gvk()).await else { return Ok(()) };
    let namespace = object.namespace.as_deref().unwrap_or(namespace);
    let api: Api<kube::core::DynamicObject> = match capabilities.scope {
        kube::discovery::Scope::Namespaced => Api::namespaced_with(client.clone(), namespace, &resource),
        kube::discovery::Scope::Cluster => Api::all_with(client.clone(), &resource),
    };
    match api.delete(&object.name, &DeleteParams::background()).await {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        deleted => Ok(deleted.map(drop)?),
    }
}
