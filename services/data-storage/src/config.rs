//! What `/etc/datastorage/config.yaml` says; `DATASTORAGE__DATABASE__HOST=…` overrides `database.host`.

use std::net::SocketAddr;

use anyhow::{Result, ensure};
use serde::Deserialize;
use service_common::postgres::PostgresConfig;

/// Largest batch that is read, in bytes: a thousand events of four kilobytes.
pub const BATCH_LIMIT: usize = 4 << 20;

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
    /// How much the dead-letter stream may hold.
    #[serde(default)]
    pub dead_letter: DeadLetterConfig,
}

impl Config {
    /// What serde cannot check.
    ///
    /// # Errors
    /// Names the first setting that makes no sense.
    pub fn validate(&self) -> Result<()> {
        self.database.validate()?;
        ensure!(
            self.listen != self.metrics_listen || self.listen.port() == 0,
            "listen and metrics_listen are the same"
        );
        ensure!(!self.redis.host.is_empty(), "redis.host is empty");
        ensure!(self.redis.port != 0, "redis.port is 0");
        ensure!((1..=1000).contains(&self.redis.pool_size), "redis.pool_size is not between 1 and 1000");
        let DeadLetterConfig { max_entries, max_bytes } = self.dead_letter;
        ensure!((1..=1000).contains(&max_entries), "dead_letter.max_entries is not between 1 and 1000");
        ensure!(max_bytes >= BATCH_LIMIT, "dead_letter.max_bytes is less than {BATCH_LIMIT}, the largest batch");
        Ok(())
    }
}

/// Where Redis is, and how much of it the service may use.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedisConfig {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    #[serde(default = "default_redis_port")]
    pub port: u16,
    /// Most commands at a time.
    #[serde(default = "default_pool_size")]
    pub pool_size: usize,
}

impl RedisConfig {
    /// As the client wants it.
    pub fn url(&self) -> String {
        format!("redis://{}:{}", self.host, self.port)
    }
}

/// How much the dead-letter stream may hold; when it is full, events are refused, never trimmed.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeadLetterConfig {
    /// Entries: a single event is one, a batch is one.
    pub max_entries: usize,
    /// Bytes of all entries together: a thousand of the largest batches would be more than Redis has.
    pub max_bytes: usize,
}

impl Default for DeadLetterConfig {
    fn default() -> Self {
        Self { max_entries: 1000, max_bytes: 32 << 20 }
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

fn default_pool_size() -> usize {
    50
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn settings_that_make_no_sense_are_named() {
        let with = |pointer: &str, value: Value| {
            let mut tree = json!({
                "database": {"host": "db", "database": "a", "user": "u", "password_file": "/p"},
                "redis": {"host": "redis", "port": 6379, "pool_size": 50},
                "dead_letter": {"max_entries": 1000, "max_bytes": 32 << 20},
            });
            *tree.pointer_mut(pointer).unwrap() = value;
            serde_json::from_value::<Config>(tree).unwrap().validate()
        };
        assert!(with("/redis/port", json!(6380)).is_ok());
        let wrong = [
            ("/database/host", json!("")),
            ("/redis/host", json!("")),
            ("/redis/pool_size", json!(0)),
            ("/dead_letter/max_entries", json!(1001)),
            ("/dead_letter/max_bytes", json!(1024)),
        ];
        for (pointer, value) in wrong {
            let error = with(pointer, value).expect_err(pointer).to_string();
            assert!(error.contains(&pointer[1..].replace('/', ".")), "{pointer}: {error}");
        }
    }
}
