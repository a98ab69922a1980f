//! The last log lines of containers that failed.

use std::time::Duration;

use futures::future::join_all;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, LogParams};

use super::{LogTail, Unready, UnreadyObject};

/// Number of lines of one run of a container.
pub const LINES: i64 = 20;
/// Deadline of all logs together: a late error is worse than one without logs.
const LIMIT: Duration = Duration::from_secs(2);

/// Fetches the log of every blamed container.
pub(super) async fn attach(client: &kube::Client, failed: &mut [Unready]) {
    let objects = failed.iter_mut().flat_map(|unready| &mut unready.objects);
    join_all(objects.map(|object| async { object.logs = fetch(client, object).await })).await;
}

async fn fetch(client: &kube::Client, object: &UnreadyObject) -> Vec<LogTail> {
    let (Some(pod), Some(container)) = (&object.cause, &object.container) else { return Vec::new() };
    if pod.kind != "Pod" {
        return Vec::new();
    }
    tails(client, pod.namespace.as_deref().unwrap_or_default(), &pod.name, container, LINES).await
}

/// Returns the last `lines` of a container's log, the previous run first. A container that never ran has none, and a
/// log that takes longer than two seconds is left out.
pub async fn tails(client: &kube::Client, namespace: &str, pod: &str, container: &str, lines: i64) -> Vec<LogTail> {
    let api: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let tail = |previous| {
        let api = api.clone();
        async move {
            let container = Some(container.to_owned());
            let params = LogParams { container, previous, tail_lines: Some(lines), ..LogParams::default() };
            // A container that never ran has no log, which is not an error here.
            let log = tokio::time::timeout(LIMIT, api.logs(pod, &params)).await.ok()?.ok()?;
            let lines: Vec<_> = log.lines().map(str::to_owned).collect();
            (!lines.is_empty()).then_some(LogTail { previous, lines })
        }
    };
    let (previous, current) = tokio::join!(tail(true), tail(false));
    match (previous, current) {
        // While a container backs off, both are the log of the last run.
        (Some(previous), Some(current)) if previous.lines == current.lines => vec![current],
        (previous, current) => previous.into_iter().chain(current).collect(),
    }
}
