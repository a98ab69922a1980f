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
