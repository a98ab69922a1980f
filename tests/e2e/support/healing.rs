//! Specs that have the environment for themselves, and leave it as they found it, however they end.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use futures::FutureExt;
use k8s_openapi::api::core::v1::Pod;
use kind_harness::deploy::Applier;
use kind_harness::host::folders::Folders;
use kind_harness::readiness::{Probe, Readiness};
use kind_harness::report::Events;
use kind_harness::sources;
use kind_harness::suite::config::{self, Component, Overrides};
use kind_harness::suite::manifests::{self, Manifest};
use kind_harness::suite::plan::Plan;
use kube::ResourceExt;
use kube::api::ListParams;
use tokio::time::Instant;

use super::{Spec, eventually};

/// How long the components may take to be as they were.
const HEALING: Duration = Duration::from_secs(60);

/// A spec that has the environment for itself.
pub(crate) struct Alone(Spec);

impl Alone {
    pub(super) fn new(spec: Spec) -> Alone {
        Alone(spec)
    }

    /// Runs the spec. Nobody else's turn comes before everything is as the manifests say, ready, and answers; also when
    /// the spec has failed or panicked.
    pub(crate) async fn run(self, body: impl AsyncFnOnce(&Spec) -> Result<()>) -> Result<()> {
        let outcome = AssertUnwindSafe(body(&self.0)).catch_unwind().await;
        let healed = self.0.heal().await.context("the environment could not be left as it was found");
        match outcome {
            Err(panic) => {
                if let Err(error) = healed {
                    eprintln!("{error:?}");
                }
                resume_unwind(panic)
            }
            Ok(Err(error)) => match healed {
                Ok(()) => Err(error),
                Err(ill) => Err(error.context(format!("{ill:#}"))),
            },
            Ok(Ok(())) => healed,
        }
    }
}

impl Spec {
    /// The plan by which the environment was brought up.
    pub(crate) fn plan(&self) -> Result<Plan> {
        let plan = Plan::new(config::load(Path::new("e2e.yaml"), &Overrides::from_env()?)?)?;
        let rendered = sources::recall(&plan, &Folders::of_user()?);
        Ok(plan.with_rendered(rendered))
    }

    /// What a component must answer.
    pub(crate) fn probes(&self, component: &str) -> Vec<Probe> {
        let deployment = self.record().deployment.iter();
        deployment.filter_map(|deployment| deployment.probes.get(component)).flatten().cloned().collect()
    }

    /// The manifests of a component as they were applied, those of some kinds.
    pub(crate) fn manifests(&self, plan: &Plan, component: &Component, kinds: &[&str]) -> Result<Vec<Manifest>> {
        let deployment = self.record().deployment.as_ref().context("what runs is remembered")?;
        let of_kind = |manifest: &Manifest| {
            manifest.object.types.as_ref().is_some_and(|types| kinds.contains(&types.kind.as_str()))
        };
        let all = plan.components().zip(plan.manifests()?).filter(|(it, _)| it.name == component.name);
        let mut manifests: Vec<_> = all.flat_map(|(_, manifests)| manifests).filter(of_kind).collect();
        for manifest in &mut manifests {
            manifests::images(&mut manifest.object, &deployment.images[&component.name]);
            manifests::label(&mut manifest.object, &component.name);
        }
        Ok(manifests)
    }

    /// Applies again what specs change, and waits until every component is ready and answers.
    async fn heal(&self) -> Result<()> {
        let (plan, events) = (self.plan()?, Events::discard());
        let applier = Applier::new(self.client(), self.namespace());
        let readiness = Readiness::start(self.client(), self.namespace(), events.observer());
        // Configuration first: whoever starts then starts with the right one.
        for component in plan.components() {
            for manifest in self.manifests(&plan, component, &["ConfigMap"])? {
                applier.apply(&manifest, &events).await?;
            }
        }
        for component in plan.components() {
            let mut applied = Vec::new();
            for manifest in self.manifests(&plan, component, &["Deployment", "StatefulSet"])? {
                applied.push(applier.apply(&manifest, &events).await?);
            }
            readiness.expect(&component.name, applied, self.probes(&component.name));
        }
        readiness.wait_for_all_ready(None, Instant::now() + HEALING).await?;
        self.nobody_is_going().await?;
        self.everybody_is_content().await
    }

    /// Pods of before may still be on their way out.
    async fn nobody_is_going(&self) -> Result<()> {
        eventually("the end of pods that are going", HEALING, async || {
            let pods = self.objects::<Pod>().list(&ListParams::default()).await?.items;
            let going = pods.iter().filter(|pod| pod.metadata.deletion_timestamp.is_some());
            let going: Vec<_> = going.map(ResourceExt::name_any).collect();
            Ok(if going.is_empty() { Ok(()) } else { Err(going) })
        })
        .await
    }

    /// Who was ready all the time may notice only now that somebody else had been away: they are asked once more.
    async fn everybody_is_content(&self) -> Result<()> {
        eventually("a controller that is ready", HEALING, async || {
            let (storage, _) = self.data_storage.ready().await?;
            let controller = self.controller.readyz().await?;
            Ok(if (storage, controller.status) == (200, 200) { Ok(()) } else { Err((storage, controller)) })
        })
        .await
    }
}
