//! The program itself, in a process of its own.

use std::path::PathBuf;

use duct::{Handle, cmd};
use serde_json::json;
use service_common::testing::{PostgresServer, Signal, free_port, send};
use tempfile::TempDir;

use super::RedisServer;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_data-storage");

/// The program with a configuration of its own; killed when dropped.
pub struct Program {
    _folder: TempDir,
    pub process: Handle,
    pub url: String,
    pub metrics: String,
}

impl Program {
    /// Starts it; it is ready a moment later.
    pub fn start(postgres: &PostgresServer, redis: &RedisServer) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (api, metrics) = (free_port(), free_port());
        let config = json!({
            "listen": format!("127.0.0.1:{api}"), "metrics_listen": format!("127.0.0.1:{metrics}"),
            "database": postgres.config("public"), "redis": redis.config(),
        });
        let process = cmd!(PROGRAM).env("DATASTORAGE_CONFIG", write(&folder, &config.to_string())).stdout_null();
        let process = process.unchecked().start().unwrap();
        let [url, metrics] = [api, metrics].map(|port| format!("http://127.0.0.1:{port}"));
        Self { _folder: folder, process, url, metrics }
    }

    pub async fn is_ready(&self) -> bool {
        let answer = reqwest::get(format!("{}/health/ready", self.url)).await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    pub fn terminate(&self) {
        send(&self.process, Signal::TERM);
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.process.kill().unwrap();
    }
}

/// Writes a configuration.
pub fn write(folder: &TempDir, text: &str) -> PathBuf {
    let path = folder.path().join("config.yaml");
    std::fs::write(&path, text).unwrap();
    path
}
