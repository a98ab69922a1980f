//! Properties of malformed labels, leases, records and names: nothing outside of the state folder is accessed, and
//! nothing is removed whose id was not recorded. `PROPTEST_CASES` sets the number of cases.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::cluster::lease::{Claim, Lease};
use crate::cluster::{Owner, labels};
use crate::suite::config::Keep;

fn config() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig { cases: cases.unwrap_or(10_000), failure_persistence: None, ..ProptestConfig::default() }
}

/// Generates texts known to break programs, and some valid ones.
fn hostile() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "",
        ".",
        "..",
        "/",
        "../../victim",
        "/etc",
        "a/b",
        "a/../b",
        "./a",
        "-a",
        "--all",
        "-rf",
        "a b",
        "a\nb",
        "a\0b",
        "locks",
        "bundles",
        "nodes.lock",
        "~",
        "$HOME",
        "%2e%2e",
        "..\\a",
        "a",
        "shop",
        "shop-1",
        "A",
        "ä",
        "a.b",
        "1f2e",
        "ff00",
        "0",
    ]);
    prop_oneof![3 => known.prop_map(str::to_owned), 1 => "\\PC{0,70}", 1 => "[a-z0-9-]{1,60}", 1 => "[0-9a-f]{1,70}"]
}

fn folders() -> Folders {
    Folders { cache: "/c/kind-harness".into(), state: "/s/kind-harness".into() }
}

fn lease() -> Value {
    let lease = Lease::take(Owner::current().expect("this process"), Keep::Never, None);
    serde_json::to_value(lease).expect("JSON")
}

/// Generates JSON, mostly of the wrong type.
fn json() -> impl Strategy<Value = Value> {
    prop_oneof![
        hostile().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(Value::Null),
        Just(json!([])),
        Just(json!({})),
    ]
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn no_name_leads_out_of_the_state_folder(name in hostile()) {
        if let Ok(name) = ClusterName::new(name) {
            let folder = folders().cluster(&name);
            prop_assert_eq!(folder.parent(), Some(Path::new("/s/kind-harness")));
            prop_assert_eq!(folder.file_name(), Some(std::ffi::OsStr::new(name.as_str())));
            prop_assert_eq!(folder.components().count(), 4);
            for own in [folders().locks(), folders().bundles(), folders().nodes_lock()] {
                prop_assert!(folder != own);
            }
        }
    }

    #[test]
    fn no_labels_are_believed_that_are_not_whole(
        cluster in prop::option::of(hostile()), kind in prop::option::of(hostile()), user in prop::option::of(hostile()),
        state in prop::option::of(hostile()), lease in prop::option::of(hostile()), node in hostile(), right in any::<u8>(),
    ) {
        let right = |bit: u8, given: Option<String>, usual: &str| if right & bit == 0 { Some(usual.to_owned()) } else { given };
        let me = rustix::process::geteuid().as_raw().to_string();
        let written = [
            ("kind-harness.dev/cluster", right(1, cluster, "shop")),
            (labels::KIND, right(2, kind, "shop")),
            ("kind-harness.dev/uid", right(4, user, &me)),
            (STATE, right(8, state, "/s/kind-harness")),
            ("kind-harness.dev/lease", right(16, lease, &self::lease().to_string())),
            ("io.x-k8s.kind.role", Some("worker".to_owned())),
        ];
        let node = if right(32, None, "").is_some() { "shop-worker".to_owned() } else { node };
        let on_it: BTreeMap<_, _> =
            written.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect();
        if let Some(identity) = labels::read(&node, &on_it) {
            prop_assert!(ClusterName::new(identity.name.as_str()).is_ok());
            prop_assert!(node.starts_with(identity.name.as_str()));
            let kind = identity.is_node.then_some(identity.name.as_str());
            prop_assert_eq!(on_it.get(labels::KIND).map(String::as_str), kind);
            prop_assert_eq!(on_it.get("kind-harness.dev/uid"), Some(&me));
        }
    }

    #[test]
    fn no_record_removes_what_it_does_not_name_by_id(
        name in hostile(), ids in prop::collection::vec(hostile(), 0..4), found in prop::collection::vec(hostile(), 0..6),
        spoilt in prop::option::of((0_usize..6, json())),
    ) {
        let nodes: Vec<_> = ids.iter().map(|id| json!({"name": format!("{name}-control-plane"), "id": id})).collect();
        let mut record = json!({
            "name": name, "suite": "e2e.yaml", "namespace": "n", "provider": "kind", "context": null,
            "engine": {"kind": "podman", "containers_conf": null}, "nodes": nodes, "ports": {}, "shape": "",
            "created": "2026-01-01T00:00:00Z", "lease": lease(), "deployment": null,
        });
        if let Some((field, value)) = spoilt {
            record[["name", "engine", "nodes", "ports", "lease", "deployment"][field]] = value;
        }
        let Ok(record) = serde_json::from_value::<Record>(record) else { return Ok(()) };
        prop_assert!(ClusterName::new(record.name.as_str()).is_ok());
        let Some(owned) = Owned::recorded(&record, Path::new("/nowhere")) else { return Ok(()) };
        let found: Vec<_> = found.into_iter().chain(ids.clone()).map(|id| Node { name: "n".into(), id }).collect();
        for node in owned.removable(found) {
            prop_assert!(ids.contains(&node.id), "{} was not recorded", node.id);
            prop_assert!(node.id.bytes().all(|byte| byte.is_ascii_hexdigit()) && !node.id.is_empty());
        }
    }

    #[test]
    fn remains_that_are_read_back_remove_nothing_without_an_id(
        ids in prop::collection::btree_set(hostile(), 0..4), found in prop::collection::vec(hostile(), 0..6),
    ) {
        let written = json!([{"name": "shop", "engine": {"kind": "podman", "containers_conf": null}, "containers": ids, "volumes": ids}]);
        let all: Vec<Owned> = serde_json::from_value(written).expect("it has the form");
        let ids: BTreeSet<_> = ids;
        let found: Vec<_> = found.into_iter().chain(ids.clone()).map(|id| Node { name: "n".into(), id }).collect();
        for node in all[0].removable(found) {
            prop_assert!(ids.contains(&node.id) && is_id(&node.id));
        }
    }

    #[test]
    fn no_lease_of_a_running_owner_expires(field in 0_usize..5, value in json(), now in any::<i32>()) {
        let mut written = lease();
        written[["run", "session", "keep", "taken", "until"][field]] = value;
        let Ok(lease) = serde_json::from_value::<Lease>(written) else { return Ok(()) };
        let now = Timestamp::from_second(i64::from(now)).expect("within range");
        prop_assert_eq!(lease.claim(now), Claim::InUse);
    }
}
