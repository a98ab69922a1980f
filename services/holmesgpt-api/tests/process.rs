//! The real program: it becomes ready, stays small, and ends as it should.
#![allow(clippy::unwrap_used, reason = "a part of tests, which fail by panicking")]

use std::{
    path::Path,
    time::{Duration, Instant},
};

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use duct::cmd;
use http_body_util::BodyExt;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::{Value, json};
use service_common::testing::{PostgresServer, Signal, send, until};
use support::{INCIDENT, incident};

mod support;

/// How long it may take to end, of which it goes on answering 3 s and the analysis in flight takes 2.5 s.
const END: Duration = Duration::from_secs(10);

/// A HAPI in a process of its own.
struct Program {
    handle: duct::Handle,
    address: String,
}

impl Program {
    fn start(folder: &Path, database: Value) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = format!("127.0.0.1:{port}");
        let config = json!({"listen": address, "mock_slow_ms": 2500, "database": database});
        let path = folder.join("config.yaml");
        std::fs::write(&path, config.to_string()).unwrap();
        let handle = cmd!(env!("CARGO_BIN_EXE_holmesgpt-api")).env("HAPI_CONFIG", path).stdout_null().unchecked();
        Self { handle: handle.start().unwrap(), address }
    }

    async fn call(&self, method: &str, path: &str, body: String) -> Option<(StatusCode, String)> {
        let request = Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        let response =
            Client::builder(TokioExecutor::new()).build_http().request(request.body(Body::from(body)).unwrap());
        let response = response.await.ok()?;
        let status = response.status();
        let body = response.into_body().collect().await.ok()?.to_bytes();
        Some((status, String::from_utf8_lossy(&body).into_owned()))
    }

    async fn is(&self, path: &str, status: StatusCode) -> bool {
        self.call("GET", path, String::new()).await.is_some_and(|answer| answer.0 == status)
    }

    async fn metric(&self, name: &str) -> Option<u64> {
        let (_, metrics) = self.call("GET", "/metrics", String::new()).await?;
        metrics.lines().find_map(|line| line.strip_prefix(name))?.parse().ok()
    }

    fn terminate(&self) {
        send(&self.handle, Signal::TERM);
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.handle.kill().ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_starts_before_its_database_stays_small_and_ends_what_is_in_flight() {
    let mut server = PostgresServer::start();
    server.stop();
    let folder = tempfile::tempdir().unwrap();
    let program = Program::start(folder.path(), server.config("holmesgpt"));
    until("it listens", async || program.is("/health", StatusCode::OK).await).await;
    assert!(program.is("/ready", StatusCode::SERVICE_UNAVAILABLE).await, "without a database");
    server.restart();
    until("it is ready", async || program.is("/ready", StatusCode::OK).await).await;

    let resident = program.metric("process_resident_memory_bytes ").await.unwrap();
    assert!(resident <= 64 << 20, "{resident} bytes resident");
    let (_, config) = program.call("GET", "/config", String::new()).await.unwrap();
    assert!(config.contains("holmesgpt") && !config.contains("password"), "{config}");

    // Asked to stop while it works: no longer ready, at once; what is in flight has its answer; and it ends well.
    let slow = program.call("POST", INCIDENT, incident("MOCK_SLOW").to_string());
    let stopping = async {
        until("it works", async || program.metric("hapi_analyses_in_flight ").await == Some(1)).await;
        program.terminate();
        until("it drains", async || program.is("/ready", StatusCode::SERVICE_UNAVAILABLE).await).await;
    };
    let (answer, ()) = tokio::join!(slow, stopping);
    assert_eq!(answer.unwrap().0, StatusCode::OK);
    let asked = Instant::now();
    until("it has ended", async || program.handle.try_wait().unwrap().is_some()).await;
    assert!(asked.elapsed() < END);
    assert!(program.handle.wait().unwrap().status.success());
}
