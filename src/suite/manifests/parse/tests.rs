//! Parsed manifest files, and the problems of invalid ones.

use rstest::rstest;
use serde_json::{Value, json};
use snapbox::{assert_data_eq, str};

use super::*;
use crate::readiness::ObjectRef;

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    }
    folder
}

fn read(files: &[(&str, &str)]) -> Result<Vec<Manifest>, ManifestError> {
    load(folder(files).path(), &["m".to_owned()])
}

/// Returns the spec of the only object, written as `yaml`.
fn spec(yaml: &str) -> Result<Value, ManifestError> {
    let text = format!("apiVersion: v1\nkind: Thing\nmetadata: {{ name: a }}\nspec: {yaml}\n");
    read(&[("m/a.yaml", &text)]).map(|mut manifests| manifests.remove(0).object.data["spec"].take())
}

fn config_map(name: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n")
}

fn sources(manifests: &[Manifest]) -> Vec<String> {
    let text = |manifest: &Manifest| format!("{} {}", manifest.source, ObjectRef::of(&manifest.object));
    manifests.iter().map(text).collect()
}

#[test]
fn folders_are_read_at_any_depth_sorted_by_path() {
    let (a, b, c) =
        (config_map("a"), config_map("b"), r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"}}"#);
    let manifests = read(&[
        ("m/z.yml", &a),
        ("m/sub/deep/b.yaml", &b),
        ("m/c.json", c),
        ("m/.hidden.yaml", "["),
        ("m/README.md", "["),
    ]);
    let expected = ["m/c.json:1 configmap/c", "m/sub/deep/b.yaml:1 configmap/b", "m/z.yml:1 configmap/a"];
    assert_eq!(sources(&manifests.unwrap()), expected);
}

#[test]
fn documents_lists_and_nothing() {
    let list = "apiVersion: v1\nkind: List\nitems:\n  - { apiVersion: v1, kind: ConfigMap, metadata: { name: c } }\n  - apiVersion: v1\n    kind: SecretList\n    items:\n      - { apiVersion: v1, kind: Secret, metadata: { name: d } }\n";
    let text =
        format!("# A comment.\n---\n{}---\n---\n# Nothing.\n---\n{}---\n{list}", config_map("a"), config_map("b"));
    let manifests = read(&[("m/a.yaml", &text)]).unwrap();
    let expected =
        ["m/a.yaml:3 configmap/a", "m/a.yaml:11 configmap/b", "m/a.yaml:19 configmap/c", "m/a.yaml:23 secret/d"];
    assert_eq!(sources(&manifests), expected);
}

/// Scalars are parsed like by `kubectl`.
#[rstest]
#[case::legacy_octal("0644", json!(420))]
#[case::octal("0o644", json!(420))]
#[case::hexadecimal("0x1F", json!(31))]
#[case::underscores("1_000", json!(1000))]
#[case::quoted("'0644'", json!("0644"))]
#[case::not_octal("08", json!(8))]
#[case::yes("yes", json!(true))]
#[case::off("off", json!(false))]
#[case::quoted_yes("'yes'", json!("yes"))]
#[case::boolean_keys("{ on: 1, no: 2, y: 3, 4: 5 }", json!({"on": 1, "no": 2, "y": 3, "4": 5}))]
#[case::whole_float("1.0", json!(1))]
#[case::exponent("1e3", json!(1000))]
#[case::fraction("0.5", json!(0.5))]
#[case::largest("18446744073709551615", json!(u64::MAX))]
#[case::smallest("-9223372036854775808", json!(i64::MIN))]
#[case::float_beyond_exact("1e17", json!(1e17))]
#[case::big_in_quotes("'123456789012345678901234567890'", json!("123456789012345678901234567890"))]
#[case::date("2001-01-01", json!("2001-01-01"))]
#[case::not_sexagesimal("8080:80", json!("8080:80"))]
#[case::anchors("{ a: &x { k: 1 }, b: *x, c: { <<: *x, m: 2 } }", json!({"a": {"k": 1}, "b": {"k": 1}, "c": {"k": 1, "m": 2}}))]
#[case::nothing("~", json!(null))]
#[case::block("|\n  a\n  b", json!("a\nb\n"))]
fn scalars(#[case] yaml: &str, #[case] expected: Value) {
    assert_eq!(spec(yaml).unwrap(), expected);
}

#[test]
fn a_file_mode_survives_to_the_api_server() {
    let volume = spec("{ volumes: [{ name: v, configMap: { name: c, defaultMode: 0644 } }] }").unwrap();
    assert_eq!(volume["volumes"][0]["configMap"]["defaultMode"], json!(420));
    assert_eq!(serde_json::to_string(&volume["volumes"][0]["configMap"]["defaultMode"]).unwrap(), "420");
}

#[rstest]
#[case::too_big("123456789012345678901234567890", "4:7", "this integer is too big for 64 bits")]
#[case::infinite(".inf", "4:7", "`.inf` is not a finite number")]
#[case::twice("{ a: 1, a: 2 }", "4:15", "the key `a` is written twice")]
#[case::no_anchor("*a", "4:7", "this alias has no anchor in its document")]
#[case::null_key("{ ~: 1 }", "4:9", "a key must be text, not nothing")]
fn bad_values(#[case] yaml: &str, #[case] place: &str, #[case] says: &str) {
    let error = spec(yaml).unwrap_err();
    let first = &error.diagnostics()[0];
    assert_eq!((first.position.unwrap().to_string().as_str(), first.message.as_str()), (place, says));
}

#[test]
fn nesting_has_an_end() {
    let error = spec(&"[".repeat(100_000)).unwrap_err();
    assert_eq!(error.diagnostics()[0].message, "this is nested too deeply");
    let error = spec(&format!("\n  {}a", "- ".repeat(100_000))).unwrap_err();
    assert_eq!(error.diagnostics()[0].message, "this is nested too deeply");
    let deep = format!("{}{}", "{ a: ".repeat(120), " }".repeat(120));
    assert!(spec(&deep).is_ok());
}

#[test]
fn every_problem_of_every_file_is_reported() {
    let missing =
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  lables: { app: a }\n---\nmetadata: { name: b }\n---\n- a\n";
    let types = "apiVersion: 1\nkind: Service\nmetadata:\n  name: a\n  labels:\n    app: true\n    tier: 5\n";
    let error = read(&[("m/a.yaml", missing), ("m/b.yaml", types), ("m/c.yaml", "kind: [\n")]).unwrap_err();
    assert_data_eq!(
        error.to_string(),
        str![[r#"
error: unknown key `lables`
 --> m/a.yaml:4:3
  |
4 |   lables: { app: a }
  |   ^^^^^^
  |
  = help: did you mean `labels`?

error: `metadata.name` is missing here
 --> m/a.yaml:4:3
  |
4 |   lables: { app: a }
  |   ^^^^^^

error: `apiVersion` is missing here
 --> m/a.yaml:6:1
  |
6 | metadata: { name: b }
  | ^^^^^^^^

error: `kind` is missing here
 --> m/a.yaml:6:1
  |
6 | metadata: { name: b }
  | ^^^^^^^^

error: a manifest must be a mapping with `apiVersion` and `kind`
 --> m/a.yaml:8:3
  |
8 | - a
  |   ^

error: `apiVersion` must be text
 --> m/b.yaml:1:13
  |
1 | apiVersion: 1
  |             ^

error: expected a string, found the boolean `true`
 --> m/b.yaml:6:10
  |
6 |     app: true
  |          ^^^^
  |
  = help: put it in quotes

error: expected a string, found the number `5`
 --> m/b.yaml:7:11
  |
7 |     tier: 5
  |           ^
  |
  = help: put it in quotes

error: not valid YAML: unclosed bracket '['
 --> m/c.yaml:1:7
  |
1 | kind: [
  |       ^
"#]]
    );
}

#[test]
fn an_object_that_is_there_twice_is_named_with_both_places() {
    let error = read(&[("m/a.yaml", &config_map("a")), ("m/b.yaml", &config_map("a"))]).unwrap_err();
    assert_data_eq!(
        error.to_string(),
        str![[r#"
error: `configmap/a` is there twice
 --> m/b.yaml:4:9
  |
4 |   name: a
  |         ^
  |
 ::: m/a.yaml:4:9
  |
4 |   name: a
  |         - first here
  |
  = help: the second would change the first: remove one of them
"#]]
    );
}

#[test]
fn the_same_name_may_be_in_two_namespaces_and_kinds() {
    let other = config_map("a").replace("name: a", "name: a\n  namespace: other");
    let kind = config_map("a").replace("ConfigMap", "Secret");
    assert_eq!(read(&[("m/a.yaml", &config_map("a")), ("m/b.yaml", &other), ("m/c.yaml", &kind)]).unwrap().len(), 3);
}

#[test]
fn two_components_do_not_share_an_object() {
    let folder =
        folder(&[("a/x.yaml", &config_map("a")), ("b/x.yaml", &config_map("a")), ("c/x.yaml", &config_map("c"))]);
    let mut reader = Reader::default();
    let first = reader.plain(folder.path(), "a", None);
    reader.plain(folder.path(), "b", None);
    let error = reader.finish(first).unwrap_err();
    assert_eq!(error.diagnostics()[0].message, "`configmap/a` is there twice");
    assert_eq!(error.diagnostics()[0].file, Path::new("b/x.yaml"));
    let mut reader = Reader::default();
    let groups = ["c", "a"].map(|path| reader.plain(folder.path(), path, None));
    assert_eq!(reader.finish(groups).unwrap().map(|group| group.len()), [1, 1]);
    // The same names in another namespace are other objects.
    let mut reader = Reader::default();
    let all = [(None, "a"), (Some("b"), "b")].map(|(namespace, path)| reader.plain(folder.path(), path, namespace));
    let all = reader.finish(all).unwrap();
    let places = all.map(|group| group[0].object.metadata.namespace.clone());
    assert_eq!(places, [None, Some("b".into())]);
}

#[test]
fn paths_without_objects_are_refused() {
    let folder = folder(&[("m/a.yaml", "# nothing\n")]);
    let error = load(folder.path(), &["m".into(), "nowhere".into()]).unwrap_err();
    assert_data_eq!(
        error.to_string(),
        str![[r#"
error: there is no object in here
--> m

error: this path cannot be read: no such file or directory
--> nowhere
"#]]
    );
}

#[test]
fn generated_metadata_is_accepted() {
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  creationTimestamp: null\n  labels: ~\n";
    assert_eq!(read(&[("m/a.yaml", text)]).unwrap().len(), 1);
}
