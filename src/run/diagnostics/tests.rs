//! Root causes and trees, from the results of readiness and objects as YAML.

mod failures;
mod root_cause;

use serde_json::Value;

use super::*;
use crate::readiness::{ImageLack, ObjectRef, UnreadyObject, Verdict, Want};

/// Returns a component whose `deployment/NAME` is not ready, because of `pod/NAME-1` unless it is only waiting.
fn failed(component: &str, reason: &str) -> Unready {
    let verdict = Verdict::failed("Failed", reason, "do something");
    one(
        component,
        UnreadyObject { cause: Some(object("Pod", &format!("{component}-1"))), ..unready(component, verdict) },
    )
}

fn waiting(component: &str, reason: &str) -> Unready {
    one(component, unready(component, Verdict::waiting("Waiting", reason)))
}

/// Returns the component with `want` as its need.
fn wants(mut unready: Unready, want: Want) -> Unready {
    unready.objects[0].want = Some(want);
    unready
}

/// Returns a component that failed because `secret/db` is missing.
fn no_secret(component: &str) -> Unready {
    let text = "container app cannot be created: secret \"db\" not found";
    wants(failed(component, text), Want::Object(object("Secret", "db")))
}

fn one(component: &str, object: UnreadyObject) -> Unready {
    Unready { component: component.into(), objects: vec![object] }
}

fn unready(name: &str, verdict: Verdict) -> UnreadyObject {
    let object = Some(object("Deployment", name));
    UnreadyObject { object, cause: None, container: None, verdict, want: None, logs: Vec::new() }
}

fn object(kind: &str, name: &str) -> ObjectRef {
    let api_version = if kind == "Deployment" { "apps/v1" } else { "v1" };
    ObjectRef { api_version: api_version.into(), kind: kind.into(), namespace: Some("shop".into()), name: name.into() }
}

/// Parses `needs` such as `api: db, queue`, one component a line.
fn trouble(of: usize, needs: &str, unready: Vec<Unready>) -> Unreadiness {
    let needs = needs.lines().filter_map(|line| {
        let (name, needs) = line.split_once(':')?;
        Some((name.trim().to_owned(), needs.split(',').map(|need| need.trim().to_owned()).collect()))
    });
    Unreadiness { unready, of, needs: needs.collect() }
}

fn scene(yaml: &str) -> ClusterSnapshot {
    let objects: Vec<Value> = serde_saphyr::from_str(yaml).expect("objects as YAML");
    ClusterSnapshot { objects, logs: Vec::new() }
}
