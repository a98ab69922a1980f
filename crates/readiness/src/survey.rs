//! The current state of components, from listing once.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures::future::join_all;
use jiff::Timestamp;
use kube::api::{Api, DynamicObject, ListParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde::{Serialize, Serializer};

use super::asked::is_asked;
use super::kinds::{is_builtin, plural_of};
use super::probe::Caller;
use super::trim::trim;
use super::view::{Key, Lenient, View};
use super::world::World;
use super::{Probe, Settings, UnreadyObject, Verdict, evaluate, masked};
use crate::object::ObjectRef;
use crate::redact::Redactor;

/// The expected parts of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    /// Its name.
    pub component: String,
    /// Its objects, as in its manifests.
    pub objects: Vec<ObjectRef>,
    /// The probes that it must pass.
    pub probes: Vec<Probe>,
}

/// The state of a component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ComponentStatus {
    /// Its name.
    pub component: String,
    /// The verdict of the component: the worst of its objects.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// The object of the verdict; missing when all are ready or a probe fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<ObjectRef>,
    /// Its pods.
    pub pods: Vec<PodStatus>,
    /// Restarts of all containers of its pods.
    pub restarts: u32,
    /// How long ago the newest of its pods, or else of its objects, was created; in JSON as `ageSeconds`.
    #[serde(rename = "ageSeconds", serialize_with = "seconds", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<u64>"))]
    pub age: Option<Duration>,
}

/// A pod of a component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PodStatus {
    /// Its name.
    pub name: String,
    /// Restarts of all its containers.
    pub restarts: u32,
}

fn seconds<S: Serializer>(age: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    age.map(|age| age.as_secs()).serialize(serializer)
}

/// Lists the objects of `expectations` once, runs each probe once, and returns the state of every component.
///
/// A cause of failure counts as final when the blamed object is older than that cause's grace.
///
/// # Errors
/// When the API server is unreachable, or denies a list that the result depends on.
pub async fn survey(
    client: &kube::Client,
    namespace: &str,
    expectations: &[Expectation],
) -> Result<Vec<ComponentStatus>, kube::Error> {
    survey_with(client, namespace, expectations, &Settings::default()).await
}

/// Surveys like [`survey`], with other settings than the default.
///
/// # Errors
/// Those of [`survey`].
pub async fn survey_with(
    client: &kube::Client,
    namespace: &str,
    expectations: &[Expectation],
    settings: &Settings,
) -> Result<Vec<ComponentStatus>, kube::Error> {
    let world = list(client, namespace, expectations).await?;
    let statuses = expectations.iter().map(|expectation| status(client, &world, expectation, settings));
    Ok(join_all(statuses).await.into_iter().map(|status| masked::status(Redactor::global(), status)).collect())
}

pub(super) async fn list(
    client: &kube::Client,
    namespace: &str,
    expectations: &[Expectation],
) -> Result<World, kube::Error> {
    let objects = || expectations.iter().flat_map(|expectation| &expectation.objects);
    let mut namespaces: BTreeSet<_> = objects().filter_map(|object| object.namespace.as_deref()).collect();
    namespaces.insert(namespace);
    let mut lists: Vec<(GroupVersionKind, Option<String>, bool)> = vec![(gvk("", "v1", "Node"), None, false)];
    for namespace in namespaces {
        let scope = Some(namespace.to_owned());
        lists.push((gvk("", "v1", "Pod"), scope.clone(), true));
        lists.push((gvk("apps", "v1", "ReplicaSet"), scope.clone(), true));
        lists.push((gvk("discovery.k8s.io", "v1", "EndpointSlice"), scope.clone(), true));
        lists.push((gvk("", "v1", "Event"), scope, false));
    }
    let (custom, builtin): (Vec<_>, Vec<_>) = objects().partition(|object| !is_builtin(&object.gvk().group));
    if !custom.is_empty() {
        lists.push((gvk("apiextensions.k8s.io", "v1", "CustomResourceDefinition"), None, false));
    }
    lists.extend(builtin.into_iter().map(|object| (object.gvk(), object.namespace.clone(), true)));
    let mut world = World::default();
    let guess = |kind: &GroupVersionKind| ApiResource::from_gvk(kind);
    fill(&mut world, client, lists.iter().map(|(kind, scope, needed)| (guess(kind), scope.clone(), *needed))).await?;
    let custom = custom.into_iter().filter_map(|object| {
        let kind = object.gvk();
        // A kind without a definition cannot have objects.
        let plural = world.all("CustomResourceDefinition", "").find_map(|view| plural_of(view, &kind))?;
        Some((ApiResource::from_gvk_with_plural(&kind, plural), object.namespace.clone(), true))
    });
    let custom: Vec<_> = custom.collect();
    fill(&mut world, client, custom).await?;
    Ok(world)
}

fn gvk(group: &str, version: &str, kind: &str) -> GroupVersionKind {
    GroupVersionKind::gvk(group, version, kind)
}

/// Lists each kind and scope once, concurrently, into the world.
async fn fill(
    world: &mut World,
    client: &kube::Client,
    lists: impl IntoIterator<Item = (ApiResource, Option<String>, bool)>,
) -> Result<(), kube::Error> {
    let mut seen: Vec<(ApiResource, Option<String>)> = Vec::new();
    let mut open = Vec::new();
    for (resource, scope, needed) in lists {
        if seen.contains(&(resource.clone(), scope.clone())) {
            continue;
        }
        seen.push((resource.clone(), scope.clone()));
        let api: Api<DynamicObject> = match &scope {
            Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
            None => Api::all_with(client.clone(), &resource),
        };
        open.push(async move { (api.list(&ListParams::default()).await, resource, needed) });
    }
    for (result, resource, needed) in join_all(open).await {
        match result {
            Ok(list) => list.items.into_iter().for_each(|object| drop(world.put(trim(object, &resource)))),
            Err(kube::Error::Api(status)) if status.is_not_found() || (status.is_forbidden() && !needed) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn status(
    client: &kube::Client,
    world: &World,
    expectation: &Expectation,
    settings: &Settings,
) -> ComponentStatus {
    status_within(client, world, expectation, settings, Duration::MAX).await.0
}

/// Returns the status of a component whose probes have to answer within `limit`, and how long they took; `None` when
/// no probe was run.
pub(super) async fn status_within(
    client: &kube::Client,
    world: &World,
    expectation: &Expectation,
    settings: &Settings,
    limit: Duration,
) -> (ComponentStatus, Option<Duration>) {
    let now = Timestamp::now();
    let views: Vec<_> = expectation.objects.iter().filter_map(|object| world.get(&Key::from(object))).collect();
    let pods: Vec<_> = views.iter().flat_map(|view| pods_of(view, world)).collect();
    let told = pods.iter().map(|pod| PodStatus { name: pod.object.name.clone(), restarts: restarts_of(pod).sum() });
    let told: Vec<_> = told.collect();
    let age = |views: &[&View]| views.iter().filter_map(|view| evaluate::age(view, now)).min();
    let (unready, probed) = unready_within(client, world, expectation, settings, limit).await;
    let worst = unready.into_iter().next();
    let (verdict, object) = worst.map_or((Verdict::Ready, None), |worst| (worst.verdict, worst.object));
    let status = ComponentStatus {
        component: expectation.component.clone(),
        verdict,
        object,
        restarts: told.iter().map(|pod| pod.restarts).sum(),
        pods: told,
        age: age(&pods).or_else(|| age(&views)),
    };
    (status, probed)
}

/// Returns what keeps a component from being ready, worst first: its objects, or else the first failed probe.
pub(super) async fn unready(
    client: &kube::Client,
    world: &World,
    expectation: &Expectation,
    settings: &Settings,
) -> Vec<UnreadyObject> {
    unready_within(client, world, expectation, settings, Duration::MAX).await.0
}

/// Returns the same, with a limit for the probes, and how long they took; `None` when no probe was run.
async fn unready_within(
    client: &kube::Client,
    world: &World,
    expectation: &Expectation,
    settings: &Settings,
    limit: Duration,
) -> (Vec<UnreadyObject>, Option<Duration>) {
    let unready = evaluate::unready(&expectation.objects, world, settings, Timestamp::now());
    if !unready.is_empty() {
        return (unready, None);
    }
    let objects: Vec<_> = expectation.objects.iter().map(Key::from).collect();
    let probes: Vec<_> = expectation.probes.iter().filter(|probe| is_asked(probe, &objects, world)).collect();
    if probes.is_empty() {
        return (Vec::new(), None);
    }
    let (caller, began) = (Caller::new(Some(client.clone())), Instant::now());
    let answers = join_all(probes.iter().map(|probe| probe.ask_within(&caller, limit))).await;
    let took = began.elapsed();
    let unwelcome = probes.iter().zip(answers).find_map(|(probe, answer)| Some(format!("{probe} {}", answer.err()?)));
    let verdict = unwelcome.map(|answer| Verdict::waiting("CheckFailed", answer));
    (verdict.map(UnreadyObject::without_object).into_iter().collect(), Some(took))
}

/// Returns the pods of an object, or the object itself if it is one.
fn pods_of<'a>(view: &'a View, world: &'a World) -> Vec<&'a View> {
    if view.object.kind == "Pod" {
        return vec![view];
    }
    let sets = world.children(view, "ReplicaSet").flat_map(|set| world.children(set, "Pod"));
    world.children(view, "Pod").chain(sets).collect()
}

fn restarts_of(pod: &View) -> impl Iterator<Item = u32> {
    let statuses = ["/status/initContainerStatuses", "/status/containerStatuses"];
    let counts = statuses.into_iter().flat_map(|at| pod.json.list(at)).filter_map(|status| status.int("/restartCount"));
    counts.filter_map(|count| u32::try_from(count).ok())
}
