//! Background task: deletes tests' namespaces, and collects reports of failed tests.

use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, ListParams, Preconditions};
use tokio::sync::mpsc;

use super::failed::{FailedTest, TestObserver};
use crate::report::{Events, Phase};
use crate::suite::config::Keep;

/// A background task's job.
#[derive(Debug)]
pub(crate) enum Chore {
    /// Delete a namespace.
    Delete(FinishedNamespace),
    /// Send a failed test its report.
    Look(FailedTest),
}

/// A namespace that its test no longer needs.
#[derive(Debug)]
pub(crate) struct FinishedNamespace {
    /// Its name.
    pub(super) namespace: String,
    /// Its uid: another namespace of this name is not deleted.
    pub(super) uid: Option<String>,
    /// Whether the test failed.
    pub(super) failed: bool,
    /// Whether its objects have been reported already.
    pub(super) told: bool,
}

/// Runs jobs in order. The pods of a failed test are reported before its namespace is deleted; the namespace is kept if
/// the settings say so.
pub(super) async fn clean(
    client: kube::Client,
    mut chores: mpsc::UnboundedReceiver<Chore>,
    observer: &TestObserver<'_>,
) {
    let (events, keep) = (&observer.run.session.events, observer.run.session.terms.keep);
    let api: Api<Namespace> = Api::all(client.clone());
    while let Some(chore) = chores.recv().await {
        let FinishedNamespace { namespace, uid, failed, told } = match chore {
            Chore::Delete(leftover) => leftover,
            Chore::Look(test) => {
                observer.look(test).await;
                continue;
            }
        };
        if failed && !told {
            report_pods(&client, events, &namespace).await;
        }
        if failed && keep != Keep::Never {
            events.note(Phase::Specs, format!("namespace {namespace} stays for a look"));
        } else {
            // If this fails, the namespace is removed with the cluster.
            let params = DeleteParams::background().preconditions(Preconditions { uid, resource_version: None });
            let _ = api.delete(&namespace, &params).await;
        }
    }
}

/// Reports the states of all pods in `namespace`.
async fn report_pods(client: &kube::Client, events: &Events, namespace: &str) {
    let pods = match Api::<Pod>::namespaced(client.clone(), namespace).list(&ListParams::default()).await {
        Ok(pods) => pods.items,
        Err(error) => return events.warn(Phase::Specs, format!("the pods in {namespace} cannot be listed: {error}")),
    };
    for pod in pods {
        events.note(Phase::Specs, format!("{namespace}: {}", state(&pod)));
    }
}

/// Formats a pod in a line: its phase, and each container that is not running normally.
pub(super) fn state(pod: &Pod) -> String {
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
    use super::*;

    #[test]
    fn a_pod_is_told_in_a_line() {
        let pod = serde_json::from_value(serde_json::json!({
            "metadata": {"name": "web"},
            "status": {"phase": "Running", "containerStatuses": [
                {"name": "a", "ready": true, "restartCount": 0, "image": "", "imageID": "", "state": {"running": {}}},
                {"name": "b", "ready": false, "restartCount": 3, "image": "", "imageID": "",
                 "state": {"waiting": {"reason": "CrashLoopBackOff"}}},
            ]},
        }));
        let told = "pod web is Running; a: ready, 0 restarts; b: CrashLoopBackOff, 3 restarts";
        assert_eq!(state(&pod.unwrap()), told);
        assert_eq!(state(&Pod::default()), "pod  is unknown");
    }
}
