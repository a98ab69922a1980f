//! Merge keys: the fields that identify items of a list.

use serde_json::Value;

use super::path::Pair;

/// Lists of Kubernetes whose items have other keys than [`USUAL`]: the list's field, then its keys, of which the first
/// present one counts.
const LISTS: [(&str, &[&str]); 18] = [
    ("ports", &["containerPort", "port", "name"]),
    ("volumeMounts", &["mountPath"]),
    ("volumeDevices", &["devicePath"]),
    ("hostAliases", &["ip"]),
    ("podIPs", &["ip"]),
    ("hostIPs", &["ip"]),
    ("addresses", &["type"]),
    ("conditions", &["type"]),
    ("ownerReferences", &["uid", "name"]),
    ("topologySpreadConstraints", &["topologyKey"]),
    ("readinessGates", &["conditionType"]),
    ("taints", &["key"]),
    ("tolerations", &["key"]),
    ("matchExpressions", &["key"]),
    ("items", &["key"]),
    ("rules", &["host", "name"]),
    ("subjects", &["name"]),
    ("managedFields", &["manager"]),
];

/// The keys of any other list.
const USUAL: &[&str] = &["name", "type", "key", "id"];

/// Returns the field that identifies `item` of the list `list`, and its value; `None` if it has no such field.
pub(super) fn key<'a>(list: &str, item: Pair<'a>) -> Option<(&'static str, Pair<'a>)> {
    let keys = LISTS.iter().find(|(field, _)| *field == list).map_or(USUAL, |(_, keys)| *keys);
    let scalar = |value: &Value| value.is_string() || value.is_number();
    keys.iter().find_map(|key| item.get(key).filter(|pair| scalar(pair.value)).map(|pair| (*key, pair)))
}

/// Formats a merge key in a path: `name=web`.
pub(super) fn label((key, pair): (&str, Pair<'_>)) -> String {
    match pair.shown {
        Value::String(text) => format!("{key}={text}"),
        other => format!("{key}={other}"),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case("containers", json!({"image": "x", "name": "web"}), Some("name=web"))]
    #[case("conditions", json!({"type": "Ready", "name": "other"}), Some("type=Ready"))]
    #[case("ports", json!({"containerPort": 80, "name": "http"}), Some("containerPort=80"))]
    #[case("ports", json!({"port": 80, "targetPort": 8080}), Some("port=80"))]
    #[case("ports", json!({"name": "http"}), Some("name=http"))]
    #[case("volumeMounts", json!({"name": "data", "mountPath": "/data"}), Some("mountPath=/data"))]
    #[case("shards", json!({"id": 7}), Some("id=7"))]
    #[case("containers", json!({"name": {"not": "a scalar"}}), None)]
    #[case("args", json!("--verbose"), None)]
    fn items_are_told_apart_by_their_key(#[case] list: &str, #[case] item: Value, #[case] expected: Option<&str>) {
        assert_eq!(key(list, Pair::plain(&item)).map(label).as_deref(), expected);
    }
}
