//! Following the policy's ConfigMap: a change takes effect at once.

use futures::StreamExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, Client,
    runtime::{WatchStreamExt, watcher},
};
use service_common::Check;

use crate::{config::PolicyConfig, policy::Policy, watching};

/// Keeps `policy` as the ConfigMap has it, for ever. The last good policy outlives a broken one and a missing ConfigMap.
pub async fn follow(client: Client, config: PolicyConfig, policy: Policy, check: Check) {
    let api: Api<ConfigMap> = Api::namespaced(client, &config.namespace);
    let only = watcher::Config::default().fields(&format!("metadata.name={}", config.config_map));
    let objects = watcher(api, only).backoff(watching::backoff()).applied_objects();
    let mut objects = std::pin::pin!(objects);
    let mut in_force = false;
    while let Some(object) = objects.next().await {
        match object {
            Ok(object) => match policy.load(&object.data.unwrap_or_default()) {
                Ok(()) => {
                    tracing::info!(config_map = config.config_map, "the policy is in force");
                    check.up();
                    in_force = true;
                }
                // Not a reason to be taken out of service: decisions fall back to "a person must approve".
                Err(error) => {
                    tracing::error!(error = format!("{error:#}"), "the policy does not compile");
                    check.up();
                }
            },
            Err(error) if in_force => tracing::debug!(%error, "the policy's ConfigMap cannot be watched"),
            Err(error) => check.down(anyhow::Error::from(error)),
        }
    }
}
