//! What a person sees of a cluster in which something fails. Its API server answers lists and logs, and nothing else.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::Host;

/// A suite whose one pod crashes, and the record of its cluster `t`.
fn host() -> Host {
    let host = Host::ready();
    host.write("suite/app.yaml", "{apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {containers: []}}");
    let address = serve();
    let folder = "home/.local/state/kind-harness/t";
    std::fs::create_dir_all(host.path(folder)).unwrap();
    let record = json!({
        "name": "t", "suite": "e2e.yaml", "namespace": "tiny", "provider": "kind", "context": null, "shape": "",
        "engine": {"kind": "podman", "containers_conf": null}, "nodes": [{"name": "t-control-plane", "id": "1f2e"}],
        "ports": {}, "created": "2026-01-01T00:00:00Z", "deployment": null,
    });
    host.write(&format!("{folder}/cluster.json"), &record.to_string());
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": format!("http://{address}")}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": {"token": "the-token-of-the-kubeconfig"}}],
    });
    host.write(&format!("{folder}/kubeconfig"), &kubeconfig.to_string());
    host.program("podman", "#!/bin/sh\necho \"podman $*\" >> \"$CALLS\"\necho \"log of $4, refused hunter2222\"\n");
    host
}

/// Answers for as long as the test runs.
fn serve() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let asked = lines.next().unwrap_or_default();
            lines.take_while(|line| !line.is_empty()).for_each(drop);
            let body = answer(asked.split([' ', '?']).nth(1).unwrap_or_default());
            let length = body.len();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
            let _ = stream.write_all((head + &body).as_bytes());
        }
    });
    address
}

fn answer(path: &str) -> String {
    let status = json!({"name": "app", "image": "i", "ready": false, "restartCount": 4,
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": {"exitCode": 3, "reason": "Error"}}});
    let metadata = json!({"name": "web", "namespace": "tiny", "creationTimestamp": "2020-01-01T00:00:00Z"});
    let items = match path.rsplit('/').next().unwrap_or_default() {
        "log" => return "connecting with hunter2222\nrefused\n".into(),
        "pods" => json!([{"metadata": metadata, "status": {"phase": "Running", "containerStatuses": [status]}}]),
        "secrets" => json!([{"metadata": {"name": "s", "namespace": "tiny"}, "data": {"p": "aHVudGVyMjIyMg=="}}]),
        _ => json!([]),
    };
    json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": items}).to_string()
}

#[test]
fn status_says_why_at_any_time() {
    let host = host();
    let status = host.run(&["status", "--name", "t"]);
    assert_eq!(status.code, Some(7), "{}{}", status.stdout, status.stderr);
    let why = host.run(&["status", "--why", "--name", "t"]);
    assert_eq!(why.code, Some(7), "{}", why.stderr);
    for words in [
        "1 of 1 not ready; root cause: pod/web: container app keeps crashing: exit code 3, 4 restarts\n",
        "next: kubectl -n tiny logs web -c app --previous\n",
        "| connecting with ***\n",
    ] {
        assert!(why.stdout.contains(words), "{words:?} is not in:\n{}", why.stdout);
    }
    let fields = host.run(&["status", "--why", "app", "-o", "json", "--name", "t"]).stdout;
    let fields: Value = serde_json::from_str(&fields).unwrap();
    assert_eq!(fields["root_causes"][0]["object"], "pod/web");
    assert_eq!(fields["components"][0]["parts"][0]["parts"][0]["name"], "container app");
}

#[test]
fn a_bundle_at_any_time() {
    let host = host();
    let made = host.run(&["bundle", "--to", "../out", "--name", "t"]);
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    let folder = host.path("suite").join(made.stdout.trim());
    let read =
        |path: &str| std::fs::read_to_string(folder.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    assert!(read("summary.txt").starts_with("1 of 1 not ready; root cause: pod/web: "), "{}", read("summary.txt"));
    assert_eq!(read("logs/tiny/web/app.previous.log"), "connecting with ***\nrefused\n");
    assert_eq!(read("nodes/t-control-plane/kubelet.log"), "log of --no-pager, refused ***\n");
    assert!(read("objects/tiny/secret-s.yaml").contains("***"));
    let calls = host.calls();
    assert!(calls.contains("podman exec t-control-plane journalctl --no-pager --unit containerd"), "{calls}");
    let all =
        duct::cmd!("grep", "-rlE", "hunter2222|the-token-of", &folder).unchecked().stdout_capture().run().unwrap();
    assert_eq!(String::from_utf8_lossy(&all.stdout), "");

    let made = host.run(&["bundle", "-o", "json", "--name", "t"]);
    let told: Value = serde_json::from_str(&made.stdout).unwrap();
    let folder = PathBuf::from(told["bundle"].as_str().unwrap());
    assert_eq!(folder.parent().unwrap(), host.path("home/.local/state/kind-harness/bundles"));
}
