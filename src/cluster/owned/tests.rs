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
