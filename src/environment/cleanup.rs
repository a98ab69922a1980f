//! Background task: deletes tests' namespaces, and collects reports of failed tests.

use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::{Api, DeleteParams, ListParams, Preconditions};
use tokio::sync::mpsc;

use super::failed::{FailedTest, TestObserver, pod_state};
use crate::report::{Events, Phase};
use crate::suite::config::Keep;

/// A background task's job.
#[derive(Debug)]
pub(crate) enum Chore {
    /// Delete a namespace.
    Delete(FinishedNamespace),
    /// Have webhooks answered by their Services again.
    #[cfg(feature = "webhook")]
    Restore(super::webhook::RestoredWebhooks),
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
            #[cfg(feature = "webhook")]
            Chore::Restore(webhooks) => {
                if let Err(error) = webhooks.run(&client).await {
                    events.warn(Phase::Specs, crate::readiness::errors::chain(&error));
                }
                continue;
            }
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
        events.note(Phase::Specs, format!("{namespace}: {}", pod_state(&pod)));
    }
}
