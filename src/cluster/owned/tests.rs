use rstest::rstest;

use super::*;

#[test]
fn only_ids_that_the_shim_wrote_down_are_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let files = [
        ("container.1", "0a1b\n"),
        ("container.2", "ff"),
        ("container.3", "--all"),
        ("container.4", ""),
        ("volume.1", "c0de"),
        ("volume.2", "somebody-elses"),
        ("network.1", "abcd"),
        ("notes", "1234"),
    ];
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let set = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(made(folder.path()), (set(&["0a1b", "ff"]), set(&["c0de"])));
    assert_eq!(made(&folder.path().join("missing")), Default::default());
}

/// What was recorded of a cluster: a node and, by the shim, another container and a volume.
fn owned(lost: bool) -> Owned {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join(MADE)).unwrap();
    std::fs::write(folder.path().join(MADE).join("container.1"), "0b").unwrap();
    std::fs::write(folder.path().join(MADE).join("volume.1"), "c0de").unwrap();
    let record = serde_json::json!({
        "name": "shop", "suite": "e2e.yaml", "namespace": "shop", "provider": "kind", "context": null,
        "engine": {"kind": "podman", "containers_conf": null}, "ports": {}, "shape": "",
        "nodes": [{"name": "shop-control-plane", "id": "0a"}, {"name": "shop-worker", "id": "--all"}],
        "created": "2026-01-01T00:00:00Z", "lease": null, "deployment": null,
    });
    let record: Record = serde_json::from_value(record).unwrap();
    Owned { lost, ..Owned::recorded(&record, folder.path()).unwrap() }
}

fn node(id: &str) -> Node {
    Node { name: "shop-control-plane".into(), id: id.into() }
}

#[test]
fn a_container_is_removed_if_it_was_recorded() {
    let owned = owned(false);
    assert!(owned.has(&node("0a")) && owned.has(&node("0b")) && !owned.has(&node("0c")) && !owned.has(&node("--all")));
    let found = ["0a", "0c", "--all", "0b"].map(node).to_vec();
    assert_eq!(owned.removable(found), [node("0a"), node("0b")]);
}

#[test]
fn a_volume_is_removed_if_it_was_recorded() {
    let mut owned = owned(false);
    owned.volumes.insert("somebody-elses".into());
    assert_eq!(owned.removable_volumes("beef\nc0de\nsomebody-elses\n"), ["c0de"]);
}

#[rstest]
#[case::whole(false, &["ab12"], &["ab12"])]
#[case::as_nerdctl_shortens_it(false, &["0123456789abcdef"], &["0123456789ab"])]
#[case::none(false, &[], &[])]
#[case::lost(true, &[], &["ab12", "ab", "0123456789ab"])]
fn a_network_is_removed_if_it_was_recorded(#[case] lost: bool, #[case] recorded: &[&str], #[case] removed: &[&str]) {
    let recorded = recorded.iter().copied().collect();
    let listed = "ab12 kind-harness-1\nab kind-harness-2\n0123456789ab kind-harness-3\n--all bridge\nff\n";
    let owned = owned(lost);
    assert_eq!(owned.may_have_networks(&recorded), !removed.is_empty());
    let ids: Vec<_> = owned.removable_networks(&recorded, listed).into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids, removed);
}

#[test]
fn labels_prove_nothing_if_they_are_the_images() {
    assert!(is_proof("0a", "{\"maintainer\":\"somebody\"}") && is_proof("0a", "null"));
    assert!(!is_proof("0a", &format!("{{\"{CLUSTER}\":\"shop\"}}")) && !is_proof("--all", "null"));
}

#[test]
fn labelled_volumes_go_with_a_container_that_is_ours() {
    let ours = BTreeSet::from(["0a".to_owned()]);
    assert_eq!(volumes_beside(&ours, "c0de\nsomebody-elses\n"), BTreeSet::from(["c0de".to_owned()]));
    assert_eq!(volumes_beside(&BTreeSet::new(), "c0de\n"), BTreeSet::new());
}

#[rstest]
#[case("", &[], true)]
#[case("0a shop-control-plane Up 4 minutes\n", &["0a"], true)]
#[case("0a shop-control-plane Up 4 minutes\n0b shop-worker Exited (137) 2 seconds ago\n", &["0a", "0b"], false)]
#[case("0b shop-worker Exited (137) 2 seconds ago\n0a shop-control-plane Up 4 minutes\n", &["0b", "0a"], false)]
#[case("0a shop-control-plane Created\n", &["0a"], false)]
#[case("0a\n", &[], true)]
fn a_cluster_runs_when_all_of_its_containers_do(#[case] text: &str, #[case] ids: &[&str], #[case] running: bool) {
    let (nodes, all_run) = listed(text);
    assert_eq!((nodes.iter().map(|node| node.id.as_str()).collect::<Vec<_>>(), all_run), (ids.to_vec(), running));
}
