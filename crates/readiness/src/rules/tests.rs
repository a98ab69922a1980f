//! Tests every rule with objects as YAML. The first object of a case is judged, the others are its world.

mod conditions;
mod containers;
mod kinds;
mod objects;
mod pods;
mod rollouts;
mod wants;
mod workloads;

use super::super::view::View;
use super::super::world::World;
use super::*;
use crate::grace::{Cause, Grace};
use serde_json::Value;

/// The expectation of a case, with a part of the reason.
enum Is {
    Ready,
    Waiting(&'static str),
    Failing(Cause, &'static str),
}

fn found(yaml: &str) -> Finding {
    let objects: Vec<Value> = serde_saphyr::from_str(yaml).expect("the case is YAML");
    let view = View::new(objects.first().expect("the case has an object").clone());
    judge(&view, &World::saved(objects.into_iter().map(View::new)), &Settings::default())
}

/// Returns what keeps the first object from being ready.
fn told(yaml: &str) -> String {
    match found(yaml) {
        Finding::Ready => "it is ready".into(),
        Finding::Waiting(why) => why.text,
        Finding::Failing(fault) => fault.message,
    }
}

fn check(cases: &[(&str, &str, Is)]) {
    for (name, yaml, is) in cases {
        let found = found(yaml);
        let right = match (&found, is) {
            (Finding::Ready, Is::Ready) => true,
            (Finding::Waiting(reason), Is::Waiting(part)) => reason.contains(part),
            (Finding::Failing(fault), Is::Failing(cause, part)) => {
                fault.cause == *cause && fault.grace == Grace::default().of(*cause) && fault.message.contains(part)
            }
            _ => false,
        };
        let wanted = match is {
            Is::Ready => "ready".to_owned(),
            Is::Waiting(part) => format!("waiting … {part} …"),
            Is::Failing(cause, part) => format!("failing for {cause:?} … {part} …"),
        };
        assert!(right, "{name}: wanted {wanted}, found {found:?}");
    }
}

#[test]
fn odd_and_sparse_objects_are_judged_without_panic() {
    let kinds = [
        ("v1", "Pod"),
        ("v1", "Service"),
        ("v1", "Namespace"),
        ("v1", "PersistentVolumeClaim"),
        ("apps/v1", "Deployment"),
        ("apps/v1", "StatefulSet"),
        ("apps/v1", "DaemonSet"),
        ("apps/v1", "ReplicaSet"),
        ("batch/v1", "Job"),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
        ("example.com/v1", "Widget"),
        ("", ""),
    ];
    let bodies = [
        "{}",
        "{metadata: null, spec: [], status: 3}",
        "{metadata: {name: 5, generation: '2', labels: [a], ownerReferences: {}}, status: {conditions: {}}}",
        "{metadata: {name: x}, status: {observedGeneration: {}, conditions: [1, null, {}, {type: Ready}]}}",
        "{spec: {replicas: '3', selector: {a: 1}, ports: x}, status: {replicas: -1, phase: 7}}",
        "{spec: {containers: 1}, status: {phase: Failed, containerStatuses: [null, {state: []}, {restartCount: '9'}]}}",
        "{status: {containerStatuses: [{state: {waiting: {reason: ImagePullBackOff, message: 'ü'}}}]}}",
    ];
    for (api_version, kind) in kinds {
        for body in bodies {
            let mut object: Value = serde_saphyr::from_str(body).expect("YAML");
            object["apiVersion"] = api_version.into();
            object["kind"] = kind.into();
            let view = View::new(object.clone());
            judge(&view, &World::saved([View::new(object)]), &Settings::default());
        }
    }
}
