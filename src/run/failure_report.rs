//! Reports of failed runs, collected before anything is removed.

use std::path::PathBuf;

use serde_json::Value;

use super::diagnostics::{BundleContext, Diagnosis, after, bundle_failure, cluster_of, now};
use super::session::{Session, UpError};
use crate::cluster::Cluster;
use crate::readiness::errors;
use crate::report::Phase;

/// The report of a failed run.
#[derive(Debug, Clone, Default)]
pub struct FailureReport {
    /// Why components are not ready, if that was the failure.
    pub diagnosis: Option<Diagnosis>,
    /// The folder of the bundle.
    pub bundle: Option<PathBuf>,
}

impl FailureReport {
    /// Collects the report of a run that failed with `error`. It is empty unless a component was deployed, or rejected
    /// by the API server.
    pub(super) async fn of_up(session: &Session, error: &UpError, timeline: Value) -> FailureReport {
        let (plan, folders) = (&session.plan, &session.folders);
        if !matches!(error, UpError::NotReady(_) | UpError::Deploy(_) | UpError::Api { .. }) {
            return FailureReport::default();
        }
        let Some(cluster) = cluster_of(plan, folders).await else { return FailureReport::default() };
        let diagnosis = match error {
            UpError::NotReady(error) => after(plan, &cluster, error).await,
            _ => None,
        };
        let told = errors::chain(error);
        let summary = diagnosis.as_ref().map_or_else(|| told.clone(), |diagnosis| format!("{diagnosis}\n\n{told}"));
        FailureReport { diagnosis, bundle: bundle(session, &cluster, summary, timeline).await }
    }

    /// Collects the report of failed tests, whose names are `tests`.
    pub async fn of_tests(session: &Session, cluster: &Cluster, tests: &[String], timeline: Value) -> FailureReport {
        let state = now(&session.plan, cluster).await;
        let state = state.map_or_else(|error| error.to_string(), |diagnosis| diagnosis.to_string());
        let summary = format!("tests that failed: {}\ncomponents: {state}", tests.join(", "));
        FailureReport { diagnosis: None, bundle: bundle(session, cluster, summary, timeline).await }
    }
}

async fn bundle(session: &Session, cluster: &Cluster, summary: String, timeline: Value) -> Option<PathBuf> {
    let Session { plan, folders, events, .. } = session;
    let context = BundleContext { summary, timeline: Some(timeline) };
    match bundle_failure(folders, plan, cluster, &context).await {
        Ok(bundle) => Some(bundle.folder),
        Err(error) => {
            events.warn(Phase::Teardown, format!("no bundle could be written: {error}"));
            None
        }
    }
}
