//! Secrets by which pods pull their images.

use kube::core::DynamicObject;
use serde_json::{Value, json};

use crate::readiness::kinds;

/// Lets every pod template of `object`, which is of a built-in kind, use the Secret `name` to pull images. Returns whether
/// it has any. Custom resources stay as they are: what their fields mean is not known.
pub(crate) fn pull_with(object: &mut DynamicObject, name: &str) -> bool {
    let is_builtin = |version: &str| kinds::is_builtin(kinds::group_of(version));
    object.types.as_ref().is_some_and(|types| is_builtin(&types.api_version)) && specs(&mut object.data, name)
}

fn specs(value: &mut Value, name: &str) -> bool {
    let mut has_pods = false;
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| has_pods |= specs(item, name)),
        Value::Object(fields) => {
            for (key, field) in fields {
                if key == "spec" && field.get("containers").is_some_and(Value::is_array) {
                    has_pods = true;
                    add(field, name);
                }
                has_pods |= specs(field, name);
            }
        }
        _ => {}
    }
    has_pods
}

fn add(spec: &mut Value, name: &str) {
    let secrets = &mut spec["imagePullSecrets"];
    if secrets.is_null() {
        *secrets = json!([]);
    }
    // The API server rejects what is not a list.
    if let Some(secrets) = secrets.as_array_mut()
        && !secrets.iter().any(|secret| secret["name"] == name)
    {
        secrets.push(json!({"name": name}));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(object: Value) -> (bool, Value) {
        let mut object: DynamicObject = serde_json::from_value(object).unwrap();
        let has_pods = pull_with(&mut object, "login");
        assert_eq!(pull_with(&mut object, "login"), has_pods, "a second time changes nothing");
        (has_pods, object.data)
    }

    #[test]
    fn pods_keep_the_secrets_that_they_have() {
        let spec = json!({"containers": [{"name": "a"}], "imagePullSecrets": [{"name": "own"}]});
        let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"},
            "spec": {"template": {"spec": spec}}});
        let (has_pods, data) = with(deployment);
        assert!(has_pods);
        assert_eq!(data["spec"]["template"]["spec"]["imagePullSecrets"], json!([{"name": "own"}, {"name": "login"}]));
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": []}});
        assert_eq!(with(pod).1["spec"]["imagePullSecrets"], json!([{"name": "login"}]));
    }

    #[test]
    fn what_has_no_pods_stays_as_it_is() {
        for (version, kind) in [("v1", "ConfigMap"), ("monitoring.example.com/v1", "Prometheus")] {
            let spec = if kind == "ConfigMap" { json!({}) } else { json!({"containers": [{"name": "a"}]}) };
            let object = json!({"apiVersion": version, "kind": kind, "metadata": {"name": "a"}, "spec": spec.clone()});
            assert_eq!(with(object), (false, json!({"spec": spec})), "{kind}");
        }
    }
}
