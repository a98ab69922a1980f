use serde_json::json;

use super::*;

pub(crate) fn sample(signal_type: &str) -> Value {
    json!({
        "incident_id": "inc-1", "remediation_id": "rem-1", "signal_type": signal_type, "severity": "critical",
        "signal_source": "prometheus", "resource_namespace": "shop", "resource_kind": "Deployment",
        "resource_name": "cart", "error_message": "container was killed", "environment": "production",
        "priority": "P1", "risk_tolerance": "low", "business_category": "standard", "cluster_name": "kind",
    })
}

fn errors_of(value: Value) -> Vec<String> {
    let errors = Incident::parse(value).err().unwrap_or_default();
    errors.into_iter().map(|error| format!("{} {}", error.field, error.detail)).collect()
}

#[test]
fn every_required_field_is_named_when_it_is_missing() {
    let Value::Object(whole) = sample("OOMKilled") else { unreachable!() };
    assert!(Incident::parse(Value::Object(whole.clone())).is_ok());
    for name in whole.keys() {
        let mut object = whole.clone();
        object.remove(name);
        assert_eq!(errors_of(Value::Object(object)), [format!("{name} is required")]);
    }
    assert_eq!(errors_of(json!({})).len(), whole.len(), "all of them at once");
}

#[test]
fn what_is_kept_is_what_was_understood() {
    let mut request = sample("OOMKilled");
    request["enrichment_results"] = json!({"detectedLabels": {"stateful": true}});
    let whole = request.clone();
    request["unknown"] = json!("\0");
    let incident = Incident::parse(request).unwrap();
    assert_eq!(serde_json::to_value(incident).unwrap(), whole);
}

#[test]
fn the_owner_chain_decides_whether_the_target_is_in_it() {
    let with = |chain: Value| {
        let mut value = sample("OOMKilled");
        value["enrichment_results"] = json!({"ownerChain": chain});
        value
    };
    let is_in = |chain| Incident::parse(with(chain)).unwrap().target_in_owner_chain();
    assert!(is_in(Value::Null));
    assert!(is_in(json!([])));
    assert!(is_in(json!([{"kind": "ReplicaSet", "name": "cart-1"}, {"kind": "Deployment", "name": "cart"}])));
    assert!(!is_in(json!([{"kind": "DaemonSet", "name": "agent"}])));

    assert_eq!(errors_of(with(json!("cart"))), ["enrichment_results.ownerChain must be an array"]);
    let errors = errors_of(with(json!([{"kind": "ReplicaSet", "name": "cart-1"}, {"kind": 7}, "cart"])));
    let expected = ["[1].kind", "[1].name", "[2].kind", "[2].name"];
    assert_eq!(
        errors,
        expected.map(|at| format!("enrichment_results.ownerChain{at} must be a string that is not empty"))
    );
}
