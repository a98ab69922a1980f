//! What is seen of a run that failed, before anything of it is taken away.

use serde_json::Value;

use super::diagnostics::{BundleContext, Diagnosis, after, bundle_failure, cluster_of, now};
use crate::cluster::Cluster;
use crate::host::folders::Folders;
use crate::report::{Events, Phase};
use crate::run::session::UpError;
use crate::suite::plan::Plan;

/// What is seen of a run that failed.
#[derive(Debug, Clone, Default)]
pub struct FailureReport {
    /// Why components are not ready, when that is what went wrong.
    pub diagnosis: Option<Diagnosis>,
    /// Where everything that can be looked at is.
    pub bundle: Option<std::path::PathBuf>,
}

impl FailureReport {
    /// Looks at the cluster after an `up` that failed with `error`. There is nothing to see unless a component had been
    /// deployed, or refused.
    pub async fn of_up(
        plan: &Plan,
        folders: &Folders,
        events: &Events,
        error: &UpError,
        timeline: Value,
    ) -> FailureReport {
        if !matches!(error, UpError::NotReady(_) | UpError::Deploy(_) | UpError::Api { .. }) {
            return FailureReport::default();
        }
        let Some(cluster) = cluster_of(plan, folders).await else { return FailureReport::default() };
        let diagnosis = match error {
            UpError::NotReady(error) => after(plan, &cluster, error).await,
            _ => None,
        };
        let told = crate::readiness::errors::chain(error);
        let summary = diagnosis.as_ref().map_or_else(|| told.clone(), |diagnosis| format!("{diagnosis}\n\n{told}"));
        let bundle = stored(plan, folders, events, &cluster, BundleContext { summary, timeline: Some(timeline) }).await;
        FailureReport { diagnosis, bundle }
    }

    /// Looks at the cluster after tests that failed, whose names are `tests`.
    pub async fn of_tests(
        plan: &Plan,
        folders: &Folders,
        events: &Events,
        cluster: &Cluster,
        tests: &[String],
        timeline: Value,
    ) -> FailureReport {
        let state = now(plan, cluster).await.map_or_else(|error| error.to_string(), |diagnosis| diagnosis.to_string());
        let summary = format!("tests that failed: {}\ncomponents: {state}", tests.join(", "));
        let bundle = stored(plan, folders, events, cluster, BundleContext { summary, timeline: Some(timeline) }).await;
        FailureReport { diagnosis: None, bundle }
    }
}

async fn stored(
    plan: &Plan,
    folders: &Folders,
    events: &Events,
    cluster: &Cluster,
    story: BundleContext,
) -> Option<std::path::PathBuf> {
    match bundle_failure(folders, plan, cluster, &story).await {
        Ok(bundle) => Some(bundle.folder),
        Err(error) => {
            events.warn(Phase::Teardown, format!("no bundle could be written: {error}"));
            None
        }
    }
}
