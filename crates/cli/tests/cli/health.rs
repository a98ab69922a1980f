//! `health` and `serve` in an environment that is up.

use std::io::{Read, Write};
use std::net::TcpStream;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::guest::Guest;
use crate::support::{Ended, matching};

fn up() -> Guest {
    let guest = Guest::new();
    guest.host.write("suite/more.yaml", "{apiVersion: v1, kind: ConfigMap, metadata: {name: more}}");
    guest.suite("c", &["app.yaml", "more.yaml"]);
    guest.done(&["up"]);
    guest
}

/// A command that runs until a signal, and writes its output to a file.
struct Running<'a> {
    guest: &'a Guest,
    handle: duct::Handle,
}

impl<'a> Running<'a> {
    fn start(guest: &'a Guest, args: &str) -> Running<'a> {
        let command = format!("exec {} {args} >../printed", env!("CARGO_BIN_EXE_kind-harness"));
        let command = guest.host.here(&duct::cmd("sh", ["-c", &command]));
        let command = command.env("KUBECONFIG", guest.host.path("kubeconfig")).stdin_null();
        Running { guest, handle: command.start().unwrap() }
    }

    /// Returns the lines that it has printed, as soon as there are so many.
    #[track_caller]
    fn lines(&self, count: usize) -> Vec<String> {
        let printed = || std::fs::read_to_string(self.guest.host.path("printed")).unwrap_or_default();
        self.guest.host.eventually("printed", || printed().matches('\n').count() >= count);
        printed().lines().map(str::to_owned).collect()
    }

    fn terminate(self) -> Ended {
        let pid = i32::try_from(self.handle.pids()[0]).ok().and_then(Pid::from_raw).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        Ended::from(self.handle.wait().unwrap())
    }
}

fn get(url: &str, path: &str) -> (u16, String) {
    let address = url.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

#[test]
fn the_exit_code_follows_the_health() {
    let guest = up();
    let healthy = guest.done(&["health", "-o", "json"]).json("health");
    assert_eq!(healthy["status"], "healthy");
    assert_eq!(healthy["infrastructure"]["services"]["part1"]["state"], "up");
    assert_eq!(healthy["infrastructure"]["circuit_breakers"], Value::Null);
    assert_eq!(healthy["infrastructure"]["startup_metrics"]["components"], 2);

    guest.api.remove("configmaps", "tiny", "more");
    let ended = guest.run(&["health"]);
    assert_eq!(ended.code, Some(7), "{}", ended.stderr);
    assert!(ended.stdout.starts_with("degraded: cluster guest\n"), "{}", ended.stdout);
    assert!(ended.stdout.contains("part1") && ended.stdout.contains("does not exist"), "{}", ended.stdout);
}

#[test]
fn a_watch_prints_a_line_for_each_change() {
    let guest = up();
    let watch = Running::start(&guest, "health --watch -o json");
    watch.lines(1);
    guest.api.remove("configmaps", "tiny", "more");
    let lines = watch.lines(2);
    let status = |line: &String| matching("health", serde_json::from_str(line).unwrap())["status"].clone();
    assert_eq!(lines.iter().map(status).collect::<Vec<_>>(), ["healthy", "degraded"]);
    assert_eq!(watch.terminate().code, Some(130));
}

#[test]
fn it_serves_until_a_signal() {
    let guest = up();
    let server = Running::start(&guest, "serve --listen 127.0.0.1:0 --quiet");
    let line = server.lines(1).remove(0);
    let url = line.split(' ').find(|word| word.starts_with("http://127.0.0.1:")).unwrap();
    guest.host.eventually("healthy", || get(url, "/health").0 == 200);
    let (status, report) = get(url, "/report");
    assert_eq!(status, 200);
    matching("report", serde_json::from_str(&report).unwrap());
    let metrics = get(url, "/metrics").1;
    for part in ["component_up{suite=\"guest\",cluster=\"guest\",component=\"part0\"} 1\n", "startup_seconds{"] {
        assert!(metrics.contains(&format!("kind_harness_{part}")), "{metrics}");
    }
    let ended = server.terminate();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(130), ""));
}

/// Another `up` deploys other objects, and is another last run.
#[test]
fn it_follows_another_up() {
    let guest = up();
    let server = Running::start(&guest, "serve --listen 127.0.0.1:0");
    let line = server.lines(1).remove(0);
    let url = line.split(' ').find(|word| word.starts_with("http://127.0.0.1:")).unwrap();
    let health = || serde_json::from_str::<Value>(&get(url, "/health").1).unwrap();
    guest.host.eventually("healthy", || health()["status"] == "healthy");
    let last_run = || health()["infrastructure"]["startup_metrics"]["run"].clone();
    let first = last_run();
    guest.host.write("suite/more.yaml", "{apiVersion: v1, kind: ConfigMap, metadata: {name: another}}");
    guest.done(&["up"]);
    let now = jiff::Timestamp::now();
    guest.host.eventually("the new object is asked for", || {
        let service = &health()["infrastructure"]["services"]["part1"];
        let asked: jiff::Timestamp = service["asked"].as_str().unwrap().parse().unwrap();
        asked > now && service["state"] == "up"
    });
    guest.host.eventually("the new run is told", || last_run() != first);
    server.terminate();
}

#[test]
fn an_address_for_others_is_warned_about_and_a_wrong_one_is_refused() {
    let guest = up();
    let server = Running::start(&guest, "serve --listen 0.0.0.0:0 -o json");
    let told: String = server.lines(3).concat();
    let told = matching("serve", serde_json::from_str(&told).unwrap());
    assert!(told["url"].as_str().unwrap().starts_with("http://0.0.0.0:"), "{told}");
    let ended = server.terminate();
    assert!(ended.stderr.contains("is not a loopback address"), "{}", ended.stderr);
    guest.run(&["serve", "--listen", "here"]).failed_with(2, &["--listen"]);
}
