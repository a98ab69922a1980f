//! Collects what a diagnosis needs from the cluster, within a few seconds.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::StreamExt;
use futures::future::join_all;
use futures::stream;
use kube::api::{Api, DynamicObject, ListParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};

use super::snapshot::name_of;
use super::{ClusterSnapshot, Diagnosis, Log, Unreadiness, diagnose, tree};
use crate::readiness::kinds::KINDS;
use crate::readiness::redact::Redactor;
use crate::readiness::{LINES, Lenient, masked, tails};

/// Kinds that a diagnosis needs beside pods and their owners. Secrets are listed to mask their values in the output.
const OTHERS: [&str; 3] = ["Event", "PersistentVolumeClaim", "Secret"];

/// Deadline of each list, and of all logs together: a late report is worse than an incomplete one.
const LIMIT: Duration = Duration::from_secs(3);

/// Maximum number of concurrent log requests.
pub(super) const AT_ONCE: usize = 8;

/// Returns why components are not ready, with details from the cluster. Details that cannot be read are left out.
pub async fn investigate(client: &kube::Client, namespace: &str, trouble: &Unreadiness) -> Diagnosis {
    let applied =
        trouble.unready.iter().flat_map(|unready| &unready.objects).filter_map(|object| object.object.as_ref());
    let mut namespaces: BTreeSet<&str> = applied.filter_map(|object| object.namespace.as_deref()).collect();
    namespaces.insert(namespace);
    let makers = KINDS.iter().filter(|kind| kind.pods).map(|kind| (kind.api_version, kind.kind));
    let kinds: Vec<_> = makers.chain(OTHERS.map(|kind| ("v1", kind))).collect();
    let kinds = namespaces.iter().flat_map(|ns| kinds.iter().map(move |(version, kind)| (builtin(version, kind), *ns)));
    let lists = kinds.map(|(kind, namespace)| list(client, kind, Some(namespace)));
    let found = join_all(lists).await.into_iter().filter_map(Result::ok).flatten();
    let (secrets, objects): (Vec<_>, Vec<_>) = found.partition(|object| object.text("/kind") == Some("Secret"));
    let redactor = Redactor::global();
    secrets.iter().chain(&objects).for_each(|object| redactor.learn_object(object));
    let mut scene = ClusterSnapshot { objects, logs: Vec::new() };
    scene.logs = logs(client, trouble, &scene).await;
    scene.objects.iter_mut().for_each(|object| redactor.messages(object));
    let lines = scene.logs.iter_mut().flat_map(|log| &mut log.tails).flat_map(|tail| &mut tail.lines);
    lines.for_each(|line| redactor.mask(line));
    diagnose(&known(trouble, redactor), &scene)
}

/// Adds the values of a namespace's Secrets, or of all Secrets of the cluster, to the process's redactor.
///
/// # Errors
/// Why they cannot be listed, as text.
pub async fn learn_secrets(client: &kube::Client, namespace: Option<&str>) -> Result<(), String> {
    let secrets = list(client, builtin("v1", "Secret"), namespace).await?;
    secrets.iter().for_each(|secret| Redactor::global().learn_object(secret));
    Ok(())
}

/// Returns `trouble` with these Secrets masked, which were not known when it was recorded, in its logs too.
fn known(trouble: &Unreadiness, redactor: &Redactor) -> Unreadiness {
    let mut trouble = trouble.clone();
    masked::unready(redactor, &mut trouble.unready);
    trouble
}

/// Returns the last log lines of every container in the report.
async fn logs(client: &kube::Client, trouble: &Unreadiness, scene: &ClusterSnapshot) -> Vec<Log> {
    let wanted: BTreeSet<_> = trouble
        .unready
        .iter()
        .flat_map(|unready| &unready.objects)
        .flat_map(|object| tree::pods(object, scene))
        .filter_map(|name| scene.find(&name))
        .flat_map(|pod| {
            let (pod, containers) = (name_of(pod), tree::open_containers(pod));
            containers.map(move |name| (pod.namespace.clone().unwrap_or_default(), pod.name.clone(), name.to_owned()))
        })
        .collect();
    let fetch = wanted.into_iter().map(|(namespace, pod, container)| async move {
        let tails = tails(client, &namespace, &pod, &container, LINES).await;
        Log { namespace, pod, container, tails }
    });
    let mut fetching = stream::iter(fetch).buffer_unordered(AT_ONCE);
    let (mut logs, until) = (Vec::new(), tokio::time::Instant::now() + LIMIT);
    while let Ok(Some(log)) = tokio::time::timeout_at(until, fetching.next()).await {
        logs.push(log);
    }
    logs
}

/// Returns the resource of a kind built into Kubernetes.
pub(super) fn builtin(api_version: &str, kind: &str) -> ApiResource {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind))
}

/// Returns every object of a kind in a namespace, or in the cluster, as returned by the API server.
///
/// # Errors
/// Why the request failed, as text.
pub(super) async fn list(
    client: &kube::Client,
    resource: ApiResource,
    namespace: Option<&str>,
) -> Result<Vec<Value>, String> {
    let api: Api<DynamicObject> = match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    let listed = tokio::time::timeout(LIMIT, api.list(&ListParams::default())).await;
    let listed = listed.map_err(|_| format!("no answer within {LIMIT:?}"))?.map_err(|error| error.to_string())?;
    let typed = listed.items.into_iter().filter_map(|object| {
        let mut object = serde_json::to_value(object).ok()?;
        let fields = object.as_object_mut()?;
        fields.insert("apiVersion".into(), json!(resource.api_version));
        fields.insert("kind".into(), json!(resource.kind));
        Some(object)
    });
    Ok(typed.collect())
}
