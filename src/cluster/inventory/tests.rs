//! Which objects count as ours.

use serde_json::json;

use super::*;

fn found(uid: &str, annotation: Option<&str>) -> DynamicObject {
    let annotations = annotation.map(|value| json!({ENVIRONMENT_ANNOTATION: value}));
    serde_json::from_value(json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "a", "namespace": "shop", "uid": uid, "annotations": annotations},
        "data": {"a": "b"}, "status": {"phase": "x"},
    }))
    .unwrap()
}

fn name(namespace: Option<&str>) -> ObjectRef {
    let namespace = namespace.map(str::to_owned);
    ObjectRef { api_version: "v1".into(), kind: "ConfigMap".into(), namespace, name: "a".into() }
}

fn empty() -> ObjectInventory {
    ObjectInventory::new("guest", "shop", "c".into())
}

#[test]
fn what_was_there_is_adopted_once_and_what_was_not_is_ours() {
    let mut inventory = empty();
    assert!(inventory.expect(Some("web"), name(None), Some(&found("1", None))));
    assert!(!inventory.expect(Some("web"), name(Some("shop")), Some(&found("1", None))), "told once");
    assert_eq!(inventory.objects.len(), 1);
    let target = inventory.target(&inventory.objects[0]);
    let Ownership::Adopted(adopted) = target.ownership else { panic!("{target:?}") };
    assert_eq!((adopted.uid.as_str(), &adopted.before["data"]), ("1", &json!({"a": "b"})));
    assert_eq!(adopted.before.get("status"), None);

    let mut inventory = empty();
    assert!(!inventory.expect(Some("web"), name(None), None));
    let environment = inventory.environment.clone();
    assert_eq!(inventory.target(&inventory.objects[0]).ownership, Ownership::Mark(environment));
    inventory.applied(&name(None), &found("2", None).metadata);
    assert_eq!(inventory.target(&inventory.objects[0]).ownership, Ownership::Uid("2".into()));
}

#[test]
fn what_a_killed_run_applied_is_known_by_its_annotation_alone() {
    let mut inventory = empty();
    inventory.expect(Some("web"), name(None), None);
    let mark = inventory.environment.clone();
    assert!(!inventory.clone().expect(Some("web"), name(None), Some(&found("3", Some(&mark)))));
    assert!(inventory.expect(Some("web"), name(None), Some(&found("3", Some("another")))), "somebody else's");
}

#[test]
fn an_object_that_was_replaced_by_another_is_adopted() {
    let mut inventory = empty();
    inventory.expect(Some("web"), name(None), None);
    inventory.applied(&name(None), &found("2", None).metadata);
    inventory.keep(true);
    let mark = inventory.environment.clone();
    assert!(inventory.expect(Some("web"), name(None), Some(&found("4", Some(&mark)))), "a copy has the annotation");
    assert!(!inventory.objects[0].kept);
}
