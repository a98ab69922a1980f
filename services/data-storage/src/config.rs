//! What `/etc/datastorage/config.yaml` says; `DATASTORAGE__DATABASE__HOST=…` overrides `database.host`.

use std::net::SocketAddr;

use serde::Deserialize;
use service_common::postgres::PostgresConfig;

/// The whole configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the API listens.
    #[serde(default = "default_listen")]
    pub listen: SocketAddr,
    /// Where `/metrics` listens.
    #[serde(default = "default_metrics_listen")]
    pub metrics_listen: SocketAddr,
    /// PostgreSQL, where the events are kept.
    pub database: PostgresConfig,
    /// Redis, where the dead-letter stream is kept.
    pub redis: RedisConfig,
}

/// Where Redis is.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedisConfig {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    #[serde(default = "default_redis_port")]
    pub port: u16,
}

impl RedisConfig {
    /// As the client wants it.
    pub fn url(&self) -> String {
        format!("redis://{}:{}", self.host, self.port)
    }
}

fn default_listen() -> SocketAddr {
    SocketAddr::from(([0, 0, 0, 0], 8080))
}

fn default_metrics_listen() -> SocketAddr {
    SocketAddr::from(([0, 0, 0, 0], 9181))
}

fn default_redis_port() -> u16 {
    6379
}
