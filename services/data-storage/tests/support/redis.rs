//! A Redis of the tests' own.

use data_storage::{config::RedisConfig, redis_link::Redis};
use duct::{Handle, cmd};
use serde_json::json;
use service_common::testing::{Signal, container::Container, free_port, send};
use tempfile::TempDir;

/// A Redis server on loopback, which writes down everything at once; gone when dropped.
pub struct RedisServer {
    folder: TempDir,
    pub port: u16,
    process: Option<Handle>,
    container: Option<Container>,
}

impl RedisServer {
    /// Starts an empty one.
    pub fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("redis-").tempdir().unwrap();
        let mut server = Self { folder, port: free_port(), process: None, container: None };
        server.restart();
        server
    }

    /// Starts again, with what it had.
    pub fn restart(&mut self) {
        self.stop();
        // What the kernel has outlives the process; what the disk has would be waited for.
        let mut words: Vec<&str> = "--save  --appendonly yes --appendfsync no --protected-mode no".split(' ').collect();
        if let Some(container) = &self.container {
            container.start();
        } else if is_on_host() {
            let (port, folder) = (self.port.to_string(), self.folder.path().to_str().unwrap());
            words.extend(["--port", &port, "--dir", folder, "--bind", "127.0.0.1"]);
            self.process = Some(duct::cmd("redis-server", words).stdout_null().unchecked().start().unwrap());
        } else {
            words.insert(0, "redis-server");
            self.container = Some(Container::run("redis", self.port, 6379, &[], &words));
        }
    }

    /// Stops at once, as a pod that is killed.
    pub fn stop(&mut self) {
        if let Some(container) = &self.container {
            container.stop();
        }
        if let Some(process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// It is there, but does not answer; or it goes on.
    pub fn pause(&self, is_paused: bool) {
        if let Some(container) = &self.container {
            container.pause(is_paused);
        }
        if let Some(process) = &self.process {
            send(process, if is_paused { Signal::STOP } else { Signal::CONT });
        }
    }

    /// How the service reaches it.
    pub fn config(&self) -> serde_json::Value {
        json!({"host": "127.0.0.1", "port": self.port})
    }

    /// The service's access to it.
    pub fn redis(&self) -> Redis {
        let config: RedisConfig = serde_json::from_value(self.config()).unwrap();
        Redis::new(&config).unwrap()
    }

    /// One command, for looking at what is there.
    pub async fn ask<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        self.redis().run(|mut redis| async move { command.query_async(&mut redis).await }).await.unwrap()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.stop();
    }
}

fn is_on_host() -> bool {
    std::env::var_os("TEST_IN_CONTAINERS").is_none()
        && cmd!("redis-server", "--version").stdout_null().stderr_null().run().is_ok()
}
