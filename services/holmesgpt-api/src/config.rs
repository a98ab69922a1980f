//! What `/etc/holmesgpt-api/config.yaml` says; `HAPI__DATABASE__HOST=…` overrides `database.host`.

use std::{net::SocketAddr, time::Duration};

use serde::Deserialize;
use serde_json::{Value, json};
use service_common::postgres::PostgresConfig;

use crate::llm::openai::OpenAiConfig;

/// The whole configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the API listens.
    #[serde(default = "default_listen")]
    pub listen: SocketAddr,
    /// Who investigates.
    #[serde(default)]
    pub llm: LlmKind,
    /// How long the mock takes over `MOCK_SLOW`, in milliseconds.
    #[serde(default = "default_mock_slow_ms")]
    pub mock_slow_ms: u64,
    /// The endpoint that is asked when `llm` is `openai`.
    pub openai: Option<OpenAiConfig>,
    /// PostgreSQL, where the investigations are kept.
    pub database: PostgresConfig,
}

/// The language models that can be configured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LlmKind {
    /// Deterministic answers by type of signal.
    #[default]
    Mock,
    /// Any endpoint that speaks OpenAI's chat completions.
    OpenAi,
}

impl Config {
    /// How long whoever investigates may take.
    pub fn patience(&self) -> Duration {
        match (self.llm, &self.openai) {
            (LlmKind::OpenAi, Some(openai)) => openai.deadline(),
            _ => Duration::from_millis(self.mock_slow_ms),
        }
    }

    /// The configuration as `/config` shows it: no secrets, nor where they are kept.
    pub fn public(&self) -> Value {
        json!({
            "listen": self.listen.to_string(),
            "llm": match self.llm {
                LlmKind::Mock => "mock",
                LlmKind::OpenAi => "openai",
            },
            "mock_slow_ms": self.mock_slow_ms,
            "openai": self.openai.as_ref().map(OpenAiConfig::public),
            "database": {
                "host": self.database.host,
                "port": self.database.port,
                "database": self.database.database,
                "schema": self.database.schema,
                "max_connections": self.database.max_connections,
            },
        })
    }
}

fn default_listen() -> SocketAddr {
    SocketAddr::from(([0, 0, 0, 0], 8080))
}

fn default_mock_slow_ms() -> u64 {
    3000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deployed_configuration_is_valid() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../manifests/holmesgpt-api/base/configmap.yaml");
        let manifest: Value = serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let config: Config = serde_saphyr::from_str(manifest["data"]["config.yaml"].as_str().unwrap()).unwrap();
        assert_eq!((config.llm, config.database.schema.as_str()), (LlmKind::Mock, "holmesgpt"));
    }
}
