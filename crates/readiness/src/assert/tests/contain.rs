//! Containment and changes, as pure functions.

use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Map, Value, json};

use crate::assert::changes::changes;
use crate::assert::contain::{contains, mismatches};
use crate::assert::path::Pair;
use crate::assert::requirement::Requirement;

const DEPLOYMENT: &str = r#"
metadata: {name: web, labels: {app.kubernetes.io/name: web}}
spec:
  replicas: 3
  template:
    spec:
      volumes: [{name: tmp, emptyDir: {}}]
      containers:
      - name: proxy
        image: proxy:1
        args: [--verbose, --port=80]
        ports: [{containerPort: 80, protocol: TCP}, {containerPort: 80, protocol: UDP}]
      - name: web
        image: web:1
        env: [{name: A, value: "1"}, {name: B, value: "2"}]
        resources: {limits: {cpu: 500m}}
status:
  readyReplicas: 2
  conditions: [{type: Available, status: "True"}, {type: Progressing, status: "False", reason: Stuck}]
"#;

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).expect("YAML")
}

/// Returns the differences as a failure prints them.
fn differences(object: &Value, wanted: &str) -> Vec<String> {
    let requirement = Requirement::<()>::yaml(wanted).expect("a requirement");
    let (_, differences) = requirement.differences(&(), Pair::plain(object), false);
    differences.iter().map(ToString::to_string).collect()
}

#[rstest]
#[case("spec: {replicas: 3}")]
#[case("spec: {replicas: '3'}")]
#[case("spec: {template: {spec: {containers: [{name: web, image: web:1}]}}}")]
#[case("spec: {template: {spec: {containers: [{name: web}, {name: proxy}]}}}")]
#[case("spec: {template: {spec: {containers: [{image: web:1}]}}}")]
#[case("spec: {template: {spec: {containers: [{args: ['--port=80']}]}}}")]
#[case("spec: {template: {spec: {containers: [{ports: [{containerPort: 80, protocol: UDP}]}]}}}")]
#[case("spec: {template: {spec: {containers: [{resources: {limits: {cpu: 0.5}}}]}}}")]
#[case("spec: {template: {spec: {volumes: [{name: tmp, emptyDir: {}}], initContainers: []}}}")]
#[case("spec: {paused: null}")]
#[case("status: {conditions: [{type: Progressing, status: 'False'}]}")]
fn a_piece_is_contained(#[case] wanted: &str) {
    assert_eq!(differences(&yaml(DEPLOYMENT), wanted), Vec::<String>::new());
    assert!(contains(&yaml(DEPLOYMENT), &yaml(wanted)));
}

#[rstest]
#[case("status: {readyReplicas: 3}", &["status.readyReplicas: wanted 3, was 2"])]
#[case("status: {availableReplicas: 3}", &["status.availableReplicas: wanted 3, was absent"])]
#[case("spec: {replicas: null}", &["spec.replicas: wanted absent or null, was 3"])]
#[case("spec: {template: text}", &[r#"spec.template: wanted "text", was {"spec":{"containers":[{"args":["--verbose","--port=80"],"image":"proxy:1","name":"proxy","ports":[{…"#])]
#[case("metadata: {labels: {app.kubernetes.io/name: api}}",
    &[r#"metadata.labels["app.kubernetes.io/name"]: wanted "api", was "web""#])]
#[case("status: {conditions: [{type: Progressing, status: 'True', reason: Done}]}",
    &[r#"status.conditions[type=Progressing].reason: wanted "Done", was "Stuck""#,
      r#"status.conditions[type=Progressing].status: wanted "True", was "False""#])]
#[case("status: {conditions: [{type: Failed, status: 'True'}]}",
    &[r#"status.conditions[type=Failed]: wanted {"status":"True","type":"Failed"}, was absent"#])]
#[case("spec: {template: {spec: {containers: [{name: web, env: [{name: B, value: '3'}]}]}}}",
    &[r#"spec.template.spec.containers[name=web].env[name=B].value: wanted "3", was "2""#])]
#[case("spec: {template: {spec: {containers: [{image: web:1, args: [x]}]}}}",
    &[r#"spec.template.spec.containers[1].args: wanted ["x"], was absent"#])]
#[case("spec: {template: {spec: {containers: [{name: proxy, args: [--quiet]}]}}}",
    &[r#"spec.template.spec.containers[name=proxy].args: wanted an item "--quiet", was ["--verbose","--port=80"]"#])]
#[case("spec: {template: {spec: {volumes: [{name: tmp, emptyDir: {}}, {name: data, emptyDir: {}}]}}}",
    &[r#"spec.template.spec.volumes[name=data]: wanted {"emptyDir":{},"name":"data"}, was absent"#])]
#[case("spec: {strategy: {}}", &["spec.strategy: wanted {}, was absent"])]
#[case("spec: {a: {b: 1, c: {d: 2}}}", &["spec.a.b: wanted 1, was absent", "spec.a.c.d: wanted 2, was absent"])]
fn what_is_not_contained_is_named(#[case] wanted: &str, #[case] expected: &[&str]) {
    assert_eq!(differences(&yaml(DEPLOYMENT), wanted), expected);
    assert!(!contains(&yaml(DEPLOYMENT), &yaml(wanted)));
}

#[rstest]
#[case("{status: {readyReplicas: 2}}", "{status: {readyReplicas: 3}}", &["status.readyReplicas: 2 -> 3"])]
#[case("{a: 1}", "{b: {c: 2}}", &["a: 1 -> absent", "b.c: absent -> 2"])]
#[case("{metadata: {resourceVersion: '1'}}", "{metadata: {resourceVersion: '2', managedFields: [{manager: me}]}}", &[])]
#[case("{spec: {resourceVersion: '1'}}", "{spec: {resourceVersion: '2'}}", &[r#"spec.resourceVersion: "1" -> "2""#])]
#[case("{conditions: [{type: A, status: 'True', lastTransitionTime: x}]}",
    "{conditions: [{type: B, status: 'True'}, {type: A, status: 'False', lastTransitionTime: y}]}",
    &[r#"conditions[type=A].status: "True" -> "False""#,
      r#"conditions[type=B].status: absent -> "True""#, r#"conditions[type=B].type: absent -> "B""#])]
#[case("{args: [a, b]}", "{args: [b]}", &[r#"args: ["a","b"] -> ["b"]"#])]
#[case("{rules: [{verbs: [get]}]}", "{rules: [{verbs: [list]}]}", &[r#"rules[0].verbs: ["get"] -> ["list"]"#])]
#[case("{list: []}", "{}", &[])]
#[case("{field: null}", "{}", &[])]
#[case("{volume: {emptyDir: {}}}", "{volume: {}}", &["volume.emptyDir: {} -> absent"])]
#[case("{env: [{name: A, value: '1'}, {name: A, value: '2'}]}", "{env: [{name: A, value: '1'}]}",
    &[r#"env: [{"name":"A","value":"1"},{"name":"A","value":"2"}] -> [{"name":"A","value":"1"}]"#])]
fn changes_are_named_by_field(#[case] before: &str, #[case] after: &str, #[case] expected: &[&str]) {
    let (before, after) = (yaml(before), yaml(after));
    let changes = changes(Pair::plain(&before), Pair::plain(&after));
    assert_eq!(changes.iter().map(ToString::to_string).collect::<Vec<_>>(), expected);
}

/// Generates any JSON, with merge keys of lists among its fields.
fn json_value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-c0-9]{0,3}".prop_map(Value::from),
    ];
    scalar.prop_recursive(4, 40, 4, |inner| {
        let field = prop_oneof![Just("name"), Just("type"), Just("ports"), Just("port"), Just("limits"), Just("x")];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((field, inner), 0..4)
                .prop_map(|fields| fields
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect::<Map<_, _>>())
                .prop_map(Value::from),
        ]
    })
}

/// Returns part of a value: `keep` returns for each field and item in turn whether it is kept.
fn selection(value: &Value, keep: &mut impl Iterator<Item = bool>) -> Value {
    match value {
        Value::Object(fields) => {
            let kept: Vec<_> = fields.iter().filter(|_| keep.next().unwrap_or(true)).collect();
            kept.into_iter().map(|(name, value)| (name.clone(), selection(value, keep))).collect::<Map<_, _>>().into()
        }
        Value::Array(items) => {
            let kept: Vec<_> = items.iter().filter(|_| keep.next().unwrap_or(true)).collect();
            kept.into_iter().map(|item| selection(item, keep)).collect::<Vec<_>>().into()
        }
        scalar => scalar.clone(),
    }
}

/// Replaces the `index`th scalar of `value` by a value that occurs nowhere; returns whether it has that many.
fn spoil(value: &mut Value, index: &mut usize) -> bool {
    match value {
        Value::Object(fields) => fields.values_mut().any(|value| spoil(value, index)),
        Value::Array(items) => items.iter_mut().any(|item| spoil(item, index)),
        scalar if *index == 0 => {
            *scalar = json!("occurs nowhere");
            true
        }
        _ => {
            *index -= 1;
            false
        }
    }
}

proptest! {
    #[test]
    fn every_value_contains_itself_and_every_part_of_itself(
        value in json_value(),
        keep in prop::collection::vec(any::<bool>(), 0..40),
    ) {
        prop_assert!(contains(&value, &value));
        let part = selection(&value, &mut keep.into_iter());
        prop_assert!(contains(&value, &part), "{part} in {value}");
        prop_assert!(changes(Pair::plain(&value), Pair::plain(&value)).is_empty());
    }

    #[test]
    fn what_occurs_nowhere_is_always_missed(value in json_value(), index in 0usize..20) {
        let mut spoilt = value.clone();
        if spoil(&mut spoilt, &mut index.clone()) {
            let found = mismatches(Pair::plain(&value), Pair::plain(&spoilt));
            prop_assert!(!found.is_empty(), "{spoilt} in {value}");
            prop_assert!(found.iter().all(|mismatch| mismatch.weight > 0));
        }
    }
}
