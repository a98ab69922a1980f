//! Following the policy's ConfigMap through the API: a change takes effect at once. A mounted file would follow only when
//! the kubelet gets to it, which may take more than a minute.

use futures::StreamExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, Client,
    runtime::{
        WatchStreamExt,
        watcher::{self, Event, watcher},
    },
};
use service_common::Check;
use tokio_util::sync::CancellationToken;

use crate::{config::PolicyConfig, metrics::Metrics, policy::Policy, watching};

/// Keeps a policy as its ConfigMap has it.
pub struct Follower {
    /// Which ConfigMap.
    pub config: PolicyConfig,
    /// What is kept.
    pub policy: Policy,
    /// Up as soon as there was a policy.
    pub check: Check,
    /// What is counted.
    pub metrics: Metrics,
}

impl Follower {
    /// Follows the ConfigMap until `stop`.
    pub async fn follow(self, client: Client, stop: CancellationToken) {
        let api: Api<ConfigMap> = Api::namespaced(client, &self.config.namespace);
        let only = watcher::Config::default().fields(&format!("metadata.name={}", self.config.config_map));
        let events = watcher(api, only).backoff(watching::backoff());
        let mut events = std::pin::pin!(events);
        // Once there was a policy, readiness no longer depends on it: it decides, whatever becomes of its ConfigMap.
        let (mut seen, mut listed) = (false, false);
        while let Some(Some(event)) = stop.run_until_cancelled(events.next()).await {
            match event {
                Ok(Event::Init) => listed = false,
                Ok(Event::InitApply(object) | Event::Apply(object)) => {
                    (seen, listed) = (true, true);
                    self.load(object);
                }
                Ok(Event::InitDone) if listed => {}
                Ok(Event::InitDone | Event::Delete(_)) => self.missing(seen),
                Err(error) if seen => tracing::debug!(%error, "the policy's ConfigMap cannot be watched"),
                Err(error) => self.check.down(anyhow::Error::from(error)),
            }
        }
        tracing::info!(config_map = self.config.config_map, "the policy is no longer followed");
    }

    /// A policy that does not compile is no reason to be taken out of service: decisions are made all the same.
    fn load(&self, object: ConfigMap) {
        let version = object.metadata.resource_version.unwrap_or_default();
        let result = self.policy.load(&object.data.unwrap_or_default());
        self.metrics.policy_loaded(result.is_ok());
        match result {
            Ok(()) => tracing::info!(config_map = self.config.config_map, version, "the policy is in force"),
            Err(error) => {
                let error = format!("{error:#}");
                tracing::error!(config_map = self.config.config_map, version, error, "the policy does not compile");
            }
        }
        self.check.up();
    }

    /// The last good policy outlives its ConfigMap. Where there was none, there may be one soon.
    fn missing(&self, seen: bool) {
        let why = format!("there is no ConfigMap {} in {}", self.config.config_map, self.config.namespace);
        tracing::error!(why, "the policy is not there");
        self.policy.refuse(why.clone());
        self.metrics.policy_loaded(false);
        if !seen {
            self.check.down(why);
        }
    }
}

#[cfg(test)]
#[path = "policy_watch_tests.rs"]
mod tests;
