//! `kind-harness verdict`: saved objects, judged without a cluster.

use std::io::Write;

use serde_json::{Value, json};
use snapbox::cmd::Command;

/// Runs `verdict` over a text; returns its exit code and what it prints.
fn verdict(objects: &str, args: &[&str]) -> (i32, String) {
    let command = Command::new(snapbox::cmd::cargo_bin!("kind-harness")).args(["verdict", "-f", "-"]).args(args);
    let output = command.env("KIND_HARNESS_FILE", "elsewhere.yaml").stdin(objects.to_owned()).output();
    let output = output.expect("the command runs");
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code().expect("an exit code"), text)
}

fn judged(objects: &str, args: &[&str]) -> (i32, Vec<Value>) {
    let args: Vec<_> = args.iter().copied().chain(["-o", "json"]).collect();
    let (code, text) = verdict(objects, &args);
    let judged = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let schema = serde_json::from_str(include_str!("../../../schema/verdict.json")).expect("JSON");
    jsonschema::validate(&schema, &judged).expect("what the schema says");
    (code, serde_json::from_value(judged).expect("a list"))
}

const STACK: &str = "
apiVersion: v1
kind: List
items:
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: web, namespace: shop, uid: d, generation: 1}
  status: {observedGeneration: 1, replicas: 1, updatedReplicas: 1, readyReplicas: 0}
- apiVersion: apps/v1
  kind: ReplicaSet
  metadata: {name: web-1, namespace: shop, uid: r, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: d}]}
  status: {observedGeneration: 1, replicas: 1}
- apiVersion: v1
  kind: Pod
  metadata: {name: web-1-a, namespace: shop, uid: p, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-1, uid: r}]}
  status: {containerStatuses: [{name: app, restartCount: 4, state: {waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: {exitCode: 7}}}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
";

#[test]
fn every_object_is_judged_in_order() {
    let (code, judged) = judged(STACK, &[]);
    assert_eq!(code, 7);
    let kinds: Vec<_> = judged.iter().map(|judged| judged["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["Deployment", "ReplicaSet", "Pod", "ConfigMap"]);
    let web = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop", "name": "web",
        "verdict": "failed", "reason": "CrashLoopBackOff",
        "message": "pod/web-1-a: container app keeps crashing: exit code 7, 4 restarts",
        "hint": "read its log: kubectl logs -n shop pod/web-1-a -c app --previous",
        "cause": {"apiVersion": "v1", "kind": "Pod", "namespace": "shop", "name": "web-1-a"},
    });
    assert_eq!(judged[0], web);
    assert_eq!((&judged[3]["verdict"], &judged[3]["reason"]), (&json!("ready"), &json!("Ready")));
    assert_eq!(judged[3]["namespace"], Value::Null);

    let (code, text) = verdict(STACK, &[]);
    assert_eq!(code, 7);
    let lines: Vec<Vec<_>> = text.lines().map(|line| line.split_whitespace().take(6).collect()).collect();
    assert_eq!(lines[0], ["APIVERSION", "KIND", "NAMESPACE", "NAME", "VERDICT", "REASON"]);
    assert_eq!(lines[1], ["apps/v1", "Deployment", "shop", "web", "failed", "CrashLoopBackOff"]);
    assert_eq!(lines[4], ["v1", "ConfigMap", "-", "settings", "ready", "Ready"]);
}

#[test]
fn exit_codes_tell_ready_waiting_and_failed_apart() {
    let pod = |status: &str| format!("{{apiVersion: v1, kind: Pod, metadata: {{name: p}}, status: {{{status}}}}}");
    assert_eq!(judged(&pod("conditions: [{type: Ready, status: 'True'}]"), &[]).0, 0);
    assert_eq!(judged(&pod(""), &[]).0, 8);
    assert_eq!(judged(&pod("phase: Failed"), &[]).0, 7);
    assert_eq!(judged(&format!("{}\n---\n{}", pod(""), pod("phase: Failed")), &[]).0, 7);
    assert_eq!(judged("", &[]), (0, vec![]));
    assert_eq!(verdict("{", &[]).0, 2);
    assert_eq!(verdict("- 1\n- [", &[]).0, 2);
    assert_eq!(verdict("just a text", &[]).0, 2);
}

#[test]
fn events_tell_and_graces_count_up_to_the_time_of_saving() {
    let pod = r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "shop", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "status": {"containerStatuses": [{"name": "app", "image": "img", "state": {"waiting": {"reason": "ContainerCreating"}}}]}}"#;
    let mut events = tempfile::NamedTempFile::new().unwrap();
    // In the order of their names, as lists have them; the newer one counts.
    let event = |name: &str, time: &str, message: &str| {
        json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": name}, "lastTimestamp": time,
            "involvedObject": {"kind": "Pod", "namespace": "shop", "name": "p"}, "reason": "FailedMount", "message": message})
    };
    let list = json!({"apiVersion": "v1", "kind": "EventList", "items": [
        event("a", "2026-01-01T00:00:03Z", "secret \"db\" not found"),
        event("b", "2026-01-01T00:00:01Z", "timed out"),
    ]});
    write!(events, "{list}").unwrap();
    let path = events.path().to_str().unwrap();
    let (code, found) = judged(pod, &["--events", path, "--at", "2026-01-01T00:00:04Z"]);
    assert_eq!((code, &found[0]["verdict"], &found[0]["reason"]), (8, &json!("waiting"), &json!("FailedMount")));
    let (code, found) = judged(pod, &["--events", path, "--at", "2026-01-01T00:00:06Z"]);
    assert_eq!((code, &found[0]["verdict"]), (7, &json!("failed")));
    let (code, found) = judged(pod, &[]);
    assert_eq!((code, &found[0]["reason"]), (8, &json!("ContainerCreating")));
}

#[test]
fn objects_that_lost_their_identities_still_belong_together() {
    let text = STACK.replace(", uid: d,", ",").replace(", uid: r,", ",");
    let (_, found) = judged(&text, &[]);
    assert_eq!(found[0]["cause"]["name"], "web-1-a");
    let (_, found) = judged(&STACK.replace(", uid: d}", "}").replace(", uid: d,", ","), &[]);
    assert_eq!(found[0]["cause"]["name"], "web-1-a");
}

#[test]
fn lists_of_a_kind_need_not_say_what_their_items_are() {
    let list = r#"{"kind": "PodList", "apiVersion": "v1", "items": [{"metadata": {"name": "a"}, "status": {"phase": "Succeeded"}}]}
        {"kind": "ConfigMapList", "apiVersion": "v1", "items": null} [{"kind": "Secret", "metadata": {"name": "s"}}]"#;
    let (code, found) = judged(list, &[]);
    assert_eq!((code, found.len()), (0, 2));
    assert_eq!((&found[0]["kind"], &found[0]["verdict"]), (&json!("Pod"), &json!("ready")));
}

#[test]
fn a_suite_names_graces_and_rules() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("app.yaml"), "{apiVersion: v1, kind: Service, metadata: {name: x}}").unwrap();
    let suite = folder.path().join("e2e.yaml");
    let text = "suite: s\nnamespace: s\ncomponents: [{ name: a, manifests: [app.yaml] }]\nready:\n  kinds:\n    - { apiVersion: a.io/v1, kind: Widget, ready: { path: .status.n, value: 3 } }\n";
    std::fs::write(&suite, text).unwrap();
    let widget = "{apiVersion: a.io/v1, kind: Widget, metadata: {name: w}, status: {n: 2}}";
    let (code, found) = judged(widget, &["--suite", suite.to_str().unwrap()]);
    assert_eq!((code, &found[0]["message"]), (8, &json!(".status.n is 2, not 3 yet")));
    let (code, text) = verdict(text, &[]);
    assert!(code == 2 && text.contains("is a suite"), "{text}");
}

#[test]
fn a_huge_list_of_events_is_read() {
    use std::fmt::Write;
    let mut text = String::from("apiVersion: v1\nkind: List\nitems:\n");
    for at in 0..5_000 {
        let _ = write!(
            text,
            "- apiVersion: v1\n  kind: Event\n  metadata: {{name: e-{at}, creationTimestamp: '+99999-13-41T99:99:99Z'}}\n  involvedObject: {{kind: Pod, name: p-{}}}\n  reason: Unhealthy\n  message: m\n",
            at % 100
        );
    }
    text.push_str("- {apiVersion: v1, kind: Pod, metadata: {name: p-7}}\n");
    let (code, found) = judged(&text, &[]);
    assert_eq!((code, found.len()), (8, 1));
}
