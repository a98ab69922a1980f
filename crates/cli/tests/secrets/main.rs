//! Nothing secret is written anywhere: secrets are planted in every place from which the harness quotes, every command
//! is run, and everything that was written is searched.

#![expect(clippy::unwrap_used, reason = "a test that cannot prepare its host has failed")]

mod api;
mod plants;
#[allow(dead_code, reason = "other tests use the rest of it")]
#[path = "../cli/support.rs"]
mod support;

use std::path::Path;

use plants::{PLANTS, assert_no_plant, encodings};
use serde_json::{Value, json};
use support::{Ended, Host};

const STATE: &str = "home/.local/state/kind-harness";

/// A suite in which every component waits for something, and all of it is quoted at the deadline.
fn suite(provider: &str) -> String {
    format!(
        "suite: tiny\nnamespace: tiny\n{provider}images: registry\ndeadline: 3s\nretry: {{attempts: 1}}\n\
         components:\n  - {{name: crashing, manifests: [crashing.yaml]}}\n  - {{name: pulling, manifests: [pulling.yaml]}}\n  \
         - name: answering\n    manifests: [answering.yaml]\n    checks:\n      - {{service: 'answering:80', path: /health}}\n  \
         - name: running\n    manifests: [running.yaml]\n    checks:\n      - {{exec: [psql, --password, {}, -c, select]}}\n",
        PLANTS.check_argument
    )
}

/// A host with the suite, its manifests and a kubeconfig of an API server in which everything is planted.
fn host(server: &api::Server) -> Host {
    let host = Host::ready();
    host.write("suite/e2e.yaml", &suite("cluster: {provider: existing, context: c}\n"));
    for (file, text) in plants::manifests() {
        host.write(&format!("suite/{file}"), &text);
    }
    host.write("kubeconfig", &kubeconfig(server));
    host
}

fn kubeconfig(server: &api::Server) -> String {
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": format!("http://{}", server.address)}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": {"token": PLANTS.kubeconfig_token}}],
    });
    kubeconfig.to_string()
}

/// A host on which a cluster `t` of ours runs the suite, as far as its record tells.
fn host_with_cluster(server: &api::Server) -> Host {
    let host = host(server);
    host.write("suite/e2e.yaml", &suite(""));
    let record = json!({
        "name": "t", "suite": "e2e.yaml", "namespace": "tiny", "provider": "kind", "context": null, "shape": "",
        "engine": {"kind": "podman", "containers_conf": null}, "nodes": [{"name": "t-control-plane", "id": "1f2e"}],
        "ports": {}, "created": "2026-01-01T00:00:00Z", "deployment": null,
    });
    host.write(&format!("{STATE}/t/cluster.json"), &record.to_string());
    host.write(&format!("{STATE}/t/kubeconfig"), &kubeconfig(server));
    let at = "2026-01-01T00:00:00Z";
    let states = json!({"crashing": {"state": "failed", "since": at, "attempts": 1, "history": [["pending", at]],
        "lastError": format!("refused: {}", PLANTS.last_error)}});
    host.write(&format!("{STATE}/t/states.json"), &states.to_string());
    // What a failing command says, and one that does not fail.
    let engine = format!(
        "#!/bin/sh\ncase \"$*\" in *kubelet*) echo 'kubelet: {0}' ;; *) echo 'no journal: {0}' >&2; exit 1 ;; esac\n",
        PLANTS.command_output
    );
    host.program("podman", &engine);
    host
}

/// Everything below `folder` as text. Kubeconfigs are left out, because credentials are what they are for, and so are inventories:
/// they hold what adopted Secrets are given back, for their user alone, until `down`.
fn files(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, found);
        } else if !["kubeconfig", "objects.json"].iter().any(|name| path.ends_with(name)) {
            found.push((
                path.display().to_string(),
                String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned(),
            ));
        }
    }
}

fn written(host: &Host) -> Vec<(String, String)> {
    let mut found = Vec::new();
    files(&host.path("home"), &mut found);
    files(&host.path("out"), &mut found);
    assert!(!found.is_empty());
    found
}

fn assert_clean(what: &str, ended: &Ended) {
    assert_no_plant(&format!("standard output of {what}"), &ended.stdout);
    assert_no_plant(&format!("standard error of {what}"), &ended.stderr);
}

#[test]
fn nothing_of_a_failed_run_is_secret() {
    let server = api::Server::start();
    let host = host(&server);
    std::fs::create_dir(host.path("out")).unwrap();
    let up = ["up", "--keep", "-o", "json", "--record", "../out/run.jsonl", "--report", "../out/report.json"];
    let command = host.command(&up).env("KUBECONFIG", host.path("kubeconfig")).env("KIND_HARNESS_DEBUG", "1");
    let ended = Ended::from(&command.run().unwrap());
    assert_clean("up", &ended);
    // What is about secrets is still there.
    ended.failed_with(
        8,
        &[
            "answers 404 Not Found instead of 200: database ***",
            "`psql --password *** -c select`",
            "log, last ",
            "postgres://shop:***@db:5432/shop",
        ],
    );
    serde_json::from_str::<Value>(&ended.stdout).unwrap();
    for (name, text) in written(&host) {
        assert_no_plant(&name, &text);
    }
    let recording = std::fs::read_to_string(host.path("out/run.jsonl")).unwrap();
    for part in [
        "\"kind\":\"Widget\"",
        "\"message\":\"refused ***",
        "\"password\":\"***\"",
        "\"command\":[\"psql\",\"--password\",\"***\"",
    ] {
        assert!(recording.contains(part), "{part} is not in {recording}");
    }
    for args in [vec!["replay", "../out/run.jsonl"], vec!["replay", "../out/run.jsonl", "-o", "json"]] {
        let replayed = host.run(&args);
        assert_eq!(replayed.code, Some(8), "{}{}", replayed.stdout, replayed.stderr);
        assert!(replayed.stdout.contains("robot:***@registry.example"), "{}", replayed.stdout);
        assert_clean("replay", &replayed);
    }
}

#[test]
fn nothing_that_is_asked_of_a_cluster_is_secret() {
    let server = api::Server::start();
    let host = host_with_cluster(&server);
    for (args, part) in [
        (&["status", "--name", "t"][..], "crashing"),
        (&["status", "--json", "--name", "t"], "\"lastError\": \"refused: ***\""),
        (&["status", "--why", "--name", "t"], "***"),
        (&["status", "--why", "-o", "json", "--name", "t"], "***"),
        (&["health", "--name", "t"], "answers 404 Not Found instead of 200: database ***"),
        (&["health", "-o", "json", "--name", "t"], "database ***"),
        (&["logs", "--name", "t"], "postgres://shop:***@db:5432/shop"),
        (&["bundle", "--to", "../out", "--name", "t"], "out"),
        (&["plan"], "running"),
        (&["plan", "--json"], "running"),
        (&["render"], "(not shown)"),
        (&["render", "-o", "json"], "(not shown)"),
    ] {
        let ended = Ended::from(&host.command(args).env("KIND_HARNESS_DEBUG", "1").run().unwrap());
        assert!(ended.stdout.contains(part), "{args:?}: {}{}", ended.stdout, ended.stderr);
        assert!(!ended.stderr.contains("cannot be listed"), "{}", ended.stderr);
        assert_clean(&args.join(" "), &ended);
    }
    let bundle = written(&host);
    for (name, text) in &bundle {
        // Put there by the test.
        if !name.ends_with("states.json") {
            assert_no_plant(name, text);
        }
    }
    for file in ["kubelet.log", "events.txt", "configmap-repeating.yaml", "widget-w.yaml", "app.log", "summary.txt"] {
        let (_, text) = bundle.iter().find(|(name, _)| name.ends_with(file)).unwrap_or_else(|| panic!("no {file}"));
        assert!(text.contains("***"), "{file}: {text}");
    }
}

#[test]
fn no_verdict_on_saved_objects_is_secret() {
    let host = Host::bare();
    host.write("saved.yaml", &plants::saved().to_string());
    for args in [&["verdict", "-f", "../saved.yaml"][..], &["verdict", "-f", "../saved.yaml", "-o", "json"]] {
        let ended = host.run(args);
        assert!(ended.stdout.contains("***"), "{}{}", ended.stdout, ended.stderr);
        assert_clean("verdict", &ended);
    }
}

#[test]
fn a_mistake_in_a_manifest_keeps_its_caret_and_no_secret() {
    let server = api::Server::start();
    let host = host(&server);
    let (value, mistake) = (PLANTS.string_data, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, nam: PLANT}\n");
    host.write("suite/running.yaml", &mistake.replace("PLANT", value));
    let ended = host.run(&["plan"]);
    ended.failed_with(2, &["nam", "^"]);
    assert_clean("plan", &ended);
    let line =
        ended.stderr.lines().find(|line| line.contains("nam: ***")).unwrap_or_else(|| panic!("{}", ended.stderr));
    assert!(line.ends_with(&format!("{}}}", "*".repeat(value.len()))), "{line}");
}

#[test]
fn where_secrets_cannot_be_listed_it_is_said_once_and_fields_are_masked() {
    let server = api::Server::start();
    server.forbid("secrets");
    let host = host_with_cluster(&server);
    let (why, bundle) = (["status", "--why", "--name", "t"], ["bundle", "--to", "../out", "--name", "t"]);
    let ended = host.run(&why);
    assert_eq!(ended.stderr.matches("Secrets in namespace tiny cannot be listed").count(), 1, "{}", ended.stderr);
    assert!(host.run(&bundle).stderr.contains("masked only where a field or a shape shows them"));
    let mut all = written(&host);
    all.retain(|(name, _)| !name.ends_with("states.json"));
    all.push(("status --why".into(), ended.stdout));
    for (name, text) in &all {
        for (place, value) in PLANTS.by_field() {
            for encoded in encodings(value) {
                assert!(!text.contains(&encoded), "the secret of {place} is in {name} as {encoded}:\n{text}");
            }
        }
    }
}
