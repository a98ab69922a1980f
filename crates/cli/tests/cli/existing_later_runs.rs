//! Later runs in clusters that are not ours: second, failed and killed runs, and single components.

use rstest::rstest;
use serde_json::{Value, json};

use crate::guest::Guest;

#[test]
fn a_second_up_changes_nothing_and_says_so() {
    let guest = Guest::in_a_house();
    guest.done(&["up"]);
    let world = guest.api.world();
    let changes = || guest.api.requests().iter().filter(|it| !it.starts_with("GET")).count();
    let asked = changes();
    let ended = guest.done(&["up"]);
    assert!(ended.stderr.contains("environment guest is up and unchanged"), "{}", ended.stderr);
    assert_eq!(changes(), asked);
    guest.nothing_differs(&world);
}

#[test]
fn an_up_that_finds_everything_renews_the_time_to_live() {
    let guest = Guest::new();
    let until = || {
        let record = std::fs::read_to_string(guest.folder().join("cluster.json")).unwrap();
        serde_json::from_str::<Value>(&record).unwrap()["lease"]["until"].clone()
    };
    guest.done(&["up", "--ttl", "60s"]);
    let first = until();
    assert!(first.is_string());
    assert!(guest.done(&["up", "--ttl", "120s"]).stderr.contains("unchanged"));
    let second = until();
    assert!(second.as_str() > first.as_str(), "{first} {second}");
    guest.done(&["up"]);
    assert_eq!(until(), Value::Null, "without a time to live it stays until `down`");
}

#[test]
fn what_is_no_longer_in_the_manifests_is_deleted_or_given_back() {
    let guest = Guest::in_a_house();
    let before = guest.api.world();
    guest.done(&["up"]);
    guest.host.write("suite/app.yaml", "{apiVersion: v1, kind: ConfigMap, metadata: {name: another}}");
    guest.done(&["up"]);
    let mut after = guest.api.world();
    assert!(after.remove("configmaps/tiny/another").is_some());
    assert!(after == before, "before {before:#?}\nafter {after:#?}");
    guest.done(&["down"]);
    guest.nothing_differs(&before);
}

#[test]
fn a_failed_second_up_leaves_what_ran_and_takes_away_what_it_added() {
    let guest = Guest::in_a_house();
    let before = guest.api.world();
    guest.done(&["up"]);
    let running = guest.api.world();
    guest.host.write("suite/more.yaml", "{apiVersion: v1, kind: ConfigMap, metadata: {name: more}}\n---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: refused}}");
    guest.api.put("configmaps", "tiny", "more", json!({"data": {"a": "theirs"}}));
    guest.host.write("suite/extra.yaml", "{apiVersion: v1, kind: ConfigMap, metadata: {name: extra}}");
    guest.suite("c", &["app.yaml", "more.yaml", "extra.yaml"]);
    guest.run(&["up"]).failed_with(6, &["configmap/refused was refused"]);
    let mut after = guest.api.world();
    assert!(after.remove("configmaps/tiny/more").is_some(), "it was there before");
    assert!(after == running, "running {running:#?}\nafter {after:#?}");
    guest.suite("c", &["app.yaml"]);
    guest.done(&["status"]);
    // What was changed in between is known to be no longer as this suite says.
    assert!(!guest.done(&["up"]).stderr.contains("unchanged"));
    guest.done(&["down"]);
    guest.api.remove("configmaps", "tiny", "more");
    guest.nothing_differs(&before);
}

/// The server has done what it was asked, and the run never learned the uid.
#[rstest]
#[case::before_anything_is_applied("GET /api/v1/namespaces/tiny/configmaps/own")]
#[case::in_the_middle("PATCH /api/v1/namespaces/tiny/configmaps/unanswered")]
fn a_killed_run_is_undone_by_its_reaper(#[case] at: &str) {
    let guest = Guest::in_a_house();
    let before = guest.api.world();
    guest.host.write("suite/last.yaml", "{apiVersion: v1, kind: ConfigMap, metadata: {name: unanswered}}");
    guest.suite("c", &["app.yaml", "last.yaml"]);
    guest.killed_at(at);
    guest.host.eventually("nothing is remembered", || !guest.folder().join("cluster.json").exists());
    guest.nothing_differs(&before);
}

/// A test that was killed has left a namespace of its own; another environment's is left alone.
#[test]
fn namespaces_of_tests_go_with_their_environment() {
    let guest = Guest::new();
    guest.done(&["up"]);
    let inventory: Value =
        serde_json::from_str(&std::fs::read_to_string(guest.folder().join("objects.json")).unwrap()).unwrap();
    for (name, environment) in [("spec-1", inventory["environment"].clone()), ("spec-2", json!("another"))] {
        let labels = json!({"kind-harness.dev/test": "spec"});
        let annotations = json!({"kind-harness.dev/environment": environment});
        guest.api.put("namespaces", "", name, json!({"metadata": {"labels": labels, "annotations": annotations}}));
    }
    guest.done(&["down"]);
    assert_eq!(guest.api.object("namespaces", "", "spec-1"), None);
    assert!(guest.api.object("namespaces", "", "spec-2").is_some());
}

#[test]
fn a_killed_second_up_leaves_what_ran() {
    let guest = Guest::in_a_house();
    let before = guest.api.world();
    guest.done(&["up"]);
    let running = guest.api.world();
    guest.host.write("suite/last.yaml", "{apiVersion: v1, kind: ConfigMap, metadata: {name: unanswered}}");
    guest.suite("c", &["app.yaml", "last.yaml"]);
    guest.killed_at("PATCH /api/v1/namespaces/tiny/configmaps/unanswered");
    guest.host.eventually("it is gone", || guest.api.world() == running);
    guest.suite("c", &["app.yaml"]);
    guest.done(&["up"]);
    guest.done(&["down"]);
    guest.nothing_differs(&before);
}

#[test]
fn an_object_that_was_replaced_since_is_not_ours() {
    let guest = Guest::new();
    guest.done(&["up"]);
    guest.api.remove("configmaps", "tiny", "own");
    guest.api.put("configmaps", "tiny", "own", json!({"data": {"x": "theirs"}}));
    let theirs = guest.api.object("configmaps", "tiny", "own").unwrap();
    guest.done(&["down", "--keep-cluster"]);
    assert_eq!(guest.api.object("configmaps", "tiny", "own"), Some(theirs));
    assert_eq!(guest.api.object("configmaps", "tiny", "settings"), None);
}

#[test]
fn single_components_come_and_go() {
    let guest = Guest::in_a_house();
    let before = guest.api.world();
    guest.host.write("suite/other.yaml", "{apiVersion: v1, kind: ConfigMap, metadata: {name: other}}");
    guest.suite("c", &["app.yaml", "other.yaml"]);
    guest.done(&["up"]);
    guest.done(&["down", "--component", "part0"]);
    let mut after = guest.api.world();
    assert!(after.remove("configmaps/tiny/other").is_some());
    assert!(after == before, "before {before:#?}\nafter {after:#?}");
    guest.done(&["up", "--only", "part0"]);
    guest.done(&["status"]);
    guest.done(&["down", "--keep-cluster"]);
    guest.nothing_differs(&before);
    guest.done(&["up"]);
    guest.done(&["down"]);
    guest.nothing_differs(&before);
}
