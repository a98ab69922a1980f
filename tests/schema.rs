//! The schema of `e2e.yaml` is what the types say, and the suites of this repository and of its documentation match it. Judged
//! objects match the schema of `kind-harness verdict -o json`.

use std::path::{Path, PathBuf};

use jsonschema::Validator;
use kind_harness::readiness::{Settings, judge_saved};
use kind_harness::suite::config::{duration, json_schema};
use rstest::rstest;
use schemars::Schema;
use serde_json::{Value, json};

fn path(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(name: &str) -> String {
    fs_err::read_to_string(path(name)).expect("a file of ours")
}

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).expect("YAML")
}

/// Returns the YAML examples of a page that are parts of a suite: not those that a comment names as another file.
fn examples(page: &str) -> Vec<Value> {
    let text = read(page);
    let blocks = text.split("```yaml\n").skip(1).filter_map(|block| block.split("```").next());
    let is_suite = |block: &&str| match block.lines().next().and_then(|line| line.strip_prefix("# ")) {
        Some(path) if path.ends_with(".yaml") => path == "e2e.yaml",
        _ => !block.contains("apiVersion: apps/v1\n"),
    };
    let whole = |example: Value| if example.is_array() { json!({"components": example}) } else { example };
    blocks.filter(is_suite).map(yaml).map(whole).collect()
}

fn validator() -> Validator {
    jsonschema::draft7::new(json_schema().as_value()).expect("a schema")
}

/// Returns the errors that a validator reports for a suite, each with its place.
fn problems(suite: &Value) -> Vec<String> {
    validator().iter_errors(suite).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// Returns a minimal suite with `fields` added or replaced.
fn suite(fields: &Value) -> Value {
    let mut suite = json!({
        "suite": "shop",
        "namespace": "shop",
        "components": [{"name": "api", "manifests": ["manifests/api"]}],
    });
    merge(&mut suite, fields);
    suite
}

fn component(fields: &Value) -> Value {
    let mut component = json!({"name": "api", "manifests": ["manifests/api"]});
    merge(&mut component, fields);
    suite(&json!({"components": [component]}))
}

fn merge(mapping: &mut Value, fields: &Value) {
    let fields = fields.as_object().expect("a mapping").clone();
    mapping.as_object_mut().expect("a mapping").extend(fields);
}

#[test]
fn the_schema_is_the_published_one() {
    let (file, schema): (_, Schema) = ("schema/e2e.yaml.json", json_schema());
    jsonschema::meta::validate(schema.as_value()).expect("a schema");
    if std::env::var_os("UPDATE").is_some() {
        let text = serde_json::to_string_pretty(&schema).expect("JSON");
        fs_err::write(path(file), format!("{text}\n")).expect("a file of ours");
    }
    // The order of keys is not compared: a feature that another crate may enable in serde_json decides on it.
    let published: Value = serde_json::from_str(&read(file)).expect("JSON");
    let told = "is not what the types say; write it anew: UPDATE=1 cargo test --test schema";
    assert!(published == *schema.as_value(), "{file} {told}");
}

#[rstest]
#[case("e2e.yaml")]
#[case("tests/faults/e2e.yaml")]
#[case("tests/attribute/e2e.yaml")]
#[case("crates/cli/tests/lifecycle/e2e.yaml")]
#[case("tests/fixtures/config/valid.yaml")]
#[case("examples/operator/e2e.yaml")]
#[case("examples/polyglot/e2e.yaml")]
#[case("examples/shop/e2e.yaml")]
fn suites_match(#[case] file: &str) {
    assert_eq!(problems(&yaml(&read(file))), [""; 0]);
}

/// Examples that show only some keys are completed with the required ones.
#[rstest]
#[case("README.md", 1)]
#[case("docs/e2e-yaml.md", 2)]
#[case("docs/guide.md", 2)]
fn examples_of_the_documentation_match(#[case] page: &str, #[case] at_least: usize) {
    let examples = examples(page);
    assert!(examples.len() >= at_least, "{page}: {} examples", examples.len());
    for example in examples {
        assert_eq!(problems(&suite(&example)), [""; 0], "{page}: {example}");
    }
}

#[rstest]
#[case(suite(&json!({"deadline": "1m 30s", "retry": {"jitter": "0s"}})))]
#[case(suite(&json!({"ready": {"grace": {"FailedMount": "0s", "OOMKilled": 1}}})))]
#[case(suite(&json!({"ready": {"kinds": [{"apiVersion": "a/v1", "kind": "B", "ready": {"path": ".c", "value": 3}}]}})))]
#[case(suite(&json!({"cluster": {"provider": "existing", "context": "mine"}})))]
#[case(component(&json!({"ports": [{"name": "http", "node": 30000}, {"name": "b", "node": 30001, "host": "auto"}]})))]
#[case(component(&json!({"checks": [{"service": "redis:6379"}, {"service": "api:80", "path": "/"}, {"exec": ["true"]}]})))]
fn right_suites_match(#[case] suite: Value) {
    assert_eq!(problems(&suite), [""; 0]);
}

#[rstest]
#[case::unknown_key(suite(&json!({"namespaces": "shop"})), "'namespaces'")]
#[case::unknown_key_of_a_component(component(&json!({"need": []})), "'need'")]
#[case::missing_key(json!({"suite": "shop", "components": [{"name": "a", "manifests": ["a"]}]}), "\"namespace\"")]
#[case::wrong_type(suite(&json!({"components": {"name": "a"}})), "\"array\"")]
#[case::number_for_a_duration(suite(&json!({"deadline": 90})), "\"string\"")]
#[case::duration_without_unit(suite(&json!({"deadline": "90"})), "does not match")]
#[case::no_time_at_all(suite(&json!({"deadline": "0s"})), "does not match")]
#[case::unknown_word(suite(&json!({"strategy": "fast"})), "\"fast\"")]
#[case::no_label(suite(&json!({"suite": "Shop"})), "does not match")]
#[case::no_components(suite(&json!({"components": []})), "less than 1 item")]
#[case::no_node_port(component(&json!({"ports": [{"name": "http", "node": 8080}]})), "30000")]
#[case::host_word(component(&json!({"ports": [{"name": "http", "node": 30080, "host": "any"}]})), "oneOf")]
#[case::host_zero(component(&json!({"ports": [{"name": "http", "node": 30080, "host": 0}]})), "oneOf")]
#[case::service_without_port(component(&json!({"checks": [{"service": "redis"}]})), "anyOf")]
#[case::two_targets(component(&json!({"checks": [{"service": "redis:6379", "exec": ["true"]}]})), "oneOf")]
#[case::port_without_path(component(&json!({"checks": [{"port": "http"}]})), "oneOf")]
#[case::unknown_reason(suite(&json!({"ready": {"grace": {"Evicted": "1s"}}})), "'Evicted'")]
#[case::null_for_a_grace(suite(&json!({"ready": {"grace": {"FailedMount": null}}})), "\"string\"")]
fn wrong_suites_do_not_match(#[case] suite: Value, #[case] told: &str) {
    let problems = problems(&suite);
    assert!(problems.iter().any(|problem| problem.contains(told)), "{told}: {problems:?}");
}

/// Editors show the description of a key.
#[test]
fn every_key_is_described() {
    let schema = json_schema();
    let definitions = schema.get("definitions").and_then(Value::as_object).unwrap();
    let suite = ("Suite", schema.as_value());
    let types = definitions.iter().map(|(name, definition)| (name.as_str(), definition)).chain([suite]);
    let keys = types.flat_map(|(name, definition)| {
        let properties = definition.get("properties").and_then(Value::as_object).into_iter().flatten();
        properties.map(move |(key, property)| (name, key, property))
    });
    let keys: Vec<_> = keys.collect();
    assert!(keys.len() > 40, "{}", keys.len());
    for (name, key, property) in keys {
        assert!(property.get("description").is_some(), "{name}: {key}");
    }
}

/// The schema and the reader agree on durations as the documentation writes them.
#[rstest]
fn durations_match_that_can_be_read(
    #[values("90s", "2m", "1m30s", "1m 30s", "1h", "500ms", "2 minutes", "1.5s", "1h, 30m")] right: &str,
) {
    assert!(duration::parse(right).is_ok(), "{right}");
    assert_eq!(problems(&suite(&json!({"deadline": right}))), [""; 0]);
}

#[rstest]
fn durations_do_not_match_that_cannot_be_read(
    #[values("", "s", "90", "-90s", "0s", "0m", "soon", "90s ago")] wrong: &str,
) {
    assert!(duration::parse(wrong).is_err(), "{wrong}");
    assert!(!problems(&suite(&json!({"deadline": wrong}))).is_empty(), "{wrong}");
}

/// Objects that are ready, waiting and failed, with and without a namespace and an object to blame.
#[test]
fn judged_objects_match() {
    let objects = json!([
        {"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "shop", "uid": "d", "generation": 1},
            "status": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 0}},
        {"apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": {"name": "web-1", "namespace": "shop", "uid": "r",
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "d"}]},
            "status": {"observedGeneration": 1, "replicas": 1}},
        {"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "web-1-a", "namespace": "shop", "uid": "p",
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-1", "uid": "r"}]},
            "status": {"containerStatuses": [{"name": "app", "restartCount": 4,
                "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": {"exitCode": 7}}}]}},
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "new", "namespace": "shop"}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}},
    ]);
    let objects = objects.as_array().unwrap().clone();
    let judged = judge_saved(objects, Vec::new(), &Settings::default(), jiff::Timestamp::now());
    let judged = serde_json::to_value(judged).unwrap();
    let verdicts: Vec<_> = judged.as_array().unwrap().iter().map(|judged| judged["verdict"].clone()).collect();
    assert_eq!(verdicts, ["failed", "failed", "failed", "waiting", "ready"]);
    assert_eq!(judged[0]["cause"]["name"], "web-1-a");

    let schema: Value = serde_json::from_str(&read("schema/verdict.json")).unwrap();
    let schema = jsonschema::draft202012::new(&schema).unwrap();
    schema.validate(&judged).unwrap();
    let wrong = |key: &str, value: Value| {
        let mut wrong = judged.clone();
        wrong[0][key] = value;
        !schema.is_valid(&wrong)
    };
    assert!(wrong("verdict", json!("Failed")));
    assert!(wrong("reason", Value::Null));
    assert!(wrong("cause", json!("pod/web-1-a")));
}
