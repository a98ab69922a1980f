//! What `/etc/aianalysis/config.yaml` says; `AIANALYSIS__POLICY__CONFIG_MAP=…` overrides `policy.config_map`.

use std::net::SocketAddr;

use serde::Deserialize;

/// The whole configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where `/metrics` listens.
    #[serde(default = "default_metrics_listen")]
    pub metrics_listen: SocketAddr,
    /// Where `/healthz` and `/readyz` listen.
    #[serde(default = "default_health_listen")]
    pub health_listen: SocketAddr,
    /// Where HolmesGPT-API is: `http://holmesgpt-api:8080`.
    pub holmesgpt_url: String,
    /// Where DataStorage is: `http://data-storage:8080`.
    pub data_storage_url: String,
    /// Where the approval policy is.
    pub policy: PolicyConfig,
    /// Which analyses it works on: all, unless this says otherwise.
    #[serde(default)]
    pub watch: WatchConfig,
}

/// The analyses that a controller works on. With several controllers in a cluster, each analysis must be one controller's.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WatchConfig {
    /// Their namespace; all namespaces without it.
    pub namespace: Option<String>,
    /// A label selector, such as `!kubernaut.ai/controller`; all without it.
    pub selector: Option<String>,
}

impl WatchConfig {
    /// Returns the API of the analyses.
    pub fn api(&self, client: kube::Client) -> kube::Api<crate::api::AIAnalysis> {
        match &self.namespace {
            Some(namespace) => kube::Api::namespaced(client, namespace),
            None => kube::Api::all(client),
        }
    }

    /// Returns the settings of a watch of the analyses.
    pub fn watcher(&self) -> kube::runtime::watcher::Config {
        let all = kube::runtime::watcher::Config::default();
        match &self.selector {
            Some(selector) => all.labels(selector),
            None => all,
        }
    }
}

/// The ConfigMap that has the approval policy.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyConfig {
    /// Its namespace.
    pub namespace: String,
    /// Its name. Every key that ends in `.rego` is a module.
    pub config_map: String,
}

fn default_metrics_listen() -> SocketAddr {
    SocketAddr::from(([0, 0, 0, 0], 9090))
}

fn default_health_listen() -> SocketAddr {
    SocketAddr::from(([0, 0, 0, 0], 8081))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deployed_configuration_is_valid() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../manifests/aianalysis/base/configmap.yaml");
        let manifest: serde_json::Value = serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let text = manifest["data"]["config.yaml"].as_str().unwrap();
        let config: Config = serde_saphyr::from_str(text).unwrap();
        assert_eq!(config.policy.config_map, "aianalysis-policies");
        assert_eq!((config.metrics_listen.port(), config.health_listen.port()), (9090, 8081));
        assert_eq!(
            (config.watch.namespace, config.watch.selector.as_deref()),
            (None, Some("!kubernaut.ai/controller"))
        );
    }
}
