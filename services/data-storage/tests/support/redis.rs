//! A Redis of the tests' own.

use data_storage::{config::RedisConfig, dead_letter::STREAM, redis_link::Redis};
use duct::{Handle, cmd};
use serde_json::{Value, json};
use service_common::testing::{Signal, container::Container, free_port, send, until};
use tempfile::TempDir;

/// A Redis server on loopback; gone when dropped.
pub struct RedisServer {
    folder: TempDir,
    pub port: u16,
    arguments: Vec<String>,
    process: Option<Handle>,
    container: Option<Container>,
}

impl RedisServer {
    /// Starts an empty one.
    pub fn start() -> Self {
        // What the kernel has outlives the process; what the disk has would be waited for.
        let arguments = "--save  --appendonly yes --appendfsync no --protected-mode no";
        Self::start_with(arguments.split(' ').map(str::to_owned).collect())
    }

    /// Starts an empty one with the arguments of the manifests.
    pub fn start_as_deployed() -> Self {
        Self::start_with(deployed_arguments())
    }

    fn start_with(arguments: Vec<String>) -> Self {
        let folder = tempfile::Builder::new().prefix("redis-").tempdir().unwrap();
        let mut server = Self { folder, port: free_port(), arguments, process: None, container: None };
        server.restart();
        server
    }

    /// Starts again, with what it had.
    pub fn restart(&mut self) {
        self.stop();
        let mut words: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        if let Some(container) = &self.container {
            container.start();
        } else if is_on_host() {
            let (port, folder) = (self.port.to_string(), self.folder.path().to_str().unwrap());
            words.extend(["--port", &port, "--dir", folder, "--bind", "127.0.0.1"]);
            self.process = Some(duct::cmd("redis-server", words).stdout_null().unchecked().start().unwrap());
        } else {
            words.insert(0, "redis-server");
            self.container = Some(Container::run("redis", self.port, 6379, &[], &[], &words));
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

/// Waits until nothing is left in the dead-letter stream, and of nothing, nothing is noted.
pub async fn drained(redis: &RedisServer) {
    // In one step, because senders may go on.
    const WAITING_AND_NOTED: &str = "return {redis.call('XLEN', KEYS[1]), redis.call('EXISTS', KEYS[2], KEYS[3])}";
    until("the stream is drained", async || {
        let (pending, bytes) = ("{dlq-stream}:pending", "{dlq-stream}:bytes");
        let command = ["EVAL", WAITING_AND_NOTED, "3", STREAM, pending, bytes];
        let (waiting, noted) = redis.ask::<(i64, i64)>(&command).await;
        assert!(waiting > 0 || noted == 0, "nothing waits, but {noted} keys are left");
        waiting == 0
    })
    .await;
}

/// What the manifests make of Redis, but for its folder.
fn deployed_arguments() -> Vec<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../manifests/redis/base/statefulset.yaml");
    let manifest: Value = serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let container = &manifest["spec"]["template"]["spec"]["containers"][0];
    let arguments: Vec<&str> = container["args"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    let ["redis-server", "--dir", "/data", others @ ..] = &arguments[..] else { panic!("{arguments:?}") };
    others.iter().map(|argument| argument.replace("$(TCP_KEEPALIVE)", "300")).collect()
}
