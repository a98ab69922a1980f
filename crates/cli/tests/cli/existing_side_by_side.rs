//! Several environments of one suite, side by side in a cluster that is not ours, and accounts with the rights of one
//! namespace.

use serde_json::json;

use crate::guest::Guest;
use crate::support::Host;

const SUITE: &str = "\
suite: guest
namespace: 'tiny-{{ run }}'
cluster: {provider: existing, context: c, name: guest}
images: registry
deadline: 20s
components:
  - name: app
    manifests:
      - app.yaml
";

const INLINE: &str = r#"
      - inline: '{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: "app-{{ run }}"}, rules: []}'
"#;

const APP: &str = "{apiVersion: v1, kind: ConfigMap, metadata: {name: app}, data: {a: b}}";

/// A suite whose namespaces have the id of the run.
fn per_run(more: &str) -> Guest {
    let guest = Guest::new();
    guest.host.write("suite/e2e.yaml", &format!("{SUITE}{more}"));
    guest.host.write("suite/app.yaml", APP);
    guest
}

/// Another host with the same suite and the same cluster.
fn beside(first: &Guest) -> Guest {
    let second = Guest { host: Host::bare(), api: first.api.clone() };
    second.leads_to(&second.api, "c");
    for file in ["suite/e2e.yaml", "suite/app.yaml"] {
        second.host.write(file, &std::fs::read_to_string(first.host.path(file)).unwrap());
    }
    second
}

/// The namespaces of runs that are there.
fn namespaces(guest: &Guest) -> Vec<String> {
    let world = guest.api.world();
    world.keys().filter_map(|key| Some(key.strip_prefix("namespaces//tiny-")?.to_owned())).collect()
}

#[test]
fn each_run_has_a_namespace_of_its_own_and_takes_that_away() {
    let first = per_run(INLINE);
    let before = first.api.world();
    first.done(&["up"]);
    let [id] = &namespaces(&first)[..] else { panic!("{:?}", namespaces(&first)) };
    assert!(id.len() == 6 && id.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit()), "{id}");
    assert!(first.api.object("clusterroles", "", &format!("app-{id}")).is_some());
    assert!(first.api.object("configmaps", &format!("tiny-{id}"), "app").is_some());
    assert!(first.done(&["up"]).stderr.contains("unchanged"), "the second `up` is of the same run");
    assert!(first.done(&["status"]).stdout.contains(&format!("namespace tiny-{id}")));

    let alone = first.api.world();
    let second = beside(&first);
    second.done(&["up"]);
    assert_eq!(namespaces(&first).len(), 2, "{:?}", namespaces(&first));
    second.done(&["down"]);
    first.nothing_differs(&alone);
    first.done(&["down"]);
    first.nothing_differs(&before);
}

#[test]
fn what_two_runs_would_both_own_is_refused_with_its_name() {
    let guest = per_run("");
    let role = "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: NAME}, rules: []}";
    let roles = ["one", "two", "theirs"].map(|name| role.replace("NAME", name)).join("\n---\n");
    guest.host.write("suite/app.yaml", &format!("{APP}\n---\n{roles}\n"));
    // What others made is shared by all runs already.
    guest.api.put("clusterroles", "", "theirs", json!({"rules": []}));
    let before = guest.api.world();
    let ended = guest.run(&["up"]);
    let words = [
        "app.yaml:3: clusterrole/one would have two owners (of every run)",
        "and so would clusterrole/two (of every run; app.yaml:5)",
        "`{{ run }}`",
    ];
    ended.failed_with(5, &words);
    assert!(!ended.stderr.contains("clusterrole/theirs"), "{}", ended.stderr);
    guest.nothing_differs(&before);
}

#[test]
fn what_another_environment_made_is_not_adopted() {
    let first = Guest::new();
    first.done(&["up"]);
    let before = first.api.world();
    let second = beside(&first);
    let ended = second.run(&["up"]);
    ended.failed_with(5, &["namespace/tiny would have two owners (of environment guest."]);
    for other in ["namespace/precious", "clusterrole/precious"] {
        ended.failed_with(5, &[&format!("and so would {other} (of environment guest.")]);
    }
    first.nothing_differs(&before);
    first.done(&["down"]);
}

/// Neither nodes nor `kube-system` nor other namespaces can be read by such an account.
#[test]
fn the_rights_of_one_namespace_are_enough() {
    let guest = Guest::new();
    guest.host.write("suite/app.yaml", APP);
    guest.api.put("namespaces", "", "tiny", json!({}));
    guest.api.forbid("nodes");
    guest.api.forbid_changes("namespaces");
    guest.api.forbid_name("kube-system");
    let before = guest.api.world();
    guest.done(&["up"]);
    guest.done(&["up"]);
    guest.done(&["down"]);
    guest.nothing_differs(&before);
}

#[test]
fn a_namespace_that_may_not_be_made_is_named_with_the_servers_words() {
    let guest = Guest::new();
    guest.host.write("suite/app.yaml", APP);
    guest.api.forbid_changes("namespaces");
    let before = guest.api.world();
    let words = [
        "the suite's namespace: namespace/tiny was refused: namespaces is forbidden",
        r#"lacks {apiGroups: [""], resources: ["namespaces"], verbs: ["create"]} of a ClusterRole"#,
    ];
    guest.run(&["up"]).failed_with(5, &words);
    guest.nothing_differs(&before);
}
