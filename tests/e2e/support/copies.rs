//! Specs that disturb components: copies of them, in the spec's own namespace.

use std::panic::{AssertUnwindSafe, resume_unwind};

use aianalysis::api::AIAnalysis;
use anyhow::{Context, Result};
use futures::FutureExt;
use kube::ResourceExt;
use kube::api::{ListParams, Patch, PatchParams};
use kube::core::DynamicObject;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::{Controller, DataStorage, Hapi, Spec};

/// Label of analyses that are not the shared controller's: see `watch` in manifests/aianalysis/base/configmap.yaml.
pub(super) const CONTROLLER_LABEL: &str = "kubernaut.ai/controller";

/// How many specs may start copies at once: starting pods takes CPU time, unlike most of what specs do.
static STARTING: Semaphore = Semaphore::const_new(2);

impl Spec {
    /// Runs a spec with copies of components, which no other spec uses; the other components are the shared ones.
    pub(crate) async fn with_own(
        mut self,
        components: &[&str],
        body: impl AsyncFnOnce(&Spec) -> Result<()>,
    ) -> Result<()> {
        self.copy(components, |_| {}).await?;
        if components.contains(&"holmesgpt-api") {
            self.hapi = Hapi::forwarded(self.forward("holmesgpt-api", 8080).await?);
        }
        if components.contains(&"data-storage") {
            self.data_storage = DataStorage::forwarded(self.forward("data-storage", 8080).await?);
        }
        if components.contains(&"aianalysis") {
            self.controller =
                Controller::at(self.forward("aianalysis", 8081).await?, self.forward("aianalysis", 9090).await?);
            self.has_own_controller = true;
        }
        let ended = AssertUnwindSafe(body(&self)).catch_unwind().await;
        let handed_over = self.hand_over().await.context("the analyses could not be handed over");
        match ended {
            Ok(ended) => ended.and(handed_over),
            Err(panic) => resume_unwind(panic),
        }
    }

    /// Deploys copies of components, each of whose objects is changed before it is applied.
    pub(crate) async fn copy(&mut self, components: &[&str], change: impl Fn(&mut DynamicObject)) -> Result<()> {
        let (shared, own) = (self.environment.namespace().to_owned(), self.namespace.name.clone());
        let change = |object: &mut DynamicObject| {
            live_in(object, &shared, &own);
            change(object);
        };
        let _permit = STARTING.acquire().await?;
        self.environment = self.environment.copy(components.iter().copied(), &self.namespace, change).await?;
        Ok(())
    }

    /// Makes a port of a copy known on the host.
    async fn forward(&mut self, component: &str, port: u16) -> Result<std::net::SocketAddr> {
        let forward = self.environment.port_forward(component, port).await?;
        let address = forward.address();
        self._forwards.push(forward);
        Ok(address)
    }

    /// Hands the analyses of the spec's own controller over to the shared one. The own one is deleted with the namespace,
    /// and then the finalizers of its analyses must be removed by another.
    async fn hand_over(&self) -> Result<()> {
        if !self.has_own_controller {
            return Ok(());
        }
        let none = Patch::Merge(json!({"metadata": {"labels": {CONTROLLER_LABEL: null}}}));
        for analysis in self.analyses().list(&ListParams::default()).await? {
            self.analyses().patch(&analysis.name_any(), &PatchParams::default(), &none).await?;
        }
        Ok(())
    }

    /// Marks an analysis as one of the spec's own controller, if it has one.
    pub(super) fn claim(&self, analysis: &mut AIAnalysis) {
        if self.has_own_controller {
            analysis.labels_mut().insert(CONTROLLER_LABEL.to_owned(), self.namespace.name.clone());
        }
    }
}

/// Configures a copy of the controller for its namespace, and no other.
fn live_in(object: &mut DynamicObject, shared: &str, own: &str) {
    let config = object
        .data
        .pointer_mut("/data/config.yaml")
        .filter(|_| object.metadata.name.as_deref() == Some("aianalysis-config"));
    let Some(Value::String(config)) = config else { return };
    let selector = format!("selector: \"!{CONTROLLER_LABEL}\"");
    assert!(config.contains(&selector), "the shared controller leaves analyses of others alone:\n{config}");
    *config = config.replace(&selector, &format!("namespace: {own}")).replace(shared, own);
}
