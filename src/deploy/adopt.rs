//! Applying into an existing cluster: objects that exist are adopted, others are created and owned.

use std::time::Duration;

use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use k8s_openapi::ByteString;
use kube::ResourceExt;
use kube::api::{Api, DynamicObject, ObjectMeta};
use kube::runtime::wait::{await_condition, conditions};
use serde_json::{Value, json};

use super::ApplyError;
use super::apply::Applier;
use super::error::refusal;
use super::two_owners;
use crate::readiness::ObjectRef;
use crate::report::{Events, Phase};
use crate::suite::manifests::{ENVIRONMENT_ANNOTATION, MANAGED_BY, MANAGED_BY_LABEL};

/// Maximum number of concurrent look-ups.
const AT_ONCE: usize = 16;
/// How long a terminating object may take to be gone.
const GOING: Duration = Duration::from_secs(60);

/// An object to apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// File and line of its manifest.
    pub place: String,
    /// Its component; `None` for the suite's namespace, which is created but never changed.
    pub component: Option<String>,
    /// Its name.
    pub object: ObjectRef,
}

impl Applier {
    /// Looks up all objects before any is applied, and records those that exist: they are adopted, reported in a line
    /// each, and never deleted. Objects of the cluster's scope that another environment has made are not adopted, since
    /// both would delete them.
    ///
    /// # Errors
    /// When objects of the cluster's scope would be of two environments, or an object cannot be read, or is terminating and
    /// does not disappear.
    pub async fn look(&self, all: &[Expected], events: &Events) -> Result<(), ApplyError> {
        let (Some(inventory), Some(first)) = (&self.inventory, all.first()) else { return Ok(()) };
        let look = |expected: Expected| {
            let (applier, events) = (self.clone(), events.clone());
            async move {
                let (object, found, owner) = applier.look_at(&expected.place, &expected.object, &events).await?;
                Ok::<_, ApplyError>((expected, object, found, owner))
            }
        };
        let looks: Vec<_> = all.iter().cloned().map(|expected| look(expected).boxed()).collect();
        let found: Vec<_> = stream::iter(looks).buffered(AT_ONCE).try_collect().await?;
        two_owners::refuse(
            found.iter().filter_map(|(expected, object, _, owner)| Some((expected, object, owner.as_deref()?))),
        )
        .map_err(|error| *error)?;
        let adopted = inventory.change(|inventory| {
            inventory.namespace = self.default_namespace().to_owned();
            let adopted = found.into_iter().filter(|(expected, object, found, _)| {
                inventory.expect(expected.component.as_deref(), object.clone(), found.as_ref())
            });
            adopted.map(|(expected, object, ..)| (expected.component.is_some(), object)).collect::<Vec<_>>()
        });
        let adopted = adopted.map_err(|error| unwritten(&first.place, &first.object, &error))?;
        for (is_changed, object) in adopted {
            report_adoption(events, is_changed, &object);
        }
        Ok(())
    }

    /// Looks up an object that was created meanwhile.
    pub(super) async fn look_again(&self, place: &str, object: &ObjectRef, events: &Events) -> Result<(), ApplyError> {
        let known = self.inventory.as_ref().and_then(|it| it.content().find(object).cloned());
        let component = known.and_then(|entry| entry.component);
        let expected = Expected { place: place.into(), component, object: object.clone() };
        self.look(&[expected], events).await
    }

    /// Returns an object's full name, its state, and its second owner, if it is of the cluster's scope and has one.
    async fn look_at(
        &self,
        place: &str,
        object: &ObjectRef,
        events: &Events,
    ) -> Result<(ObjectRef, Option<DynamicObject>, Option<String>), ApplyError> {
        let refused = |error| refusal(place.to_owned(), object.clone(), error);
        let (api, named) = match self.kinds.place(object, &self.resilience).await {
            // A kind that is not served yet has no objects.
            Err(kube::Error::Discovery(_)) => return Ok((object.clone(), None, None)),
            Err(kube::Error::Api(status)) if status.code == 404 => return Ok((object.clone(), None, None)),
            place => place.map_err(refused)?,
        };
        let look = || api.get_opt(&object.name);
        let found = self.resilience.api(&format!("looking for {object}"), look).await.map_err(refused)?;
        if let Some(going) = found.as_ref().filter(|it| it.metadata.deletion_timestamp.is_some()) {
            events.note(Phase::Deploy, format!("{object} is being deleted; waits until it is gone"));
            gone(&api, going).await.map_err(|what| failed(place, object, what))?;
            return Ok((named, None, None));
        }
        let owner = if named.namespace.is_none() { self.second_owner(&named, found.as_ref()) } else { None };
        Ok((named, found, owner))
    }

    /// Returns the field manager of our fields.
    pub(super) fn manager(&self) -> String {
        self.inventory.as_ref().map_or_else(|| MANAGED_BY.to_owned(), |inventory| inventory.content().manager())
    }

    /// Returns the annotation of created objects.
    pub(super) fn mark(&self) -> Option<(String, String)> {
        let inventory = self.inventory.as_ref()?;
        Some((ENVIRONMENT_ANNOTATION.to_owned(), inventory.content().environment))
    }

    /// Returns whether the object did not exist when it was looked up, and has not been applied since.
    pub(super) fn is_new(&self, object: &ObjectRef) -> bool {
        let Some(inventory) = &self.inventory else { return false };
        inventory.content().find(object).is_some_and(|entry| entry.uid.is_none())
    }

    /// Returns `manifest` as it is applied: new objects are annotated with the environment; adopted ones keep their
    /// manager's label, and carry their uid, so that another object of that name is rejected.
    pub(super) fn claimed(&self, manifest: &DynamicObject) -> DynamicObject {
        let mut wanted = manifest.clone();
        let Some(inventory) = &self.inventory else { return wanted };
        plain_data(&mut wanted);
        let adopted = inventory.content().find(&ObjectRef::of(manifest)).cloned().filter(|it| it.before.is_some());
        if let Some(adopted) = adopted {
            wanted.metadata.uid = adopted.uid;
            let labels = wanted.labels_mut();
            if labels.get(MANAGED_BY_LABEL).is_some_and(|it| it == MANAGED_BY) {
                labels.remove(MANAGED_BY_LABEL);
            }
        } else {
            wanted.annotations_mut().extend(self.mark());
        }
        wanted
    }

    /// Records that `object` was applied.
    pub(super) fn note_applied(
        &self,
        place: &str,
        object: &ObjectRef,
        applied: &DynamicObject,
        events: &Events,
    ) -> Result<(), Box<ApplyError>> {
        if self.is_new(object) && is_older(&applied.metadata, &self.manager()) {
            // Created between look-up and apply, which took over its fields: it counts as adopted.
            report_adoption(events, true, object);
            let inventory = self.inventory.as_ref();
            let found = Some(applied);
            let adopt = inventory.map(|inventory| {
                inventory.change(|it| {
                    let component = it.find(object).and_then(|entry| entry.component.clone());
                    it.adopt(component.as_deref(), object, found)
                })
            });
            return adopt.transpose().map(drop).map_err(|error| Box::new(unwritten(place, object, &error)));
        }
        self.note_uid(place, object, &applied.metadata)
    }

    /// Records the uid of `object`.
    pub(super) fn note_uid(
        &self,
        place: &str,
        object: &ObjectRef,
        metadata: &ObjectMeta,
    ) -> Result<(), Box<ApplyError>> {
        let Some(inventory) = &self.inventory else { return Ok(()) };
        let noted = inventory.change(|it| it.applied(object, metadata));
        noted.map_err(|error| Box::new(unwritten(place, object, &error)))
    }
}

/// Moves a Secret's `stringData` into `data`. The API server does the same, but only after it has recorded field
/// ownership, so data would be overwritten without a conflict and could not be restored.
fn plain_data(object: &mut DynamicObject) {
    if object.types.as_ref().is_none_or(|types| types.api_version != "v1" || types.kind != "Secret") {
        return;
    }
    let Some(fields) = object.data.as_object_mut() else { return };
    let Some(Value::Object(texts)) = fields.get("stringData").cloned() else { return };
    // The API server rejects a value that is not a map.
    let Some(data) = fields.entry("data").or_insert_with(|| json!({})).as_object_mut() else { return };
    for (key, text) in texts {
        let bytes = ByteString(text.as_str().unwrap_or_default().as_bytes().to_vec());
        data.insert(key, json!(bytes));
    }
    fields.remove("stringData");
}

/// Waits until a terminating object is gone.
async fn gone(api: &Api<DynamicObject>, object: &DynamicObject) -> Result<(), String> {
    let (name, uid) = (object.name_any(), object.uid().unwrap_or_default());
    let gone = await_condition(api.clone(), &name, conditions::is_deleted(&uid));
    match tokio::time::timeout(GOING, gone).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(format!("is being deleted, and cannot be watched: {error}")),
        Err(_) => Err(format!("is being deleted, and is not gone after {GOING:?}")),
    }
}

/// Returns whether another manager created the object: one whose fields are as old as the object itself.
fn is_older(metadata: &ObjectMeta, manager: &str) -> bool {
    let entries = metadata.managed_fields.iter().flatten();
    let mut others = entries.filter(|it| it.manager.as_deref() != Some(manager) && it.subresource.is_none());
    others.any(|it| it.time <= metadata.creation_timestamp)
}

fn report_adoption(events: &Events, is_changed: bool, object: &ObjectRef) {
    let text = if is_changed {
        format!("adopted {object}: it was there before; `down` gives it back")
    } else {
        format!("{object} was there before; `down` leaves it")
    };
    events.note(Phase::Deploy, text);
}

fn failed(place: &str, object: &ObjectRef, what: String) -> ApplyError {
    ApplyError { place: place.into(), object: object.clone(), what, source: None }
}

fn unwritten(place: &str, object: &ObjectRef, error: &crate::cluster::ClusterError) -> ApplyError {
    failed(place, object, format!("is not applied: {}", crate::readiness::errors::chain(error)))
}
