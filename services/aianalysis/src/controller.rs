//! Watching the analyses of this controller, and reconciling each when its spec has changed.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use futures::StreamExt;
use kube::{
    ResourceExt,
    runtime::{Config, Controller, PredicateConfig, WatchStreamExt, controller::Action, reflector, watcher},
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::{
    api::AIAnalysis,
    config::WatchConfig,
    reconcile::{Context, Error, reconcile},
    watching,
};

/// Analyses that are worked on at a time.
const CONCURRENCY: u16 = 64;

/// How long what is in flight may take once the controller was asked to stop. What is cut off goes on at the next start.
const DRAIN: Duration = Duration::from_secs(5);

/// Reconciles the analyses of `watch` until `stop`, and returns when what is in flight has ended or been cut off.
pub async fn run(context: Arc<Context>, watch: WatchConfig, stop: CancellationToken) {
    let (reader, writer) = reflector::store();
    let changes = watcher(watch.api(context.client.clone()), watch.watcher())
        .backoff(watching::backoff())
        .reflect(writer)
        .applied_objects()
        .predicate_filter(identity, PredicateConfig::default());
    let reconciling = Controller::for_stream(changes, reader)
        .with_config(Config::default().concurrency(CONCURRENCY))
        .graceful_shutdown_on(stop.clone().cancelled_owned())
        .run(reconcile, again, context)
        .for_each(|result| async move {
            if let Err(error) = result {
                tracing::debug!(%error, "a reconciliation has ended with an error");
            }
        });
    let overdue = async {
        stop.cancelled().await;
        timeout(DRAIN, std::future::pending::<()>()).await
    };
    tokio::select! {
        () = reconciling => tracing::info!("reconciliations have ended"),
        _ = overdue => tracing::warn!("reconciliations are cut off"),
    }
}

/// What starts a reconciliation when it changes: the spec's generation (deletion counts), not the status that we write.
fn identity(object: &AIAnalysis) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    (object.uid(), object.metadata.generation, object.metadata.deletion_timestamp.is_some()).hash(&mut hasher);
    Some(hasher.finish())
}

fn again(object: Arc<AIAnalysis>, error: &Error, _: Arc<Context>) -> Action {
    tracing::warn!(analysis = object.name_any(), %error, "to be tried again");
    Action::requeue(Duration::from_secs(1))
}

#[cfg(test)]
#[path = "controller_tests.rs"]
mod tests;
