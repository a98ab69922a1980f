//! The suites under examples/: brought up as their users would, looked at, changed, and taken down; one after the other.

mod bad;
mod dev;
mod polyglot;
mod shop;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use kube::Client;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::Value;

/// One cluster at a time: two of them take turns at the same cores.
static CLUSTER: Mutex<()> = Mutex::new(());

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").canonicalize().expect("the examples")
}

/// An example that runs. Dropping it removes its cluster.
struct Example {
    folder: PathBuf,
    env: Vec<(&'static str, &'static str)>,
    _turn: MutexGuard<'static, ()>,
}

impl Example {
    fn new(folder: PathBuf, env: &[(&'static str, &'static str)]) -> Example {
        let turn = CLUSTER.lock().unwrap_or_else(PoisonError::into_inner);
        Example { folder, env: env.to_vec(), _turn: turn }
    }

    /// Returns the name of its cluster.
    fn name() -> String {
        format!("example-{}", std::process::id())
    }

    /// Runs the program; returns whether it succeeded, its output, and what it said on standard error.
    fn run(&self, args: &[&str]) -> (bool, String, String) {
        let (code, out, err) = self.run_to_code(args);
        (code == 0, out, err)
    }

    /// Runs the program; returns its exit code, its output, and what it said on standard error.
    fn run_to_code(&self, args: &[&str]) -> (i32, String, String) {
        let ended = self.command(args).stdout_capture().stderr_capture().unchecked().run().expect("the program");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (ended.status.code().unwrap_or(-1), text(&ended.stdout), text(&ended.stderr))
    }

    /// The program, about to run.
    fn command(&self, args: &[&str]) -> duct::Expression {
        let run = duct::cmd(env!("CARGO_BIN_EXE_kind-harness"), args).dir(&self.folder);
        let run = self.env.iter().fold(run, |run, (name, value)| run.env(name, value));
        run.env("KIND_HARNESS_NAME", Example::name()).env("KIND_HARNESS_YES", "1")
    }

    /// Brings it up; returns what `up -o json` prints.
    fn up(&self) -> Value {
        let (success, out, err) = self.run(&["up", "-o", "json"]);
        assert!(success, "{out}{err}");
        serde_json::from_str(&out).expect("JSON")
    }

    fn client(&self, up: &Value) -> Client {
        let path = Path::new(up["kubeconfig"].as_str().expect("a path"));
        let options = KubeConfigOptions::default();
        let kubeconfig = Kubeconfig::read_from(path).expect("a kubeconfig");
        let config = block_on(kube::Config::from_custom_kubeconfig(kubeconfig, &options)).expect("a configuration");
        let _entered = runtime().enter();
        Client::try_from(config).expect("a client")
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let (success, out, err) = self.run(&["down"]);
        assert!(success || std::thread::panicking(), "{out}{err}");
    }
}

fn runtime() -> &'static tokio::runtime::Runtime {
    static RUNTIME: std::sync::LazyLock<tokio::runtime::Runtime> =
        std::sync::LazyLock::new(|| tokio::runtime::Runtime::new().expect("a runtime"));
    &RUNTIME
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    runtime().block_on(work)
}

/// Returns the body that a port of a component answers with.
fn get(up: &Value, component: &str, port: &str, path: &str) -> String {
    let address = up["endpoints"][component][port].as_str().expect("an address");
    let mut stream = TcpStream::connect(address).expect("a connection");
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {component}\r\n\r\n").expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    assert!(head.contains(" 200 "), "{answer}");
    body.trim().to_owned()
}
