//! What the tests share: a PostgreSQL of their own, and calls of the router.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "a part of tests, of which each file uses a part")]

use std::{net::TcpListener, path::PathBuf, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, StatusCode},
};
use data_storage::{
    http::{App, router},
    metrics::Metrics,
    store::Store,
};
use duct::cmd;
use serde_json::{Value, json};
use service_common::{
    Readiness,
    postgres::{Postgres, PostgresConfig},
    retry,
};
use tempfile::TempDir;
use tower::ServiceExt;

/// A PostgreSQL server from this host's package, in a temporary folder, on loopback; gone when dropped.
pub struct Server {
    folder: TempDir,
    bin: PathBuf,
    pub port: u16,
    process: Option<duct::Handle>,
}

impl Server {
    pub fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("postgresql-").tempdir().unwrap();
        if is_root() {
            // PostgreSQL refuses to run as root.
            cmd!("chown", "postgres", folder.path()).run().unwrap();
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut server = Self { folder, bin: newest_bin(), port, process: None };
        server.restart_empty();
        server
    }

    /// Stops at once, as a pod that is killed.
    pub fn stop(&mut self) {
        let Some(process) = self.process.take() else { return };
        let data = self.data();
        self.command("pg_ctl", &["-D", &data, "-m", "immediate", "stop"]).unchecked().stdout_null().run().unwrap();
        process.wait().unwrap();
    }

    /// Starts with a new, empty database, as a pod on an empty volume.
    pub fn restart_empty(&mut self) {
        self.stop();
        let (data, port) = (self.data(), self.port.to_string());
        cmd!("rm", "-rf", &data).run().unwrap();
        let initdb = ["-D", &data, "-U", "slm_user", "-A", "trust", "--no-sync", "-E", "UTF8", "--no-locale"];
        self.command("initdb", &initdb).stdout_null().run().unwrap();
        let sockets = self.folder.path().to_str().unwrap();
        let options = ["-D", &data, "-p", &port, "-k", sockets, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"];
        self.process = Some(self.command("postgres", &options).stderr_null().unchecked().start().unwrap());
    }

    fn data(&self) -> String {
        self.folder.path().join("data").to_str().unwrap().to_owned()
    }

    fn command(&self, program: &str, arguments: &[&str]) -> duct::Expression {
        let program = self.bin.join(program).to_str().unwrap().to_owned();
        let mut words: Vec<&str> = Vec::new();
        if is_root() {
            words.extend(["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]);
        }
        words.push(&program);
        words.extend(arguments);
        duct::cmd(words[0], &words[1..]).dir("/")
    }

    /// The service's access to it.
    pub fn postgres(&self) -> Postgres {
        let password_file = tempfile::NamedTempFile::new().unwrap();
        let config: PostgresConfig = serde_json::from_value(json!({
            "host": "127.0.0.1", "port": self.port, "database": "postgres", "user": "slm_user",
            "password_file": password_file.path(),
        }))
        .unwrap();
        Postgres::new(&config, "test").unwrap()
    }

    /// A router in front of it, migrated.
    pub async fn api(&self) -> Router {
        let postgres = self.postgres();
        let readiness = Readiness::default();
        let check = readiness.check("database");
        retry::until_ok(&check, || postgres.migrate(sqlx::migrate!())).await;
        let store = Store::new(postgres.pool().clone());
        store.make_months_ahead().await.unwrap();
        router(App { store, readiness, metrics: Metrics::new().0 })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

fn is_root() -> bool {
    cmd!("id", "-u").read().unwrap() == "0"
}

fn newest_bin() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").unwrap().flatten();
    let bins = versions.map(|version| version.path().join("bin")).filter(|bin| bin.join("initdb").exists());
    bins.max().unwrap()
}

/// One call, and its answer.
pub async fn call(router: &Router, method: &str, path: &str, body: impl Into<Body>) -> (StatusCode, Value) {
    let request = Request::builder().method(method).uri(path).body(body.into()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let bytes = to_bytes(response.into_body(), 16 << 20).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

/// A good event.
pub fn event(correlation_id: &str, number: i64) -> Value {
    let time = chrono::Utc::now() + chrono::TimeDelta::milliseconds(number);
    json!({
        "version": "1.0", "event_type": "aianalysis.phase.transition", "event_category": "analysis",
        "event_action": "transition", "event_outcome": "success", "event_timestamp": time.to_rfc3339(),
        "correlation_id": correlation_id, "event_data": {"number": number}, "severity": "info",
    })
}

/// Waits until a check says so; the test's own time limit is the deadline.
pub async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let mut ticks = tokio::time::interval(Duration::from_millis(20));
    for _ in 0..1500 {
        ticks.tick().await;
        if is_so() {
            return;
        }
    }
    panic!("{what}: not within 30 s");
}
