//! `dev`: what is saved is deployed, and a line says so. `DEV_ROUNDS=6` measures how soon.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Example, get};

const SUITE: &str = "\
suite: dev
namespace: dev
components:
  - name: settings
    manifests: [settings.yaml]
  - name: service
    images: [{ name: dev/service, cargo: service }]
    manifests: [service.yaml]
    ports: [{ name: http, node: 30080, host: auto }]
    checks: [{ port: http, path: / }]
";

const SETTINGS: &str = "{apiVersion: v1, kind: ConfigMap, metadata: {name: settings}, data: {text: round-0}}\n";

const SERVICE: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: { name: service }
spec:
  selector: { matchLabels: { app: service } }
  template:
    metadata: { labels: { app: service } }
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: service
          image: dev/service
          env: [{ name: ROUND, value: round-0 }]
          readinessProbe: { httpGet: { path: /, port: 8080 }, periodSeconds: 1 }
---
apiVersion: v1
kind: Service
metadata: { name: service }
spec: { type: NodePort, selector: { app: service }, ports: [{ port: 80, targetPort: 8080, nodePort: 30080 }] }
";

const PROGRAM: &str = r#"use std::io::{Read, Write};
fn main() {
    let round = std::env::var("ROUND").unwrap_or_default();
    for mut stream in std::net::TcpListener::bind("0.0.0.0:8080").unwrap().incoming().flatten() {
        let _ = stream.read(&mut [0; 1024]);
        let _ = write!(stream, "HTTP/1.0 200 OK\r\n\r\nmanifest {round}, program round-0");
    }
}
"#;

/// Whether a line tells the end of a round: `12:34:56 service.yaml changed: ready after 2.0 s`.
fn is_told(line: &str) -> bool {
    [2, 5].iter().all(|at| line.get(*at..at + 1) == Some(":")) && line.get(8..9) == Some(" ")
}

/// Saves `path` with another round's number.
fn save(path: &Path, round: u64) {
    let text = std::fs::read_to_string(path).expect("a file");
    let (before, rest) = text.split_once("round-").expect("a round");
    let after = rest.trim_start_matches(|digit: char| digit.is_ascii_digit());
    std::fs::write(path, format!("{before}round-{round}{after}")).expect("a file");
}

/// The seconds that cargo took in the run that was last.
fn cargo(example: &Example) -> f64 {
    let (_, report, _) = example.run(&["report", "-o", "json"]);
    let report: Value = serde_json::from_str(&report).expect("JSON");
    let step = report["steps"].as_array().expect("steps").iter().find(|step| step["step"] == "cargo");
    let second = |key: &str| step.and_then(|step| step[key].as_f64()).unwrap_or_default();
    second("end") - second("start")
}

#[test]
fn what_is_saved_is_deployed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let package = "[package]\nname = \"service\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
    std::fs::create_dir(path("src")).expect("a folder");
    let files = [("e2e.yaml", SUITE), ("settings.yaml", SETTINGS), ("service.yaml", SERVICE), ("Cargo.toml", package)];
    for (name, text) in files.into_iter().chain([("src/main.rs", PROGRAM)]) {
        std::fs::write(path(name), text).expect("a file");
    }
    let state = Box::leak(path("state").display().to_string().into_boxed_str());
    let example = Example::new(folder.path().to_owned(), &[("XDG_STATE_HOME", state), ("NO_COLOR", "1")]);
    let dev = example.command(&["dev"]).stderr_to_stdout().unchecked().reader().expect("the program");
    let mut said = String::new();
    let mut lines = BufReader::new(&dev).lines().map_while(Result::ok);
    let mut next = || {
        let line = lines.by_ref().inspect(|line| said.push_str(&format!("{line}\n"))).find(|line| is_told(line));
        line.unwrap_or_else(|| panic!("dev has ended:\n{said}"))
    };
    assert!(next().contains("begun: ready after"));
    let up = example.up();
    let rounds = std::env::var("DEV_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(1);
    // Numbers of other times, so that no image is there already.
    let first = std::time::UNIX_EPOCH.elapsed().expect("a clock").as_secs();
    for name in ["settings.yaml", "service.yaml", "src/main.rs"] {
        for round in first..first + rounds {
            let saved = Instant::now();
            save(&path(name), round);
            let line = next();
            let (took, of_cargo) = (saved.elapsed(), cargo(&example));
            assert!(line.contains(&format!("{name} changed: ready after")), "{line}");
            println!("{name}: {:.2} s, of which cargo {of_cargo:.2} s", took.as_secs_f64());
            if name != "settings.yaml" {
                let part = if name == "service.yaml" { "manifest" } else { "program" };
                let answer = get(&up, "service", "http", "/");
                assert!(answer.contains(&format!("{part} round-{round}")), "{answer}");
            }
            // A file's time must differ from that of the round before.
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }
    dev.kill().expect("it is killed");
}
