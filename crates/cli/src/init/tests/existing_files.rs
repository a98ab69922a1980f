//! Files that are left as they are, and folders in which nothing is written.

use rstest::rstest;
use snapbox::{assert_data_eq, str};

use super::shop::*;

#[rstest]
#[case::empty(&[])]
#[case::manifests_elsewhere(&[("src/object.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\n")])]
#[case::no_objects(&[("deploy/values.yaml", "replicas: 1\n"), ("deploy/kind.yaml", "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n")])]
#[tokio::test]
async fn nothing_to_deploy_writes_nothing(#[case] files: &[(&str, &str)]) {
    let shop = Shop::of(files);
    let text = shop.refused().await;
    assert!(
        text.contains("Chart.yaml") && text.contains("manifests/, deploy/") && text.contains("docs/guide.md"),
        "{text}"
    );
    assert!(!shop.root().join("kind-config.yaml").exists() && !shop.root().join("justfile").exists());
}

#[tokio::test]
async fn an_existing_suite_is_left_and_nothing_is_written() {
    let shop = Shop::of(&[("e2e.yaml", "mine"), ("deploy/api.yaml", &config_map("api"))]);
    let text = shop.refused().await;
    assert!(text.contains("e2e.yaml is there already; left as it is"), "{text}");
    assert_eq!(shop.read("e2e.yaml"), "mine");
    assert_eq!(fs_err::read_dir(shop.root()).unwrap().count(), 2);
}

#[tokio::test]
async fn other_files_that_exist_are_left_and_a_justfile_gets_what_it_lacks() {
    let mine = "up := \"x\"\nalias down := stop\n\n# Mine\ne2e target='a':\n    true";
    let shop = Shop::of(&[
        ("Cargo.toml", &package("api")),
        ("src/lib.rs", ""),
        ("deploy/api.yaml", &config_map("api")),
        ("kind-config.yaml", "mine"),
        ("tests/e2e/main.rs", "mine"),
        ("Justfile", mine),
    ]);
    let report = shop.make().await;
    let files = report.files.iter().map(|file| format!("{} {}", file.written, file.message)).collect::<Vec<_>>();
    assert_data_eq!(
        files.join("\n"),
        str![[r#"
false kind-config.yaml is there already; left as it is
false tests/e2e is there already; left as it is
true added to Justfile: recipes e2e-parallel, e2e-sequential, up
true wrote e2e.yaml
"#]]
    );
    assert_eq!(shop.read("kind-config.yaml"), "mine");
    assert!(!shop.root().join("tests/e2e.rs").exists());
    let justfile = shop.read("Justfile");
    assert!(justfile.starts_with(&format!("{mine}\n\n# >>> kind-harness init\n")), "{justfile}");
    // Once more, nothing is lacking.
    fs_err::remove_file(shop.root().join("e2e.yaml")).unwrap();
    assert_eq!(shop.make().await.files.iter().filter(|file| file.written).count(), 1);
    assert_eq!(shop.read("Justfile"), justfile);
}

#[tokio::test]
async fn a_broken_cargo_manifest_is_told_and_nothing_is_written() {
    let shop = Shop::of(&[("Cargo.toml", "[package\n"), ("deploy/api.yaml", &config_map("api"))]);
    let text = shop.refused().await;
    assert!(text.contains("Cargo.toml: cargo cannot read it; correct it"), "{text}");
    assert!(!shop.root().join("e2e.yaml").exists());
}
