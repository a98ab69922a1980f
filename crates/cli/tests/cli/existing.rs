//! Environments in clusters that are not ours: whatever happens, what was there before is there afterwards, as it was.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use rstest::rstest;
use serde_json::{Value, json};

use crate::api::Api;
use crate::support::{Ended, Host};

/// What the suite brings: a namespace and objects of which some may be there before.
const MANIFESTS: &str = "
{apiVersion: v1, kind: Namespace, metadata: {name: precious, labels: {app: guest}}}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: precious}, rules: []}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: settings}, data: {a: guests, b: guests}}
---
{apiVersion: v1, kind: Secret, metadata: {name: password}, stringData: {p: guests}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: own}, data: {x: '1'}}
";

/// A host, and a cluster that is not ours in its kubeconfig.
struct Guest {
    host: Host,
    api: Api,
}

impl Guest {
    fn new() -> Guest {
        let guest = Guest { host: Host::bare(), api: Api::start() };
        guest.leads_to(&guest.api, "c");
        guest.suite("c", &["app.yaml"]);
        guest.host.write("suite/app.yaml", MANIFESTS);
        guest
    }

    /// A cluster in which people have some of what the suite brings.
    fn in_a_house() -> Guest {
        let guest = Guest::new();
        let api = &guest.api;
        api.put("namespaces", "", "precious", json!({"metadata": {"labels": {"app": "theirs", "team": "a"}}}));
        api.put("configmaps", "precious", "mine", json!({"data": {"a": "b"}}));
        api.put("clusterroles", "", "precious", json!({"rules": []}));
        api.put("namespaces", "", "tiny", json!({}));
        api.put("configmaps", "tiny", "settings", json!({"data": {"a": "theirs", "c": "theirs"}}));
        api.put("secrets", "tiny", "password", json!({"data": {"p": "dGhlaXJz"}}));
        guest
    }

    fn leads_to(&self, api: &Api, context: &str) {
        let kubeconfig = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "theirs",
            "clusters": [{"name": "c", "cluster": {"server": format!("http://{}", api.address)}},
                         {"name": "theirs", "cluster": {"server": "http://127.0.0.1:1"}}],
            "contexts": [{"name": context, "context": {"cluster": "c", "user": "u"}},
                         {"name": "theirs", "context": {"cluster": "theirs", "user": "theirs"}}],
            "users": [{"name": "u", "user": {"token": "t"}}, {"name": "theirs", "user": {"token": "their-token"}}],
        });
        self.host.write("kubeconfig", &kubeconfig.to_string());
    }

    fn suite(&self, context: &str, manifests: &[&str]) {
        let components =
            manifests.iter().enumerate().map(|(at, it)| format!("  - {{name: part{at}, manifests: [{it}]}}\n"));
        let components: String = components.collect();
        let cluster = format!("cluster: {{provider: existing, context: {context}, name: guest}}");
        self.host.write(
            "suite/e2e.yaml",
            &format!(
                "suite: guest\nnamespace: tiny\n{cluster}\nimages: registry\ndeadline: 20s\ncomponents:\n{components}"
            ),
        );
    }

    fn command(&self, args: &[&str]) -> duct::Expression {
        self.host.command(args).env("KUBECONFIG", self.host.path("kubeconfig"))
    }

    fn run(&self, args: &[&str]) -> Ended {
        Ended::from(&self.command(args).run().unwrap())
    }

    #[track_caller]
    fn done(&self, args: &[&str]) -> Ended {
        let ended = self.run(args);
        assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
        ended
    }

    fn folder(&self) -> PathBuf {
        self.host.path("home/.local/state/kind-harness/guest")
    }

    /// Starts `up`, waits until the server has been asked, and kills it.
    fn killed_at(&self, request: &str) {
        let running = self.command(&["up"]).start().unwrap();
        self.host.eventually(request, || self.api.requests().iter().any(|it| it == request));
        running.kill().unwrap();
        let _ = running.wait();
    }

    #[track_caller]
    fn nothing_differs(&self, before: &BTreeMap<String, Value>) {
        let after = self.api.world();
        assert!(after == *before, "before {before:#?}\nafter {after:#?}");
    }
}

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
