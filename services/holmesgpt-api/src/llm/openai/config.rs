//! Where the model is, and what it may choose from.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The endpoint, the patience with it, and the catalogue of workflows.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenAiConfig {
    /// What `/chat/completions` is appended to: `https://api.openai.com/v1`.
    pub base_url: String,
    /// The model's name.
    pub model: String,
    /// File that has the key; endpoints inside the cluster often need none.
    pub api_key_file: Option<PathBuf>,
    /// File with the authorities (PEM) that the endpoint's certificate is checked against, instead of the public ones.
    pub ca_file: Option<PathBuf>,
    /// How long one request may take, in milliseconds.
    #[serde(default = "default_timeout_ms")]
    pub timeout_ms: u64,
    /// How long one analysis may take with all its requests, in milliseconds; callers wait 30 s.
    #[serde(default = "default_deadline_ms")]
    pub deadline_ms: u64,
    /// How often one request is sent while the endpoint is busy or failing.
    #[serde(default = "default_tries")]
    pub tries: usize,
    /// The remedies there are. The model chooses one by its id; what runs is what stands here, never what it made up.
    #[serde(default)]
    pub workflows: Vec<CatalogueEntry>,
}

/// A workflow that the model may choose.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogueEntry {
    /// Names the workflow.
    pub workflow_id: String,
    /// For people, and for the model.
    pub title: String,
    /// When it helps: for the model.
    #[serde(default)]
    pub description: String,
    /// Version of the workflow.
    pub version: String,
    /// Image that runs it.
    pub container_image: String,
}

impl OpenAiConfig {
    /// As `/config` shows it: not the key, nor where it is kept.
    pub fn public(&self) -> Value {
        json!({
            "base_url": self.base_url,
            "model": self.model,
            "timeout_ms": self.timeout_ms,
            "deadline_ms": self.deadline_ms,
            "tries": self.tries,
            "workflows": self.workflows.iter().map(|entry| entry.workflow_id.as_str()).collect::<Vec<_>>(),
        })
    }

    pub(super) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    /// How long one analysis may take.
    pub fn deadline(&self) -> Duration {
        Duration::from_millis(self.deadline_ms)
    }
}

fn default_timeout_ms() -> u64 {
    15_000
}

fn default_deadline_ms() -> u64 {
    20_000
}

fn default_tries() -> usize {
    3
}
