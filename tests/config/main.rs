//! `e2e.yaml` as people get it wrong: what the message says, and where its caret stands.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up may panic")]

mod files;
mod messages;
mod mistakes;
mod mutations;

use std::time::Duration;

use kind_harness::readiness::{Field, Settings};
use kind_harness::suite::config::{
    self, ConfigError, HostPort, ImageSource, Loaded, Overrides, ProviderKind, RetrySpec, Strategy,
};

const VALID: &str = include_str!("../fixtures/config/valid.yaml");

/// A folder with what `valid.yaml` refers to, and `text` as its suite.
fn load_with(text: impl AsRef<[u8]>, overrides: &Overrides) -> (tempfile::TempDir, Result<Loaded, ConfigError>) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for (path, content) in [
        ("kind-config.yaml", "kind: Cluster\n"),
        ("manifests/db/db.yaml", "kind: Service\n"),
        ("manifests/app.yaml", "kind: Service\n"),
        ("manifests/blank.yaml", "# nothing yet\n---\n\n"),
        ("empty/README.md", "no manifests\n"),
        ("images/db/build.sh", ""),
        ("manifests/layered/overlays/dev/kustomization.yaml", ""),
        ("manifests/layered/overlays/prod/kustomization.yaml", ""),
        ("manifests/other/overlays/dev/kustomization.yaml", ""),
        ("e2e.yaml", ""),
    ] {
        std::fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
        std::fs::write(root.join(path), content).unwrap();
    }
    std::fs::write(root.join("e2e.yaml"), text).unwrap();
    let loaded = config::load(&root.join("e2e.yaml"), overrides);
    (folder, loaded)
}

fn load(text: impl AsRef<[u8]>) -> Result<Loaded, ConfigError> {
    load_with(text, &Overrides::default()).1
}

/// `valid.yaml` with `from` replaced by `to`.
fn with(from: &str, to: &str) -> String {
    assert!(VALID.contains(from), "{from:?} is not in the fixture");
    VALID.replacen(from, to, 1)
}

#[test]
fn a_valid_suite_is_what_the_file_says() {
    let (folder, loaded) = load_with(VALID, &Overrides::default());
    let loaded = loaded.unwrap();
    assert_eq!(loaded.root, folder.path().canonicalize().unwrap());
    let suite = loaded.suite;
    assert_eq!(suite.deadline, Duration::from_secs(90));
    assert_eq!(suite.cluster.config.as_deref(), Some("kind-config.yaml"));
    assert_eq!(suite.components[1].needed().collect::<Vec<_>>(), ["db"]);
    assert_eq!(suite.components[1].ports[0].host, HostPort::Fixed(8091));
    assert_eq!(suite.components[1].ports[1].host, HostPort::Auto);
    assert_eq!(suite.components[1].checks[0].wanted_status(), 200);
}

#[test]
fn what_is_left_out_has_a_default() {
    let suite =
        load("suite: s\nnamespace: s\ncomponents: [{ name: a, manifests: [manifests/app.yaml] }]\n").unwrap().suite;
    assert_eq!(suite.cluster.provider, ProviderKind::Kind);
    assert_eq!((suite.images, suite.strategy), (ImageSource::Auto, Strategy::Parallel));
    assert_eq!(suite.deadline, Duration::from_secs(120));
    assert_eq!(suite.overlay, "dev");
}

#[test]
fn readiness_can_be_tuned() {
    let suite = load(with(
        "deadline: 90s",
        "deadline: 90s
ready:
  grace: { FailedMount: 0s, ImagePullBackOff: 2m, OOMKilled: 4 }
  kinds:
    - apiVersion: example.com/v1
      kind: Widget
      ready: { path: .status.workers, value: 3 }
      failed: { path: '.status.parts[0].state', value: Broken }",
    ))
    .unwrap()
    .suite;
    let settings = Settings::from(&suite.ready);
    assert_eq!(settings.grace.volume, Duration::ZERO);
    assert_eq!(settings.grace.image_network, Duration::from_secs(120));
    assert_eq!((settings.grace.oom_kills, settings.grace.restarts), (4, 3));
    assert_eq!(settings.kinds[0].group, "example.com");
    assert_eq!(settings.kinds[0].ready, Some(Field::new(".status.workers", 3)));
}

#[test]
fn retries_can_be_tuned() {
    let suite =
        load(with("deadline: 90s", "retry: { base: 200ms, factor: 1.5, jitter: 0s, attempts: 8 }")).unwrap().suite;
    let tuned =
        RetrySpec { base: Duration::from_millis(200), factor: 1.5, jitter: Duration::ZERO, attempts: 8, ..usual() };
    assert_eq!(suite.retry, tuned);
    assert_eq!(load(VALID).unwrap().suite.retry, usual());
}

fn usual() -> RetrySpec {
    let second = Duration::from_secs(1);
    RetrySpec { base: second, factor: 2.0, ceiling: 30 * second, jitter: second, attempts: 5 }
}

#[test]
fn overrides_win_over_the_file() {
    let overrides = Overrides {
        name: Some("mine".into()),
        kubernetes: Some("1.33".into()),
        images: Some(ImageSource::Packages),
        pull: true,
        strategy: Some(Strategy::Sequential),
        deadline: Some(Duration::from_secs(5)),
        overlay: Some("prod".into()),
        auto_ports: true,
        ttl: None,
        attempts: None,
    };
    let text = with("[manifests/db]", "[manifests/layered]");
    let suite = load_with(text, &overrides).1.unwrap().suite;
    assert_eq!(suite.overlay, "prod");
    assert_eq!(suite.cluster.name.as_deref(), Some("mine"));
    assert_eq!((suite.images, suite.strategy), (ImageSource::Packages, Strategy::Sequential));
    assert_eq!(suite.deadline, Duration::from_secs(5));
    assert!(suite.pull);
    assert_eq!(suite.cluster.kubernetes.as_deref(), Some("1.33"));
    assert!(suite.components.iter().flat_map(|component| &component.ports).all(|port| port.host == HostPort::Auto));
}

/// A suite whose components have overlays: one dev and prod, the other dev only.
fn with_overlays(overlay: &str) -> String {
    with("[manifests/db]", "[manifests/layered]").replace("[manifests/app.yaml]", "[manifests/other]") + overlay
}

#[test]
fn the_overlay_of_the_file_counts_unless_another_is_chosen() {
    let layered = with("[manifests/db]", "[manifests/layered]") + "overlay: prod\n";
    let overlay = |chosen: Option<&str>| {
        let overrides = Overrides { overlay: chosen.map(str::to_owned), ..Overrides::default() };
        load_with(&layered, &overrides).1.map(|loaded| loaded.suite.overlay)
    };
    assert_eq!(overlay(None).unwrap(), "prod");
    assert_eq!(overlay(Some("dev")).unwrap(), "dev");
    let error = overlay(Some("pord")).unwrap_err();
    let [problem] = error.diagnostics() else { panic!("{error}") };
    assert_eq!(problem.message, "--overlay or KIND_HARNESS_OVERLAY: no component has an overlay `pord`");
    assert_eq!(problem.help.as_deref(), Some("did you mean `prod`?"));
}

#[test]
fn an_overlay_that_only_some_components_have() {
    let error = load(with_overlays("overlay: prod\n")).unwrap_err();
    let [problem] = error.diagnostics() else { panic!("{error}") };
    assert_eq!(problem.message, "`manifests/other` has no overlay `prod`");
    assert_eq!(problem.position.unwrap().to_string(), "21:17");
}

#[test]
fn an_overlay_without_components_that_have_any() {
    let overrides = Overrides { overlay: Some("dev".into()), ..Overrides::default() };
    let error = load_with(VALID, &overrides).1.unwrap_err();
    assert_eq!(error.diagnostics()[0].message, "--overlay or KIND_HARNESS_OVERLAY: no component has an overlay `dev`");
    assert!(load(VALID).is_ok(), "the default is for those who have overlays");
}

#[test]
fn a_version_is_known_or_not_by_the_source_of_images() {
    let wanted = |version: &str, images| {
        let overrides = Overrides { kubernetes: Some(version.into()), images, ..Overrides::default() };
        load_with(VALID, &overrides).1.map(|_| ()).map_err(|error| error.diagnostics()[0].clone())
    };
    assert!(wanted("1.33", None).is_ok());
    assert!(wanted("v1.33.13", Some(ImageSource::Packages)).is_ok());
    let problem = wanted("1.33", Some(ImageSource::Registry)).unwrap_err();
    let message = "--kubernetes or KIND_HARNESS_KUBERNETES: no node image of Kubernetes `1.33` is known";
    assert_eq!(problem.message, message);
    assert!(problem.help.is_some_and(|help| help.contains("1.34.11")), "those that are known are listed");
    assert!(wanted("1.37", Some(ImageSource::Packages)).is_err());
}

#[test]
fn an_overriding_name_is_checked_too() {
    let error = load_with(VALID, &Overrides { name: Some("No".into()), ..Overrides::default() }).1.unwrap_err();
    assert_eq!(error.diagnostics()[0].message, "--name or KIND_HARNESS_NAME: `No` is not a DNS label");
}
