//! What a person sees of a cluster in which something fails. Its API server answers lists and logs, and nothing else.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::support::Host;

const POD: &str = "{apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {containers: []}}";

type Asked = Arc<Mutex<Vec<String>>>;

/// A suite whose one pod crashes, and the record of its cluster `t`.
fn host() -> Host {
    let host = Host::ready();
    host.write("suite/app.yaml", POD);
    let (address, _) = serve(true);
    let folder = "home/.local/state/kind-harness/t";
    std::fs::create_dir_all(host.path(folder)).unwrap();
    let record = json!({
        "name": "t", "suite": "e2e.yaml", "namespace": "tiny", "provider": "kind", "context": null, "shape": "",
        "engine": {"kind": "podman", "containers_conf": null}, "nodes": [{"name": "t-control-plane", "id": "1f2e"}],
        "ports": {}, "created": "2026-01-01T00:00:00Z", "deployment": null,
    });
    host.write(&format!("{folder}/cluster.json"), &record.to_string());
    host.write(&format!("{folder}/kubeconfig"), &kubeconfig(address));
    host.program("podman", "#!/bin/sh\necho \"podman $*\" >> \"$CALLS\"\necho \"log of $4, refused hunter2222\"\n");
    host
}

fn kubeconfig(address: std::net::SocketAddr) -> String {
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": format!("http://{address}")}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": {"token": "the-token-of-the-kubeconfig"}}],
    });
    kubeconfig.to_string()
}

/// Answers for as long as the test runs, and writes down what it was asked. The pod is there from the beginning, or when
/// it is applied.
fn serve(is_there: bool) -> (std::net::SocketAddr, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Asked::default();
    let log = asked.clone();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let head: Vec<_> =
                reader.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
            let length =
                head.iter().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            let _ = reader.read_exact(&mut vec![0; length.unwrap_or(0)]);
            let asked: Vec<_> = head.first().into_iter().flat_map(|line| line.split([' ', '?'])).take(2).collect();
            let was = |verb: &str| log.lock().unwrap().iter().any(|line| line.starts_with(verb));
            let (applied, deleted) = (is_there || was("PATCH "), was("DELETE "));
            log.lock().unwrap().push(asked.join(" "));
            let (code, body) = match asked[..] {
                ["GET", path] if (deleted || !applied) && path.ends_with("/web") => {
                    (404, json!({"code": 404, "status": "Failure", "reason": "NotFound"}).to_string())
                }
                ["GET", path] if !applied && path.ends_with("/tiny") => {
                    (404, json!({"code": 404, "status": "Failure", "reason": "NotFound"}).to_string())
                }
                ["DELETE", path] if deleted && path.ends_with("/web") => {
                    (404, json!({"code": 404, "status": "Failure", "reason": "NotFound"}).to_string())
                }
                [_, path] if deleted && path.ends_with("/pods") => (200, list(&json!([]))),
                _ => (200, answer(asked.first().unwrap_or(&""), asked.last().unwrap_or(&""))),
            };
            let length = body.len();
            let head = format!("HTTP/1.1 {code} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
            let _ = stream.write_all((head + &body).as_bytes());
        }
    });
    (address, asked)
}

fn answer(verb: &str, path: &str) -> String {
    let status = json!({"name": "app", "image": "i", "ready": false, "restartCount": 4,
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": {"exitCode": 3, "reason": "Error"}}});
    let metadata = json!({"name": "web", "namespace": "tiny", "uid": "u", "creationTimestamp": "2020-01-01T00:00:00Z"});
    let pod = json!({"metadata": metadata, "status": {"phase": "Running", "containerStatuses": [status]}});
    let items = match path.rsplit('/').next().unwrap_or_default() {
        "log" => return "connecting with hunter2222\nrefused\n".into(),
        "pods" => json!([pod]),
        "namespaces" if verb == "POST" => return json!({"metadata": {"name": "tiny", "uid": "n"}}).to_string(),
        "tiny" => return json!({"metadata": {"name": "tiny", "uid": "n"}}).to_string(),
        "kube-system" => return json!({"metadata": {"name": "kube-system", "uid": "k"}}).to_string(),
        // As it was applied.
        "web" => return pod.to_string(),
        "v1" if path == "/api/v1" => {
            let kind = json!({"name": "pods", "singularName": "pod", "namespaced": true, "kind": "Pod", "verbs": []});
            return json!({"kind": "APIResourceList", "groupVersion": "v1", "resources": [kind]}).to_string();
        }
        "secrets" => json!([{"metadata": {"name": "s", "namespace": "tiny"}, "data": {"p": "aHVudGVyMjIyMg=="}}]),
        _ => json!([]),
    };
    list(&items)
}

fn list(items: &Value) -> String {
    json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": items}).to_string()
}

/// What the last run left is told beside what is true now.
#[test]
fn status_tells_the_record_and_what_is_true_now() {
    let host = host();
    let at = "2026-01-01T00:00:00Z";
    let life = json!({"state": "ready", "since": at, "attempts": 2, "lastError": "it was refused",
        "history": [["pending", at], ["starting", at], ["failed", at], ["starting", at], ["ready", at]]});
    let folder = "home/.local/state/kind-harness/t";
    host.write(&format!("{folder}/states.json"), &json!({"app": life}).to_string());
    let json = host.run(&["status", "--json", "--name", "t"]);
    assert_eq!(json.code, Some(7), "{}", json.stderr);
    let told = json.json("status");
    let component = &told["components"][0];
    let expected = json!({
        "name": "app", "state": "failed", "since": null, "attempts": 2, "lastError": "it was refused", "recorded": "ready",
        "wave": 1, "needs": [], "ports": {}, "pods": [{"name": "web", "restarts": 4}], "restarts": 4,
    });
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&component[key], value, "{key} of {component:#}");
    }
    assert_eq!((&component["verdict"], &component["reason"]), (&json!("failed"), &json!("CrashLoopBackOff")));
    assert_eq!(component["message"], "container app keeps crashing: exit code 3, 4 restarts");
    let text = host.run(&["status", "--name", "t"]).stdout;
    assert!(text.contains("the last run left it ready"), "{text}");
    // A record that cannot be read is none.
    host.write(&format!("{folder}/states.json"), "{");
    let told = host.run(&["status", "--json", "--name", "t"]).json("status");
    assert_eq!(told["components"][0]["recorded"], Value::Null);
    assert_eq!(told["components"][0]["state"], "failed");
}

#[test]
fn a_component_is_taken_away_and_the_cluster_stays() {
    let host = host();
    let down = host.run(&["down", "--component", "app", "--name", "t"]);
    assert_eq!(down.code, Some(0), "{}", down.stderr);
    assert!(down.stderr.contains("app gone from cluster t in "), "{}", down.stderr);
    assert!(host.path("home/.local/state/kind-harness/t/cluster.json").exists());
    let told = host.run(&["status", "--json", "--name", "t"]).json("status");
    assert_eq!(told["components"][0]["state"], "killed");
    assert_eq!(told["components"][0]["message"], "it does not exist");
    host.run(&["down", "--component", "ap", "--name", "t"]).failed_with(2, &["no component ap", "app"]);
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
    let fields = host.run(&["status", "--why", "app", "-o", "json", "--name", "t"]).json("why");
    assert_eq!(fields["rootCauses"][0]["subject"]["object"]["name"], "web");
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
    let told = made.json("bundle");
    let folder = PathBuf::from(told["bundle"].as_str().unwrap());
    assert_eq!(folder.parent().unwrap(), host.path("home/.local/state/kind-harness/bundles"));
}

/// A suite in an existing cluster, whose one pod crashes once it is applied.
fn guest() -> (Host, Asked) {
    let host = Host::bare();
    let (address, asked) = serve(false);
    host.write("suite/app.yaml", POD);
    host.write("kubeconfig", &kubeconfig(address));
    let suite = "suite: tiny\nnamespace: tiny\ncluster: {provider: existing, context: c}\nimages: registry\n\
                 components:\n  - {name: app, manifests: [app.yaml]}\n";
    host.write("suite/e2e.yaml", suite);
    (host, asked)
}

#[test]
fn a_failed_component_tells_its_root_and_stays() {
    let (host, asked) = guest();
    let run = |args: &[&str]| {
        let command = host.command(args).env("KUBECONFIG", host.path("kubeconfig"));
        crate::support::Ended::from(&command.run().unwrap())
    };
    run(&["up", "--keep"]).failed_with(7, &["what was made is kept: look with `kind-harness status`"]);
    let only = run(&["up", "--only", "app", "-o", "json"]);
    let words =
        "\nerror: 1 of 1 not ready; root cause: pod/web: container app keeps crashing: exit code 3, 4 restarts\n";
    only.failed_with(7, &[words, "\nbundle: "]);
    let told = only.json("why");
    assert!(PathBuf::from(told["bundle"].as_str().unwrap()).join("summary.txt").exists());
    let unwritten = run(&["up", "--only", "app", "--report", "app.yaml/report.json"]);
    unwritten.failed_with(7, &[words, "app.yaml/report.json"]);
    assert!(!asked.lock().unwrap().iter().any(|line| line.starts_with("DELETE ")), "nothing is taken away");
}

#[test]
fn a_failed_up_tells_its_root_and_looks_before_it_takes_anything_away() {
    let (host, asked) = guest();
    let up = host.command(&["up", "-o", "json"]).env("KUBECONFIG", host.path("kubeconfig")).run().unwrap();
    let ended = crate::support::Ended::from(&up);
    ended.failed_with(
        7,
        &[
            "\nerror: 1 of 1 not ready; root cause: pod/web: container app keeps crashing: exit code 3, 4 restarts\n",
            "\n          | connecting with ***\n",
            "\nbundle: ",
            "what was made is gone again; `kind-harness up --keep`",
        ],
    );
    let told = ended.json("why");
    assert_eq!(told["exit"], 7);
    assert_eq!(told["rootCauses"][0]["message"], "container app keeps crashing: exit code 3, 4 restarts");
    let bundle = PathBuf::from(told["bundle"].as_str().unwrap());
    let summary = std::fs::read_to_string(bundle.join("summary.txt")).unwrap();
    assert!(summary.starts_with("1 of 1 not ready; root cause: pod/web"), "{summary}");
    let timeline: Value =
        serde_json::from_str(&std::fs::read_to_string(bundle.join("timeline.json")).unwrap()).unwrap();
    let timeline = crate::support::matching("report", timeline);
    assert!(timeline["steps"].as_array().unwrap().iter().any(|step| step["phase"] == "ready"), "{timeline}");
    let asked = asked.lock().unwrap();
    let last_log = asked.iter().rposition(|line| line.ends_with("/log")).unwrap();
    let deleted = asked.iter().position(|line| line.starts_with("DELETE ")).unwrap();
    assert!(last_log < deleted, "{asked:?}");
}
