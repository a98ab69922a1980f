//! What a plan's digest, and the source of its runs, depend on.

use std::time::Duration;

use kind_harness::suite::config::{Component, HostPort, Port, Strategy, Suite};
use kind_harness::suite::plan::Plan;

use super::{component, loaded};

#[test]
fn the_digest_changes_with_what_the_environment_is_made_of() {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("manifests/a/one.yaml", "one");
    write("kind-config.yaml", "kind: Cluster");
    let digest = |change: fn(&mut Suite)| {
        let mut loaded = loaded(Strategy::Parallel, vec![component("a", &[])]);
        loaded.root = folder.path().to_owned();
        loaded.suite.cluster.config = Some("kind-config.yaml".into());
        change(&mut loaded.suite);
        Plan::new(loaded).unwrap().digest()
    };
    let first = digest(|_| ()).unwrap();
    assert_eq!(first.len(), 64);
    assert_eq!(digest(|_| ()).unwrap(), first);
    assert_eq!(digest(|suite| suite.strategy = Strategy::Sequential).unwrap(), first);
    assert_eq!(digest(|suite| suite.deadline = Duration::from_secs(1)).unwrap(), first);
    assert_eq!(digest(|suite| suite.retry.attempts = 1).unwrap(), first);
    assert_eq!(digest(|suite| suite.ready.grace.unschedulable = Some(Duration::from_secs(1))).unwrap(), first);
    assert_eq!(digest(|suite| suite.grade.a = Duration::from_secs(1)).unwrap(), first);
    assert_eq!(digest(|suite| suite.alert.warn = Duration::from_secs(1)).unwrap(), first);
    assert_ne!(digest(|suite| suite.namespace = "other".into()).unwrap(), first);
    assert!(digest(|suite| suite.components[0].manifests.push("nowhere".into())).is_err());
    write("manifests/a/.one.yaml.swp", "an editor's");
    assert_eq!(digest(|_| ()).unwrap(), first);
    for (path, text) in [("manifests/a/one.yaml", "1"), ("kind-config.yaml", "kind: C"), ("manifests/a/two.yml", "")] {
        let before = digest(|_| ()).unwrap();
        write(path, text);
        assert_ne!(digest(|_| ()).unwrap(), before, "{path}");
    }
}

#[test]
fn runs_of_a_suite_have_the_same_source_whatever_the_cluster_is_called_and_ports_are() {
    let plan = |change: fn(&mut Suite)| {
        let mut loaded = loaded(Strategy::Parallel, vec![Component { manifests: Vec::new(), ..component("a", &[]) }]);
        loaded.suite.components[0].ports = vec![port(HostPort::Fixed(8080))];
        change(&mut loaded.suite);
        Plan::new(loaded).unwrap()
    };
    let (first, named) = (plan(|_| ()), plan(|suite| suite.cluster.name = Some("shop-4711".into())));
    let moved = plan(|suite| suite.components[0].ports[0].host = HostPort::Auto);
    let other = plan(|suite| suite.namespace = "other".into());
    assert!(!first.is_per_run());
    assert_eq!(first.source().unwrap(), named.source().unwrap());
    assert_eq!(first.source().unwrap(), moved.source().unwrap());
    assert_ne!(first.source().unwrap(), other.source().unwrap());
    assert_ne!(first.digest().unwrap(), named.digest().unwrap());
    assert_ne!(first.digest().unwrap(), moved.digest().unwrap());
}

#[test]
fn a_run_has_namespaces_of_its_own_and_the_same_source() {
    let components = ["a", "b"].map(|name| Component { manifests: Vec::new(), ..component(name, &[]) });
    let mut loaded = loaded(Strategy::Parallel, components.into());
    loaded.suite.namespace = "shop-{{ run }}".into();
    loaded.suite.components[1].namespace = Some("data-{{run}}".into());
    let plan = Plan::new(loaded).unwrap();
    assert_eq!((plan.is_per_run(), plan.run()), (true, None));
    let [first, second] = ["aaaaaa", "bbbbbb"].map(|id| plan.clone().with_run(id));
    assert_eq!(first.namespaces(), ["shop-aaaaaa", "data-aaaaaa"]);
    assert_eq!((first.is_per_run(), first.run()), (true, Some("aaaaaa")));
    assert_eq!(first.clone().with_run("bbbbbb"), second, "the id can be another one");
    assert_eq!(first.only(&["b".into()]).with_run("bbbbbb").namespaces(), second.namespaces());
    assert_ne!(first.digest().unwrap(), second.digest().unwrap());
    assert_eq!(first.source().unwrap(), plan.source().unwrap());
}

fn port(host: HostPort) -> Port {
    Port { name: "http".into(), node: 30080, host }
}
