//! Deletion of objects: requests it, waits by watch, and inspects objects that remain.

use std::collections::BTreeSet;
use std::pin::pin;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, CustomResourceDefinitionSpec,
};
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, ObjectMeta, Patch, PatchParams};
use kube::core::{GroupVersionKind, NamespaceResourceScope};
use kube::discovery::ApiResource;
use kube::runtime::wait::{await_condition, conditions};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Resource, ResourceExt};
use serde_json::json;
use tokio::time::{Instant, timeout_at};

use super::identity::{Identity, identify, is_absent, is_another, only};
use crate::cluster::Target;
use crate::cluster::kinds::Kinds;
use crate::host::resilience::Resilience;
use crate::readiness::ObjectRef;
use crate::readiness::kinds;
use crate::report::StepHandle;
use crate::suite::manifests::COMPONENT_LABEL;

/// After this time the garbage collector knows a kind: twice the period in which it asks.
const LEARNED: SignedDuration = SignedDuration::from_secs(60);

/// Backoff of a watch, which is restarted until the caller gives up.
const PATIENT: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_millis(50))
    .with_max_delay(Duration::from_secs(1))
    .without_max_times();

/// A deleted object that still exists.
#[derive(Debug, Clone)]
pub(super) struct Going {
    pub(super) object: ObjectRef,
    pub(super) uid: String,
    api: Api<DynamicObject>,
}

/// The result of deleting an object.
pub(super) enum Asked {
    /// It did not exist.
    Absent,
    /// Another object has its name; that one is kept.
    Another,
    /// It existed, and is deleted.
    Gone,
    /// Deletion is pending: finalizers or dependents remain.
    Going(Box<Going>),
}

/// Deletes objects of one cluster.
pub(super) struct Objects {
    pub(super) kinds: Kinds,
    pub(super) resilience: Resilience,
}

impl Objects {
    /// Returns the client of the objects; those that name no namespace are in `namespace`.
    pub(super) fn new(client: kube::Client, namespace: &str, resilience: Resilience) -> Objects {
        Objects { kinds: Kinds::new(client, namespace), resilience }
    }

    /// Returns a copy that reports retries to `step`.
    pub(super) fn of(&self, step: StepHandle) -> Objects {
        Objects { kinds: self.kinds.clone(), resilience: self.resilience.of(step) }
    }

    /// Returns the namespace of an object, assuming that its kind is namespaced.
    pub(super) fn namespace<'a>(&'a self, object: &'a ObjectRef) -> &'a str {
        object.namespace.as_deref().unwrap_or(self.kinds.namespace())
    }

    /// Deletes an object: the one with the recorded uid, and no other of its name.
    pub(super) async fn delete(&self, target: &Target) -> Result<Asked, kube::Error> {
        let object = &target.object;
        let Some(api) = self.api(object).await? else { return Ok(Asked::Absent) };
        let uid = match identify(&api, target, &self.resilience).await? {
            Identity::Known(uid) => uid,
            Identity::Absent => return Ok(Asked::Absent),
            Identity::Another => return Ok(Asked::Another),
        };
        let waits = owns_pods(object) && !(is_custom(object) && self.is_new_kind(object, &api).await);
        let params = if waits { DeleteParams::foreground() } else { DeleteParams::background() };
        let params = params.preconditions(only(&uid));
        let delete = || api.delete(&object.name, &params);
        match self.resilience.api(&format!("deleting {object}"), delete).await {
            Err(error) if is_absent(&error) => Ok(Asked::Absent),
            Err(error) if is_another(&error) => Ok(Asked::Another),
            result => Ok(match result?.left() {
                Some(_) => Asked::Going(Box::new(Going { object: object.clone(), uid, api })),
                None => Asked::Gone,
            }),
        }
    }

    /// Returns whether the kind of a custom object was defined a moment ago. The garbage collector learns of new kinds
    /// every 30 s; until then, it does not end a deletion in the foreground.
    async fn is_new_kind(&self, object: &ObjectRef, api: &Api<DynamicObject>) -> bool {
        let plural = api.resource_url().rsplit('/').next().unwrap_or_default();
        let name = format!("{plural}.{}", object.gvk().group);
        let definitions: Api<CustomResourceDefinition> = Api::all(self.kinds.client().clone());
        let look = || definitions.get_metadata_opt(&name);
        let found = self.resilience.api(&format!("looking at definition {name}"), look).await;
        let created = found.ok().flatten().and_then(|definition| definition.metadata.creation_timestamp);
        created.is_some_and(|created| Timestamp::now().duration_since(created.0).abs() < LEARNED)
    }

    /// Waits until an object is gone, or another one has its name. Returns `false` if that took too long.
    pub(super) async fn gone(&self, going: &Going, until: Instant) -> bool {
        let Going { object, uid, api } = going;
        let watch = || await_condition(api.clone(), &object.name, conditions::is_deleted(uid));
        matches!(timeout_at(until, watch.retry(PATIENT.with_jitter())).await, Ok(Ok(_)))
    }

    /// Returns the current state of a deleted object; `None` when it is gone.
    pub(super) async fn look(&self, going: &Going) -> Result<Option<DynamicObject>, kube::Error> {
        let Going { object, uid, api } = going;
        let found = self.resilience.api(&format!("looking at {object}"), || api.get_opt(&object.name)).await?;
        Ok(found.filter(|it| it.uid().is_none_or(|it| it == *uid)))
    }

    /// Returns whether an object of that name exists.
    pub(super) async fn exists(&self, object: &ObjectRef) -> Result<bool, kube::Error> {
        let Some(api) = self.api(object).await? else { return Ok(false) };
        let look = || api.get_metadata_opt(&object.name);
        match self.resilience.api(&format!("looking at {object}"), look).await {
            Err(error) if is_absent(&error) => Ok(false),
            result => Ok(result?.is_some()),
        }
    }

    /// Returns whether objects of the kind of a definition exist.
    pub(super) async fn is_used(&self, definition: &ObjectRef) -> Result<bool, kube::Error> {
        let api: Api<CustomResourceDefinition> = Api::all(self.kinds.client().clone());
        let look = || api.get_opt(&definition.name);
        let found = self.resilience.api(&format!("looking at {definition}"), look).await?;
        let Some(CustomResourceDefinitionSpec { group, names, versions, .. }) = found.map(|it| it.spec) else {
            return Ok(false);
        };
        let Some(version) = versions.into_iter().find(|version| version.served) else { return Ok(false) };
        let gvk = GroupVersionKind::gvk(&group, &version.name, &names.kind);
        let resource = ApiResource::from_gvk_with_plural(&gvk, &names.plural);
        let api: Api<DynamicObject> = Api::all_with(self.kinds.client().clone(), &resource);
        let (one, what) = (ListParams::default().limit(1), format!("looking for {}", names.plural));
        match self.resilience.api(&what, || api.list_metadata(&one)).await {
            Err(error) if is_absent(&error) => Ok(false),
            list => Ok(!list?.items.is_empty()),
        }
    }

    /// Removes the finalizers of an object.
    pub(super) async fn release(&self, going: &Going) -> Result<(), kube::Error> {
        let (params, patch) =
            (PatchParams::default(), Patch::Merge(json!({"metadata": {"uid": going.uid, "finalizers": null}})));
        let Going { object, api, .. } = going;
        let release = || api.patch_metadata(&object.name, &params, &patch);
        match self.resilience.api(&format!("removing finalizers of {object}"), release).await {
            Err(error) if is_absent(&error) || is_another(&error) => Ok(()),
            result => result.map(drop),
        }
    }

    /// Deletes a pod without grace.
    pub(super) async fn end(&self, pod: &Going) -> Result<(), kube::Error> {
        let params = DeleteParams::background().grace_period(0).preconditions(only(&pod.uid));
        let Going { object, api, .. } = pod;
        match self.resilience.api(&format!("ending {object}"), || api.delete(&object.name, &params)).await {
            Err(error) if is_absent(&error) || is_another(&error) => Ok(()),
            result => result.map(drop),
        }
    }

    /// Force-deletes the terminating pods of `components` whose containers have ended: the kubelet does so too, but
    /// takes up to 1 s. Failures are ignored, since the kubelet deletes them then.
    pub(super) async fn dismiss(&self, components: &BTreeSet<&str>, namespace: &str) {
        let names = components.iter().copied().collect::<Vec<_>>().join(",");
        let theirs = watcher::Config::default().labels(&format!("{COMPONENT_LABEL} in ({names})"));
        let api: Api<Pod> = Api::namespaced(self.kinds.client().clone(), namespace);
        let mut pods = pin!(watcher(api, theirs).default_backoff().applied_objects());
        while let Some(pod) = pods.next().await {
            let Ok(pod) = pod else { continue };
            // With no grace period left it is being deleted already.
            let waits =
                pod.metadata.deletion_timestamp.is_some() && pod.metadata.deletion_grace_period_seconds != Some(0);
            if waits && has_ended(&pod) {
                let _ = self.end(&self.pod(namespace, pod.metadata)).await;
            }
        }
    }

    /// Returns the pods that an object owns, directly or through ReplicaSets or Jobs, or the object itself if it is a
    /// pod.
    pub(super) async fn pods_of(&self, owner: &Going) -> Result<Vec<Going>, kube::Error> {
        let namespace = self.namespace(&owner.object);
        let mut kin = BTreeSet::from([owner.uid.clone()]);
        let (sets, jobs) = (self.metadata::<ReplicaSet>(namespace, ""), self.metadata::<Job>(namespace, ""));
        let (sets, jobs) = futures::try_join!(sets, jobs)?;
        let between = sets.into_iter().chain(jobs).filter(|it| is_of(it, &kin)).filter_map(|it| it.uid);
        let between: Vec<_> = between.collect();
        kin.extend(between);
        let pods = self.metadata::<Pod>(namespace, "").await?.into_iter();
        let own = pods.filter(|pod| is_of(pod, &kin) || pod.uid.as_ref().is_some_and(|uid| kin.contains(uid)));
        Ok(own.map(|pod| self.pod(namespace, pod)).collect())
    }

    /// Returns the pods with a component's label.
    pub(super) async fn labelled(&self, component: &str, namespace: &str) -> Result<Vec<ObjectRef>, kube::Error> {
        let pods = self.metadata::<Pod>(namespace, &format!("{COMPONENT_LABEL}={component}")).await?;
        Ok(pods.into_iter().map(|pod| self.pod(namespace, pod).object).collect())
    }

    fn pod(&self, namespace: &str, metadata: ObjectMeta) -> Going {
        let object = ObjectRef {
            api_version: "v1".into(),
            kind: "Pod".into(),
            namespace: Some(namespace.to_owned()),
            name: metadata.name.unwrap_or_default(),
        };
        let api = Api::namespaced_with(self.kinds.client().clone(), namespace, &ApiResource::erase::<Pod>(&()));
        Going { object, uid: metadata.uid.unwrap_or_default(), api }
    }

    async fn metadata<K>(&self, namespace: &str, labels: &str) -> Result<Vec<ObjectMeta>, kube::Error>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        let resource = ApiResource::erase::<K>(&());
        let api: Api<DynamicObject> = Api::namespaced_with(self.kinds.client().clone(), namespace, &resource);
        let params = ListParams::default().labels(labels);
        let what = format!("listing {} of {namespace}", resource.plural);
        let list = self.resilience.api(&what, || api.list_metadata(&params)).await?;
        Ok(list.items.into_iter().map(|it| it.metadata).collect())
    }

    /// Returns the API for requests about an object; `None` when its kind is not served, so that it cannot exist.
    pub(super) async fn api(&self, object: &ObjectRef) -> Result<Option<Api<DynamicObject>>, kube::Error> {
        match self.kinds.api(object, &self.resilience).await {
            Err(error) if is_absent(&error) => Ok(None),
            found => found.map(Some),
        }
    }
}

/// Returns whether the object may own pods. It is then deleted after them, so that they need no check.
fn owns_pods(object: &ObjectRef) -> bool {
    let group = object.gvk().group;
    matches!(group.as_str(), "apps" | "batch") || object.kind == "ReplicationController" || is_custom(object)
}

/// Returns whether its kind is not built into Kubernetes.
pub(super) fn is_custom(object: &ObjectRef) -> bool {
    !kinds::is_builtin(kinds::group_of(&object.api_version))
}

/// Returns whether all containers of a pod have terminated and will not restart.
fn has_ended(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

fn is_of(metadata: &ObjectMeta, kin: &BTreeSet<String>) -> bool {
    metadata.owner_references.iter().flatten().any(|owner| kin.contains(&owner.uid))
}
