//! The order of components, the cluster's name, and what `plan` prints.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up may panic")]

#[path = "plan/digest.rs"]
mod digest;
#[path = "plan/sources.rs"]
mod sources;

use std::path::PathBuf;
use std::time::Duration;

use kind_harness::host::folders::Folders;
use kind_harness::host::setup::consent_of_environment;
use kind_harness::report::Events;
use kind_harness::suite::config::{
    self, ClusterSpec, Component, HostPort, ImageSource, ImageSpec, Loaded, ManifestSpec, Overrides, Port, Strategy,
    Suite,
};
use kind_harness::suite::plan::{Plan, PlanError};
use rstest::rstest;
use snapbox::{assert_data_eq, str};

fn component(name: &str, needs: &[&str]) -> Component {
    Component {
        name: name.into(),
        manifests: vec![ManifestSpec::Path(format!("manifests/{name}"))],
        needs: needs.iter().map(|need| (*need).into()).collect(),
        ..Component::default()
    }
}

fn loaded(strategy: Strategy, components: Vec<Component>) -> Loaded {
    Loaded {
        suite: Suite {
            suite: "shop".into(),
            cluster: ClusterSpec::default(),
            namespace: "shop".into(),
            images: ImageSource::Auto,
            prefetch: true,
            pull: false,
            strategy,
            overlay: "dev".into(),
            deadline: Duration::from_secs(90),
            ready: kind_harness::suite::config::ReadySpec::default(),
            retry: kind_harness::suite::config::RetrySpec::default(),
            grade: kind_harness::suite::config::GradeSpec::default(),
            alert: kind_harness::suite::config::AlertSpec::default(),
            components,
        },
        root: PathBuf::from("/srv/shop"),
        path: PathBuf::from("e2e.yaml"),
    }
}

fn plan(strategy: Strategy, components: Vec<Component>) -> Plan {
    Plan::new(loaded(strategy, components)).unwrap()
}

/// A diamond, written bottom up, and one component on its own.
fn diamond() -> Vec<Component> {
    vec![
        component("app", &["left", "right"]),
        component("right", &["db"]),
        component("alone", &[]),
        component("left", &["db"]),
        component("db", &[]),
    ]
}

fn names(groups: &[Vec<&Component>]) -> String {
    let group = |group: &Vec<&Component>| group.iter().map(|component| &*component.name).collect::<Vec<_>>().join(" ");
    groups.iter().map(group).collect::<Vec<_>>().join(" | ")
}

#[test]
fn components_come_after_what_they_need_and_otherwise_as_written() {
    let plan = plan(Strategy::Parallel, diamond());
    let order: Vec<&str> = plan.components().map(|component| &*component.name).collect();
    assert_eq!(order, ["alone", "db", "right", "left", "app"]);
    assert_eq!(names(&plan.waves()), "alone db | right left | app");
    let needs = |name: &str| plan.component(name).map(|component| component.needs.len());
    assert_eq!(["app", "left", "db", "other"].map(needs), [Some(2), Some(1), Some(0), None]);
}

#[rstest]
#[case(Strategy::Parallel, "alone db right left app")]
#[case(Strategy::Waves, "alone db | right left | app")]
#[case(Strategy::Sequential, "alone | db | right | left | app")]
fn stages_follow_the_strategy(#[case] strategy: Strategy, #[case] stages: &str) {
    assert_eq!(names(&plan(strategy, diamond()).stages()), stages);
}

#[test]
fn a_wave_is_as_late_as_the_latest_need() {
    let chain = vec![component("c", &["a", "b"]), component("b", &["a"]), component("a", &[]), component("d", &["c"])];
    assert_eq!(names(&plan(Strategy::Waves, chain).waves()), "a | b | c | d");
}

#[test]
fn a_part_of_a_plan_has_its_own_order_and_knows_who_needs_it() {
    let plan = plan(Strategy::Waves, diamond());
    let some = ["app", "left"].map(String::from);
    let part = plan.only(&some);
    assert_eq!(names(&part.stages()), "left | app");
    assert_eq!(part.cluster_name(), plan.cluster_name());
    let dependants = |of: &[&str]| {
        let of: Vec<String> = of.iter().map(|name| (*name).to_owned()).collect();
        plan.dependants(&of).map(|component| component.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(dependants(&["db"]), ["right", "left"]);
    assert_eq!(dependants(&["db", "left"]), ["right", "app"]);
    assert_eq!(dependants(&[]), Vec::<String>::new());
    assert_eq!(["db", "right", "app", "other"].map(|name| plan.wave(name)), [Some(1), Some(2), Some(3), None]);
}

#[test]
fn what_a_component_needs_is_known_to_the_end_of_the_chain() {
    let plan = plan(Strategy::Parallel, diamond());
    let needs = |plan: &Plan, name: &str| plan.needs()[name].iter().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(["app", "left", "db", "alone"].map(|name| needs(&plan, name)), ["db left right", "db", "", ""]);
    let part = plan.only(&["app", "left"].map(String::from));
    assert_eq!(needs(&part, "app"), "left", "what is there already is not on its way");
}

#[test]
fn a_part_of_a_plan_compiles_what_the_whole_does() {
    let of = |name: &str, package: &str| {
        let image = ImageSpec { name: format!("{name}:dev"), cargo: Some(package.into()), ..ImageSpec::default() };
        Component { images: vec![image], ..component(name, &[]) }
    };
    let plan = plan(Strategy::Parallel, vec![of("api", "shop-api"), of("web", "shop-web"), component("db", &[])]);
    assert!(plan.binaries().iter().map(|spec| &spec.package).eq(["shop-api", "shop-web"]));
    assert_eq!(plan.only(&["api".to_owned()]).binaries(), plan.binaries());
}

#[test]
fn a_suite_without_order_is_refused() {
    let cycle = vec![component("a", &["b"]), component("b", &["c"]), component("c", &["a"]), component("d", &["a"])];
    let error = Plan::new(loaded(Strategy::Parallel, cycle)).unwrap_err();
    assert_eq!(error.to_string(), "the components need each other in a circle: a → b → c → a");
    let error = Plan::new(loaded(Strategy::Parallel, vec![component("a", &["x"])])).unwrap_err();
    assert_eq!(error, PlanError::UnknownNeed { component: "a".into(), need: "x".into() });
}

#[test]
fn cluster_names_are_stable_differ_by_folder_and_fit() {
    let here = plan(Strategy::Parallel, diamond());
    assert_eq!(here.cluster_name().as_str(), "shop-e7c7ea0b");
    let mut other = loaded(Strategy::Parallel, diamond());
    other.root = PathBuf::from("/srv/shop2");
    assert_ne!(Plan::new(other.clone()).unwrap().cluster_name(), here.cluster_name());
    other.suite.suite = format!("{}-{}", "a".repeat(38), "b".repeat(24));
    let name = Plan::new(other.clone()).unwrap().cluster_name().clone();
    assert!(name.starts_with(&format!("{}-", "a".repeat(38))) && !name.contains("--") && name.len() <= 48, "{name}");
    other.suite.cluster.name = Some("mine".into());
    assert_eq!(Plan::new(other).unwrap().cluster_name().as_str(), "mine");
}

fn printed() -> Plan {
    let mut components = vec![component("app", &["db"]), component("db", &[]), component("cache", &[])];
    components[0].images =
        vec![ImageSpec { name: "shop/app".into(), cargo: Some("app".into()), ..ImageSpec::default() }];
    components[0].ports = vec![
        Port { name: "http".into(), node: 30081, host: HostPort::Fixed(8091) },
        Port { name: "metrics".into(), node: 30082, host: HostPort::Auto },
    ];
    components[1].images =
        vec![ImageSpec { name: "postgres:15".into(), recipe: Some("images/db".into()), ..ImageSpec::default() }];
    plan(Strategy::Waves, components)
}

#[test]
fn text_is_a_tree() {
    assert_data_eq!(
        printed().to_text(),
        str![[r#"
suite      shop
cluster    shop-e7c7ea0b (kind)
namespace  shop
images     auto
overlay    dev
strategy   waves, 2 of them, each awaited
deadline   1m 30s

wave 1
├─ db
│    manifests  manifests/db
│    image      postgres:15 (recipe images/db)
└─ cache
     manifests  manifests/cache

wave 2
└─ app
     needs      db
     manifests  manifests/app
     image      shop/app (cargo app)
     port       http 127.0.0.1:8091 → node 30081
     port       metrics any free port → node 30082

"#]]
    );
}

#[test]
fn dot_is_a_graph() {
    assert_data_eq!(
        printed().to_dot(),
        str![[r#"
digraph "shop" {
  rankdir=RL;
  node [shape=box, style=rounded];
  subgraph cluster_wave_1 {
    label="wave 1";
    "db";
    "cache";
  }
  subgraph cluster_wave_2 {
    label="wave 2";
    "app";
  }
  "app" -> "db";
}

"#]]
    );
}

#[test]
fn the_digest_changes_with_the_overlay_and_its_files_only() {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join("manifests/a").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let kustomization = |resources: &str| {
        format!("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [{resources}]\n")
    };
    write("base/kustomization.yaml", &kustomization("one.yaml"));
    write("base/one.yaml", "one");
    write("overlays/dev/kustomization.yaml", &kustomization("../../base"));
    write("overlays/prod/kustomization.yaml", &kustomization("../../base, two.yaml"));
    write("overlays/prod/two.yaml", "two");
    let digest = |overlay: &str| {
        let mut loaded = loaded(Strategy::Parallel, vec![component("a", &[])]);
        loaded.root = folder.path().to_owned();
        loaded.suite.overlay = overlay.into();
        Plan::new(loaded).unwrap().digest()
    };
    let both = || (digest("dev").unwrap(), digest("prod").unwrap());
    let first = both();
    assert_ne!(first.0, first.1);
    write("overlays/prod/two.yaml", "2");
    let second = both();
    assert_eq!(first.0, second.0, "dev does not read it");
    assert_ne!(first.1, second.1);
    write("base/one.yaml", "1");
    let third = both();
    assert!(second.0 != third.0 && second.1 != third.1, "both read the base");
    assert!(digest("staging").is_err());
}

#[tokio::test]
async fn the_reference_suite_has_a_plan_and_its_manifests_can_be_read() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("e2e.yaml");
    let plan = Plan::new(config::load(&path, &Overrides::default()).unwrap_or_else(|error| panic!("{error}"))).unwrap();
    assert_eq!(names(&plan.waves()), "postgresql redis | data-storage holmesgpt-api | aianalysis");
    let folders = Folders::of_user().unwrap();
    let rendered = kind_harness::sources::render(&plan, &folders, consent_of_environment, &Events::discard()).await;
    let plan = plan.with_rendered(rendered.unwrap_or_else(|error| panic!("{error}")));
    let manifests = plan.manifests().unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(manifests.len(), 5);
    assert!(manifests.iter().all(|component| !component.is_empty()));
    assert_eq!(plan.digest().unwrap().len(), 64);
}
