//! For tests of the services: a PostgreSQL of their own, calls of a router, and waiting for a fact.
#![allow(clippy::unwrap_used, reason = "a part of tests, which fail by panicking")]

pub mod container;

use std::{env, fs, net::TcpListener, path::PathBuf, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request, StatusCode},
};
use duct::cmd;
use rustix::process::Pid;
pub use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;

use self::container::Container;
use crate::postgres::Postgres;

/// Where Debian's packages put each version.
const VERSIONS: &str = "/usr/lib/postgresql";

/// A PostgreSQL server on loopback: from this host's package in a temporary folder, or else from the image of this
/// repository's recipe. Gone when dropped.
pub struct PostgresServer {
    folder: TempDir,
    /// The host's programs; without them a container is used.
    bin: Option<PathBuf>,
    port: u16,
    options: Vec<String>,
    process: Option<duct::Handle>,
    container: Option<Container>,
}

impl PostgresServer {
    /// Starts with an empty database; it serves a moment later. It does not survive the machine: tests do not mind.
    pub fn start() -> Self {
        Self::start_with(&["-c", "fsync=off"])
    }

    /// The same, with these options of the server instead.
    pub fn start_with(options: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("postgresql-").tempdir().unwrap();
        fs::write(folder.path().join("password"), "not-asked-for").unwrap();
        let (bin, port) = (newest_bin(), free_port());
        if bin.is_some() && is_root() {
            // PostgreSQL refuses to run as root.
            cmd!("chown", "postgres", folder.path()).run().unwrap();
        }
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        let mut server = Self { folder, bin, port, options, process: None, container: None };
        server.restart_empty();
        server
    }

    /// Stops at once, as a pod that is killed.
    pub fn stop(&mut self) {
        if let Some(container) = &self.container {
            container.stop();
        }
        let Some(process) = self.process.take() else { return };
        // `pg_ctl stop` does this, too, but fails when the server has not yet written down who it is. Again and again,
        // because a server that begins in a shell's background job ignores the signal until it has its own handlers.
        while process.try_wait().unwrap().is_none() {
            send(&process, Signal::QUIT);
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }

    /// Starts with what it had, as a pod on a volume that stays.
    pub fn restart(&mut self) {
        self.stop();
        if let Some(container) = &self.container {
            container.start();
            return;
        }
        let (data, port) = (self.data(), self.port.to_string());
        let sockets = self.folder.path().to_str().unwrap();
        let mut options = vec!["-D", &data, "-p", &port, "-k", sockets, "-c", "listen_addresses=127.0.0.1"];
        options.extend(self.options.iter().map(String::as_str));
        self.process = Some(self.command("postgres", &options).stderr_null().unchecked().start().unwrap());
    }

    /// Starts with a new, empty database, as a pod on an empty volume: with the role that the manifests give the services.
    pub fn restart_empty(&mut self) {
        self.stop();
        let init = self.folder.path().join("init.sql");
        fs::write(&init, init_script()).unwrap();
        let init = init.to_str().unwrap();
        if self.bin.is_none() {
            // The old one goes first: it has the port.
            self.container = None;
            let environment = [
                "POSTGRES_USER=postgres",
                "POSTGRES_PASSWORD=not-asked-for",
                "POSTGRES_DB=action_history",
                "SERVICE_USER=slm_user",
                "SERVICE_PASSWORD=not-asked-for",
            ];
            let options: Vec<&str> = self.options.iter().map(String::as_str).collect();
            let mount = format!("{init}:/docker-entrypoint-initdb.d/init.sql:ro");
            self.container = Some(Container::run("postgres", self.port, 5432, &environment, &[&mount], &options));
            return;
        }
        let data = self.data();
        cmd!("rm", "-rf", &data).run().unwrap();
        let initdb = ["-D", &data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--no-locale"];
        self.command("initdb", &initdb).stdout_null().run().unwrap();
        // What the image's entrypoint does: a temporary server, on a socket only.
        let sockets = self.folder.path().to_str().unwrap();
        let options = format!("-k {sockets} -c listen_addresses='' -c fsync=off");
        self.command("pg_ctl", &["-D", &data, "-o", &options, "-w", "-s", "start"]).stdout_null().run().unwrap();
        let psql = ["-h", sockets, "-U", "postgres", "-X", "-q", "-v", "ON_ERROR_STOP=1"];
        let create = ["-d", "postgres", "-c", "CREATE DATABASE action_history"];
        self.command("psql", &[&psql[..], &create].concat()).run().unwrap();
        let role = self.command("psql", &[&psql[..], &["-d", "action_history", "-f", init]].concat());
        role.env("SERVICE_USER", "slm_user").env("SERVICE_PASSWORD", "not-asked-for").run().unwrap();
        self.command("pg_ctl", &["-D", &data, "-m", "fast", "-w", "-s", "stop"]).stdout_null().run().unwrap();
        self.restart();
    }

    fn data(&self) -> String {
        self.folder.path().join("data").to_str().unwrap().to_owned()
    }

    fn command(&self, program: &str, arguments: &[&str]) -> duct::Expression {
        let bin = self.bin.as_ref().unwrap();
        let program = bin.join(program).to_str().unwrap().to_owned();
        let mut words: Vec<&str> = Vec::new();
        if is_root() {
            words.extend(["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]);
        }
        words.push(&program);
        words.extend(arguments);
        duct::cmd(words[0], &words[1..]).dir("/")
    }

    /// The `database` part of a service's configuration.
    pub fn config(&self, schema: &str) -> Value {
        json!({
            "host": "127.0.0.1", "port": self.port, "database": "action_history", "user": "slm_user", "schema": schema,
            "password_file": self.folder.path().join("password"),
        })
    }

    /// A service's access to it.
    pub fn postgres(&self, schema: &str) -> Postgres {
        Postgres::new(&serde_json::from_value(self.config(schema)).unwrap(), "test").unwrap()
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What the manifests run when a database is made.
fn init_script() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../manifests/postgresql/base/configmap.yaml");
    let manifest: Value = serde_saphyr::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    manifest["data"]["10-defaults.sql"].as_str().unwrap().to_owned()
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Sends a signal to a process; to one that has ended, nothing. Hosts need not have `kill`.
pub fn send(process: &duct::Handle, signal: Signal) {
    for pid in process.pids() {
        let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
        let _ = rustix::process::kill_process(pid, signal);
    }
}

/// Where the host's programs are, unless `TEST_IN_CONTAINERS` is set.
fn newest_bin() -> Option<PathBuf> {
    if env::var_os("TEST_IN_CONTAINERS").is_some() {
        return None;
    }
    let versions = fs::read_dir(VERSIONS).into_iter().flatten().flatten();
    let bins = versions.map(|version| version.path().join("bin")).filter(|bin| bin.join("initdb").exists());
    bins.max()
}

/// A port of loopback that nobody has at the moment.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// What a router answered.
#[derive(Debug, Clone)]
pub struct Reply {
    /// HTTP status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, if it is JSON.
    pub body: Value,
}

impl Reply {
    /// A header's text; empty when there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The fields that a problem names, in its order.
    pub fn bad_fields(&self) -> Vec<&str> {
        let errors = self.body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        errors.iter().map(|error| error["field"].as_str().unwrap()).collect()
    }
}

/// One call of a router, without a network.
pub async fn call(router: &Router, method: &str, path: &str, body: impl Into<Body>) -> Reply {
    let request = Request::builder().method(method).uri(path).body(body.into()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let bytes = to_bytes(response.into_body(), 16 << 20).await.unwrap();
    Reply { status, headers, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null) }
}

/// Waits until a check says so, half a minute at most.
pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let mut ticks = tokio::time::interval(Duration::from_millis(20));
    for _ in 0..1500 {
        ticks.tick().await;
        if is_so().await {
            return;
        }
    }
    panic!("{what}: not within 30 s");
}
