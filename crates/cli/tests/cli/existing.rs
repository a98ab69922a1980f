//! Environments in clusters that are not ours: whatever happens, what was there before is there afterwards, as it was.

use std::os::unix::fs::PermissionsExt;

use rstest::rstest;
use serde_json::{Value, json};

use crate::api::Api;
use crate::guest::{Guest, MANIFESTS};
use crate::support::Host;

/// The namespace and all in it were deleted by the undo, and so were the ClusterRole and the rest.
#[test]
fn a_failed_up_leaves_what_was_there_as_it_was() {
    let guest = Guest::in_a_house();
    let before = guest.api.world();
    guest.host.write("suite/bad.yaml", "{apiVersion: v1, kind: ConfigMap, metadata: {name: refused}}");
    guest.suite("c", &["app.yaml", "bad.yaml"]);
    let ended = guest.run(&["up"]);
    ended.failed_with(6, &["configmap/refused was refused: refused by the test"]);
    for adopted in ["namespace/precious", "clusterrole/precious", "configmap/settings", "secret/password"] {
        ended.failed_with(6, &[&format!("adopted {adopted}: it was there before; `down` gives it back")]);
    }
    ended.failed_with(6, &["namespace/tiny was there before; `down` leaves it"]);
    assert!(!ended.stderr.contains("adopted configmap/own"), "{}", ended.stderr);
    guest.nothing_differs(&before);
    assert!(!guest.folder().join("cluster.json").exists(), "nothing of it is left to be removed");
}

#[test]
fn down_gives_back_what_was_there_and_deletes_what_was_not() {
    let guest = Guest::in_a_house();
    let before = guest.api.world();
    guest.done(&["up"]);
    let data = |name: &str| guest.api.object("configmaps", "tiny", name).unwrap()["data"].clone();
    assert_eq!(
        data("settings"),
        json!({"a": "guests", "b": "guests", "c": "theirs"}),
        "the manifest wins while it is up"
    );
    // As data, which can be given back, and not as `stringData`, which the API server takes without asking whose it is.
    let secret = guest.api.object("secrets", "tiny", "password").unwrap();
    assert_eq!((&secret["data"]["p"], secret.get("stringData")), (&json!("Z3Vlc3Rz"), None));
    let own = guest.api.object("configmaps", "tiny", "own").unwrap();
    assert_eq!(own["metadata"]["labels"]["app.kubernetes.io/managed-by"], "kind-harness");
    let precious = guest.api.object("namespaces", "", "precious").unwrap();
    assert_eq!(precious["metadata"]["labels"].get("app.kubernetes.io/managed-by"), None, "it is not ours");
    // Meanwhile somebody has changed what was theirs.
    guest.api.put("configmaps", "tiny", "settings", json!({"data": {"a": "theirs", "c": "changed"}}));
    guest.done(&["down"]);
    let after = guest.api.world();
    let mut expected = before;
    expected.get_mut("configmaps/tiny/settings").unwrap()["data"]["c"] = json!("changed");
    assert!(after == expected, "expected {expected:#?}\nfound {after:#?}");
    assert!(!guest.folder().exists(), "and nothing is remembered, the earlier Secret least of all");
}

/// What the earlier Secret held is in no file but the inventory, which only the user can read.
#[test]
fn the_earlier_state_of_a_secret_is_kept_from_others() {
    let guest = Guest::in_a_house();
    guest.done(&["up"]);
    let holders = duct::cmd!("grep", "-rl", "dGhlaXJz", guest.host.path("home")).read().unwrap();
    assert_eq!(holders, guest.folder().join("objects.json").display().to_string());
    for file in ["objects.json", "cluster.json", "kubeconfig"] {
        let mode = std::fs::metadata(guest.folder().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[test]
fn an_empty_cluster_is_empty_again() {
    let guest = Guest::new();
    let before = guest.api.world();
    guest.done(&["up"]);
    assert!(guest.api.object("namespaces", "", "tiny").is_some());
    guest.done(&["status"]);
    guest.done(&["down"]);
    guest.nothing_differs(&before);
}

#[test]
fn a_context_that_leads_elsewhere_is_refused_and_nothing_is_deleted_there() {
    let guest = Guest::new();
    guest.done(&["up"]);
    let first = guest.api.world();
    let other = Api::start();
    other.put("namespaces", "", "other", json!({}));
    other.remove("namespaces", "", "kube-system");
    other.put("namespaces", "", "kube-system", json!({}));
    let elsewhere = other.world();
    guest.leads_to(&other, "c");
    guest.run(&["up"]).failed_with(5, &["context c leads to another cluster", "`kind-harness down`"]);
    assert!(other.world() == elsewhere);
    guest.nothing_differs(&first);
    // By the kubeconfig that was kept.
    guest.done(&["down"]);
    assert_eq!(guest.api.object("namespaces", "", "tiny"), None);
    assert!(other.world() == elsewhere);
}

#[rstest]
#[case::by_its_name("eu-prod", 0, "context eu-prod looks like production: its name says prod")]
#[case::by_its_size("c", 50, "context c looks like production: it has 51 namespaces, and none of kind-harness")]
fn what_looks_like_production_is_asked_for(#[case] context: &str, #[case] more: usize, #[case] words: &str) {
    let guest = Guest::new();
    guest.leads_to(&guest.api, context);
    guest.suite(context, &["app.yaml"]);
    (0..more).for_each(|number| guest.api.put("namespaces", "", &format!("n{number}"), json!({})));
    let before = guest.api.world();
    guest.run(&["up"]).failed_with(3, &[words, "nothing was changed", "`--yes` or KIND_HARNESS_YES=1"]);
    guest.nothing_differs(&before);
    assert!(!guest.folder().join("cluster.json").exists());
    guest.done(&["up", "--yes"]);
    guest.done(&["up"]);
    guest.done(&["down"]);
    guest.nothing_differs(&before);
}

#[test]
fn the_kubeconfig_has_one_context_and_nothing_of_others() {
    let guest = Guest::new();
    guest.done(&["up"]);
    let printed = guest.done(&["kubeconfig"]).stdout;
    let text = std::fs::read_to_string(printed.trim()).unwrap();
    assert!(!text.contains("their"), "{text}");
    let kubeconfig: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(kubeconfig["current-context"], "c");
}

/// The suite's file says something else by now; the record says what there is.
#[test]
fn a_change_of_the_provider_does_not_make_down_forget() {
    let guest = Guest { host: Host::ready(), api: Api::start() };
    guest.leads_to(&guest.api, "c");
    guest.suite("c", &["app.yaml"]);
    guest.host.write("suite/app.yaml", MANIFESTS);
    let before = guest.api.world();
    guest.done(&["up"]);
    let existing = std::fs::read_to_string(guest.host.path("suite/e2e.yaml")).unwrap();
    guest.host.write("suite/e2e.yaml", &existing.replace("provider: existing, context: c, ", ""));
    guest.run(&["up"]).failed_with(5, &["was made with `provider: existing`, and the suite says `provider: kind`"]);
    guest.done(&["down"]);
    guest.nothing_differs(&before);

    let record = json!({
        "name": "guest", "suite": "e2e.yaml", "namespace": "tiny", "provider": "kind", "context": null, "shape": "",
        "engine": {"kind": "podman", "containers_conf": null}, "nodes": [{"name": "guest-control-plane", "id": "1f2e"}],
        "ports": {}, "created": "2026-01-01T00:00:00Z", "deployment": null,
    });
    guest.host.write("home/.local/state/kind-harness/guest/cluster.json", &record.to_string());
    guest.host.write("nodes", "1f2e guest-control-plane Up 1 second");
    guest.host.write("suite/e2e.yaml", &existing);
    guest.run(&["up"]).failed_with(5, &["was made with `provider: kind`, and the suite says `provider: existing`"]);
    guest.done(&["down"]);
    assert!(guest.host.calls().contains("podman rm -f -t 0 -v 1f2e"), "{}", guest.host.calls());
    guest.nothing_differs(&before);
}
