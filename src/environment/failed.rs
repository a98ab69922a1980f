//! The report of a failed test: the objects and pods of its namespaces, and a bundle.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::mpsc::Sender;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use serde_json::Value;

use crate::cluster::Cluster;
use crate::readiness::redact::Redactor;
use crate::readiness::{Judgement, Lenient, Settings, judge_saved};
use crate::report::Phase;
use crate::run::diagnostics::contents;
use crate::run::failure_report::FailureReport;
use crate::run::protocol::Run;

/// How many bundles are written for single tests. Five are kept, and one is for the tests that fail after them.
const BUNDLES: usize = 4;
/// How many objects of a namespace are printed, unready ones first.
const LINES: usize = 40;
/// Deadline of listing a namespace's objects, and of a bundle.
const LISTING: Duration = Duration::from_secs(10);
const BUNDLING: Duration = Duration::from_secs(30);

/// A failed test that waits for its report.
#[derive(Debug)]
pub(crate) struct FailedTest {
    pub(super) name: String,
    pub(super) why: String,
    pub(super) namespaces: Vec<String>,
    pub(super) answer: Sender<String>,
}

/// Collects reports of failed tests.
pub(super) struct TestObserver<'a> {
    pub(super) run: &'a Run,
    pub(super) cluster: &'a Cluster,
    /// The tests that have a bundle.
    pub(super) bundled: RefCell<BTreeSet<String>>,
}

impl TestObserver<'_> {
    /// Sends `test` its report.
    pub(super) async fn look(&self, test: FailedTest) {
        let FailedTest { name, why, namespaces, answer } = test;
        let mut seen = Vec::new();
        for namespace in namespaces {
            seen.push(format!("namespace {namespace}:"));
            seen.extend(self.namespace(&namespace).await);
        }
        if self.bundled.borrow().len() < BUNDLES {
            let failed = [format!("{name}: {why}")];
            if let Ok(Some(bundle)) = tokio::time::timeout(BUNDLING, self.bundle(&failed)).await {
                seen.push(format!("bundle: {}", bundle.display()));
                self.bundled.borrow_mut().insert(name);
            }
        } else {
            seen.push("bundle: written at the end of the run, for this test and others".into());
        }
        let mut seen = seen.join("\n");
        Redactor::global().mask(&mut seen);
        // The test may have stopped waiting.
        let _ = answer.send(seen);
    }

    /// Writes a bundle about failed tests.
    pub(super) async fn bundle(&self, tests: &[String]) -> Option<PathBuf> {
        let timeline = self.run.json(&self.run.timeline().await);
        FailureReport::of_tests(&self.run.session, self.cluster, tests, timeline).await.bundle
    }

    async fn namespace(&self, namespace: &str) -> Vec<String> {
        let client = &self.cluster.client;
        match tokio::time::timeout(LISTING, contents(client, namespace)).await {
            Ok(objects) => lines(objects, &Settings::from(&self.run.session.plan.suite().ready)),
            Err(_) => vec![format!("  its objects were not listed within {LISTING:?}")],
        }
    }

    /// Returns the failed tests of the run without a bundle of their own; `None` when no test failed.
    pub(super) async fn unseen(&self) -> Option<Vec<String>> {
        let timeline = self.run.timeline().await;
        let failed = timeline
            .spans
            .iter()
            .filter(|span| span.phase == Phase::Specs && span.outcome == crate::report::Outcome::Failed);
        let failed: BTreeSet<String> = failed.map(|span| span.step.clone()).collect();
        let unseen = failed.difference(&self.bundled.borrow()).cloned().collect();
        (!failed.is_empty()).then_some(unseen)
    }
}

/// Formats the objects of a namespace, a line each: pods first, then unready objects. Leaves out what every namespace
/// has, and objects owned by others.
fn lines(objects: Vec<Value>, settings: &Settings) -> Vec<String> {
    let pods: Vec<Pod> = objects
        .iter()
        .filter(|object| object.text("/kind") == Some("Pod"))
        .filter_map(|pod| serde_json::from_value(pod.clone()).ok())
        .collect();
    let parts: BTreeSet<_> = objects
        .iter()
        .filter(|object| !object.list("/metadata/ownerReferences").is_empty())
        .map(|object| (object.text("/kind").unwrap_or_default().to_owned(), name(object)))
        .collect();
    let mut judged = judge_saved(objects, Vec::new(), settings, Timestamp::now());
    judged.retain(|judgement| {
        let (kind, name) = (judgement.object.kind.clone(), judgement.object.name.clone());
        let is_usual =
            matches!((kind.as_str(), name.as_str()), ("ConfigMap", "kube-root-ca.crt") | ("ServiceAccount", "default"));
        !is_usual && (kind == "Pod" || !parts.contains(&(kind, name)))
    });
    judged.sort_by_key(|judgement| (judgement.object.kind != "Pod", judgement.verdict.is_ready()));
    if judged.is_empty() {
        return vec!["  nothing".into()];
    }
    let more = judged.len().saturating_sub(LINES);
    let mut lines: Vec<_> = judged.iter().take(LINES).map(|judgement| line(judgement, &pods)).collect();
    if more > 0 {
        lines.push(format!("  and {more} more"));
    }
    lines
}

fn name(object: &Value) -> String {
    object.text("/metadata/name").unwrap_or_default().to_owned()
}

/// Formats an object: `  deployment/web: waiting: 0 of 1 replicas ready`, or a pod with its containers.
fn line(judgement: &Judgement, pods: &[Pod]) -> String {
    let Judgement { object, verdict, .. } = judgement;
    let verdict = verdict.name();
    let why = judgement.message().map_or_else(|| verdict.to_owned(), |message| format!("{verdict}: {message}"));
    let pod = pods.iter().find(|pod| object.kind == "Pod" && pod.metadata.name.as_deref() == Some(&object.name));
    pod.map_or_else(|| format!("  {object}: {why}"), |pod| format!("  {}; {why}", pod_state(pod)))
}

/// Formats a pod in a line: its phase, and each container that is not running normally.
pub(super) fn pod_state(pod: &Pod) -> String {
    let status = pod.status.as_ref();
    let phase = status.and_then(|status| status.phase.as_deref()).unwrap_or("unknown");
    let containers = status.and_then(|status| status.container_statuses.as_ref()).into_iter().flatten();
    let containers = containers.map(|container| {
        let state = container.state.as_ref();
        let waiting = state.and_then(|state| state.waiting.as_ref()).and_then(|it| it.reason.clone());
        let ended = state.and_then(|state| state.terminated.as_ref()).map(|it| format!("exit code {}", it.exit_code));
        let ready = if container.ready { "ready" } else { "not ready" };
        let what = waiting.or(ended).unwrap_or_else(|| ready.into());
        format!("; {}: {what}, {} restarts", container.name, container.restart_count)
    });
    format!("pod {} is {phase}{}", pod.name_any(), containers.collect::<String>())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_namespace_is_told_with_its_pods_first_and_without_what_every_namespace_has() {
        let meta = |name: &str| json!({"name": name, "namespace": "it"});
        let mut set = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": meta("web-1")});
        set["metadata"]["ownerReferences"] = json!([{"kind": "Deployment", "name": "web", "uid": "1"}]);
        let waiting = json!({"waiting": {"reason": "ContainerCreating"}});
        let container =
            json!({"name": "main", "ready": false, "restartCount": 0, "image": "", "imageID": "", "state": waiting});
        let objects = vec![
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta("kube-root-ca.crt")}),
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta("default")}),
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta("app")}),
            set,
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": meta("web-1-a"),
                "status": {"phase": "Pending", "containerStatuses": [container]}}),
        ];
        let told = lines(objects, &Settings::default());
        assert_eq!(told.len(), 2, "{told:?}");
        let pod = "  pod web-1-a is Pending; main: ContainerCreating, 0 restarts; waiting: ";
        assert!(told[0].starts_with(pod), "{told:?}");
        assert_eq!(told[1], "  configmap/app: ready");
        assert_eq!(lines(Vec::new(), &Settings::default()), ["  nothing"]);
    }

    #[test]
    fn a_namespace_full_of_objects_is_cut() {
        let object = |n: u32| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("c{n}")}});
        let told = lines((0..50).map(object).collect(), &Settings::default());
        assert_eq!((told.len(), told[40].as_str()), (41, "  and 10 more"));
    }

    #[test]
    fn a_pod_is_told_in_a_line() {
        let pod = serde_json::from_value(json!({
            "metadata": {"name": "web"},
            "status": {"phase": "Running", "containerStatuses": [
                {"name": "a", "ready": true, "restartCount": 0, "image": "", "imageID": "", "state": {"running": {}}},
                {"name": "b", "ready": false, "restartCount": 3, "image": "", "imageID": "",
                 "state": {"waiting": {"reason": "CrashLoopBackOff"}}},
            ]},
        }));
        let told = "pod web is Running; a: ready, 0 restarts; b: CrashLoopBackOff, 3 restarts";
        assert_eq!(pod_state(&pod.unwrap()), told);
        assert_eq!(pod_state(&Pod::default()), "pod  is unknown");
    }
}
