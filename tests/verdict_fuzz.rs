//! The rules on objects that nobody would write. `PROPTEST_CASES` says how many; each case is a world of six objects.

use kind_harness::readiness::{Field, KindRule, Settings, judge_saved};
use proptest::prelude::*;
use proptest::test_runner::TestRng;
use serde_json::{Map, Number, Value};

const KINDS: [(&str, &str); 26] = [
    ("v1", "Pod"),
    ("v1", "Pod"),
    ("v1", "Event"),
    ("v1", "Service"),
    ("v1", "Endpoints"),
    ("v1", "Namespace"),
    ("v1", "Node"),
    ("v1", "PersistentVolumeClaim"),
    ("v1", "ReplicationController"),
    ("v1", "List"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "ReplicaSet"),
    ("apps/v1", "StatefulSet"),
    ("apps/v1", "DaemonSet"),
    ("batch/v1", "Job"),
    ("batch/v1", "CronJob"),
    ("autoscaling/v9", "HorizontalPodAutoscaler"),
    ("networking.k8s.io/v1", "Ingress"),
    ("policy/v1", "PodDisruptionBudget"),
    ("storage.k8s.io/v1", "StorageClass"),
    ("discovery.k8s.io/v1", "EndpointSlice"),
    ("apiregistration.k8s.io/v1", "APIService"),
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
    ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"),
    ("example.com/v1", "Widget"),
    ("example.com/v1", "WidgetList"),
];

/// The fields that rules read, wherever they may stand.
const FIELDS: &str = "metadata spec status name namespace uid generation deletionTimestamp creationTimestamp labels annotations \
    ownerReferences kind apiVersion items observedGeneration conditions type status reason message replicas readyReplicas \
    updatedReplicas availableReplicas currentRevision updateRevision updateStrategy rollingUpdate partition \
    desiredNumberScheduled currentNumberScheduled updatedNumberScheduled numberReady numberAvailable phase containers \
    initContainers containerStatuses initContainerStatuses state waiting running terminated lastState restartCount exitCode \
    ready started restartPolicy image resources limits memory volumes persistentVolumeClaim claimName nodeName selector app \
    ports port targetPort endpoints subsets addresses loadBalancer ingress involvedObject regarding note lastTimestamp series \
    webhooks clientConfig service storageClassName volumeBindingMode group names plural versions completions succeeded failed \
    suspend paused kubernetes.io/service-name deployment.kubernetes.io/revision controller-revision-hash x";

const WORDS: &str = "True False Unknown a b p web Pod Running Pending Failed Succeeded Bound Lost Active Terminating Ready \
    Available Progressing Stalled Reconciling Degraded Established NamesAccepted ReplicaFailure PodScheduled Unschedulable \
    ProgressDeadlineExceeded Complete CrashLoopBackOff OOMKilled StartError RunContainerError ErrImagePull ImagePullBackOff \
    InvalidImageName ErrImageNeverPull CreateContainerConfigError CreateContainerError ContainerCreating FailedMount \
    FailedCreate ProvisioningFailed WaitForFirstConsumer Unhealthy OnDelete Always Never Normal LoadBalancer ExternalName \
    Deployment ReplicaSet Insufficient 3 -1 99999999999999999999 2026-01-01T00:00:00Z 9999-99-99 AbleToScale";

fn below(rng: &mut TestRng, limit: usize) -> usize {
    rng.next_u32() as usize % limit
}

fn word(rng: &mut TestRng, words: &[&str]) -> String {
    match below(rng, 24) {
        0 => String::new(),
        1 => "secret \"db\" not found".into(),
        2 => (0..below(rng, 6)).filter_map(|_| char::from_u32(rng.next_u32() % 0x11_0000)).collect(),
        3 => "Failed to pull image \"ü\": dial tcp: not found \u{0}\"".into(),
        _ => words[below(rng, words.len())].to_owned(),
    }
}

fn value(rng: &mut TestRng, depth: usize, fields: &[&str], words: &[&str]) -> Value {
    match below(rng, if depth == 0 { 8 } else { 16 }) {
        0 => Value::Null,
        1 => Value::Bool(below(rng, 2) == 0),
        2 => i64::from(rng.next_u32() % 5).into(),
        3 => [i64::MIN, i64::MAX, -1, 1 << 53, i64::from(i32::MAX)][below(rng, 5)].into(),
        4 => Number::from_f64([f64::MAX, -0.5, 1e300, 3.0, f64::MIN_POSITIVE][below(rng, 5)])
            .map_or(Value::Null, Value::Number),
        5..8 => word(rng, words).into(),
        8..11 => (0..below(rng, 4)).map(|_| value(rng, depth - 1, fields, words)).collect(),
        _ => object(rng, depth - 1, fields, words).into(),
    }
}

fn object(rng: &mut TestRng, depth: usize, fields: &[&str], words: &[&str]) -> Map<String, Value> {
    (0..below(rng, 7)).map(|_| (word(rng, fields), value(rng, depth, fields, words))).collect()
}

/// An object of a kind that is known, with anything in it; mostly in the places where rules look.
fn kubernetes(rng: &mut TestRng, fields: &[&str], words: &[&str]) -> Value {
    let mut fields_of = object(rng, 3, fields, words);
    let (version, kind) = KINDS[below(rng, KINDS.len())];
    for part in ["metadata", "spec", "status"] {
        if below(rng, 8) > 0 {
            fields_of.insert(part.into(), object(rng, 4, fields, words).into());
        }
    }
    let statuses = ["conditions", "containerStatuses", "initContainerStatuses"];
    if let Some(status) = fields_of.get_mut("status").and_then(Value::as_object_mut) {
        for list in statuses {
            if below(rng, 2) == 0 {
                let items: Vec<Value> = (0..below(rng, 3)).map(|_| item(rng, fields, words)).collect();
                status.insert(list.into(), items.into());
            }
        }
    }
    if let (true, Some(metadata)) = (below(rng, 4) > 0, fields_of.get_mut("metadata").and_then(Value::as_object_mut)) {
        let name = ["a", "b", "c"][below(rng, 3)];
        metadata.insert("name".into(), name.into());
        metadata.insert("uid".into(), name.into());
        let owner = ["a", "b", "c"][below(rng, 3)];
        let owner = serde_json::json!([{"kind": kind, "name": name, "uid": owner}]);
        metadata.insert("ownerReferences".into(), owner);
    }
    fields_of.insert("apiVersion".into(), version.into());
    fields_of.insert("kind".into(), kind.into());
    fields_of.into()
}

/// A condition or a container's status, more or less.
fn item(rng: &mut TestRng, fields: &[&str], words: &[&str]) -> Value {
    let mut item = object(rng, 2, fields, words);
    for field in ["type", "status", "reason", "message", "name", "restartCount", "state", "lastState"] {
        let inner = match (below(rng, 3), field) {
            (0, _) => continue,
            (_, "state" | "lastState") => {
                let which = ["waiting", "terminated", "running"][below(rng, 3)];
                serde_json::json!({which: {"reason": word(rng, words), "exitCode": value(rng, 0, fields, words)}})
            }
            (_, "restartCount") => value(rng, 0, fields, words),
            _ => word(rng, words).into(),
        };
        item.insert(field.into(), inner);
    }
    item.into()
}

fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(2000)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_object_makes_the_rules_panic(objects in Just(()).prop_perturb(|(), mut rng| {
        let fields: Vec<&str> = FIELDS.split_whitespace().collect();
        let words: Vec<&str> = WORDS.split_whitespace().collect();
        (0..6).map(|_| kubernetes(&mut rng, &fields, &words)).collect::<Vec<Value>>()
    })) {
        let settings = Settings {
            kinds: vec![KindRule {
                group: "example.com".into(),
                kind: "Widget".into(),
                ready: Some(Field::new(".status.phase", "Running")),
                failed: Some(Field::new(".status.conditions[0].status", true)),
            }],
            ..Settings::default()
        };
        let now = "2026-01-01T00:00:10Z".parse().expect("a time");
        for judged in judge_saved(objects, [], &settings, now) {
            prop_assert!(!judged.verdict.reason().is_empty());
            prop_assert!(judged.verdict.is_ready() == judged.message().is_none());
        }
    }
}
