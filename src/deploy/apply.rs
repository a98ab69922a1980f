//! Server-side apply, with retries of transient failures.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DeleteParams, ObjectMeta, Patch, PatchParams, PostParams, Preconditions, ValidationDirective};
use kube::core::{DynamicObject, GroupVersionKind};
use kube::runtime::wait::{Condition, await_condition, conditions};
use tokio::time::Instant;

use super::ApplyError;
use super::error::refusal;
use super::port_conflict::{holders, is_port_taken};
use super::replace::is_changed_job;
use super::webhooks::ServiceName;
use crate::cluster::InventoryFile;
use crate::cluster::kinds::Kinds;
use crate::host::resilience::{Resilience, is_field_conflict, is_other_object};
use crate::readiness::{Applied, ObjectRef};
use crate::report::{Events, Phase, StepHandle};
use crate::suite::manifests::{MANAGED_BY, MANAGED_BY_LABEL, Manifest};

/// How long a definition may take to be served.
const SERVED: Duration = Duration::from_secs(30);
/// Backoff of discovery until then.
const PATIENT: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_millis(20))
    .with_max_delay(Duration::from_millis(500))
    .without_max_times();

/// Applies objects as written in their manifests. Clones share the cache of API kinds.
#[derive(Clone)]
pub struct Applier {
    pub(super) kinds: Kinds,
    pub(super) resilience: Resilience,
    /// For an existing cluster: the record of adopted and owned objects.
    pub(super) inventory: Option<Arc<InventoryFile>>,
    /// Services of components on their way, whose webhooks may not answer yet, and until when they may not.
    pub(super) pending: Option<(Arc<BTreeSet<ServiceName>>, Instant)>,
}

impl std::fmt::Debug for Applier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Applier").field("namespace", &self.kinds.namespace()).finish_non_exhaustive()
    }
}

impl Applier {
    /// Returns an applier that uses `client`; objects that name no namespace are applied to `namespace`. Retries are
    /// not reported.
    #[must_use]
    pub fn new(client: kube::Client, namespace: &str) -> Applier {
        Applier {
            kinds: Kinds::new(client, namespace),
            resilience: Resilience::default(),
            inventory: None,
            pending: None,
        }
    }

    /// Returns an applier for an existing cluster: objects are recorded in `inventory` before they are applied.
    #[must_use]
    pub fn recording(self, inventory: Arc<InventoryFile>) -> Applier {
        Applier { inventory: Some(inventory), ..self }
    }

    /// Returns an applier that retries and reports with `resilience`.
    #[must_use]
    pub fn with(self, resilience: Resilience) -> Applier {
        Applier { resilience, ..self }
    }

    /// Returns an applier that reports to `step`.
    pub(super) fn of(&self, step: StepHandle) -> Applier {
        Applier { resilience: self.resilience.of(step), ..self.clone() }
    }

    /// Returns an applier that until `deadline` waits for webhooks which these Services answer.
    pub(super) fn awaiting(&self, services: Arc<BTreeSet<ServiceName>>, deadline: Instant) -> Applier {
        Applier { pending: Some((services, deadline)), ..self.clone() }
    }

    /// Returns the client of the cluster.
    pub(super) fn client(&self) -> &kube::Client {
        self.kinds.client()
    }

    pub(super) fn resilience(&self) -> &Resilience {
        &self.resilience
    }

    /// Returns the namespace of objects that name none.
    pub(super) fn default_namespace(&self) -> &str {
        self.kinds.namespace()
    }

    /// Applies `manifest`. Throttling, conflicts and transient failures are retried; rejections are not.
    ///
    /// # Errors
    /// The API server's error, with file and line.
    pub async fn apply(&self, manifest: &Manifest, events: &Events) -> Result<Applied, ApplyError> {
        let object = ObjectRef::of(&manifest.object);
        let refused = |error| refusal(manifest.source.to_string(), object.clone(), error);
        let api = self.kinds.api(&object, &self.resilience).await.map_err(refused)?;
        let manager = self.manager();
        let attempt = |wanted: &Arc<DynamicObject>, force: bool| {
            let mut params = PatchParams::apply(&manager).validation(ValidationDirective::Strict);
            params.force = force;
            let (api, wanted, object) = (&api, wanted.clone(), &object);
            async move {
                let patch = Patch::Apply(&*wanted);
                self.with_default_account(object, || api.patch(&object.name, &params, &patch)).await
            }
        };
        let what = format!("applying {object}");
        let mut wanted = Arc::new(self.claimed(&manifest.object));
        let mut result = self.admitted(&what, || attempt(&wanted, false)).await;
        if let Err(error @ kube::Error::Api(status)) = &result
            && is_field_conflict(status)
        {
            if self.is_new(&object) {
                // Created by another client since the look-up.
                self.look_again(&manifest.source.to_string(), &object, events).await?;
                wanted = Arc::new(self.claimed(&manifest.object));
            }
            events.warn(Phase::Deploy, format!("{object}: {}; the manifest wins", short(error)));
            result = self.admitted(&what, || attempt(&wanted, true)).await;
        }
        if let Err(error) = &result
            && is_changed_job(&object, error)
            && self.remove_changed_job(&api, &object, events).await.map_err(refused)?
        {
            result = self.admitted(&what, || attempt(&wanted, false)).await;
        }
        let holders = match &result {
            Err(error) if is_port_taken(error) => {
                holders(self.kinds.client(), &self.resilience, &manifest.object).await
            }
            _ => None,
        };
        let applied = result.map_err(|error| {
            let mut refusal = refused(error);
            refusal.what.extend(holders.map(|holders| format!("; {holders}")));
            refusal
        })?;
        self.note_applied(&manifest.source.to_string(), &object, &applied, events).map_err(|error| *error)?;
        Ok(Applied {
            object: ObjectRef { namespace: applied.metadata.namespace.clone(), ..object.clone() },
            uid: applied.metadata.uid.unwrap_or_default(),
            generation: applied.metadata.generation.unwrap_or_default(),
        })
    }

    /// Ensures that namespace `name` exists. An existing one is not changed; one that was found when objects were looked up
    /// is not asked for again, since that may need rights which this account does not have.
    ///
    /// # Errors
    /// The API server's error, or that a created namespace could not be recorded.
    pub async fn namespace(&self, name: &str) -> Result<(), ApplyError> {
        let object =
            ObjectRef { api_version: "v1".into(), kind: "Namespace".into(), namespace: None, name: name.into() };
        if self.inventory.is_some() && !self.is_new(&object) {
            return Ok(());
        }
        let metadata = ObjectMeta {
            name: Some(name.into()),
            labels: Some([(MANAGED_BY_LABEL.into(), MANAGED_BY.into())].into()),
            annotations: self.mark().map(|mark| [mark].into()),
            ..ObjectMeta::default()
        };
        let namespace = Namespace { metadata, ..Namespace::default() };
        let api: Api<Namespace> = Api::all(self.kinds.client().clone());
        let params = PostParams { field_manager: Some(self.manager()), ..PostParams::default() };
        let create = || async {
            match api.create(&params, &namespace).await {
                Err(error) if status(&error) == Some(409) => Ok(None),
                result => result.map(Some),
            }
        };
        let what = format!("creating namespace {name}");
        let created = self.resilience.api(&what, create).await;
        let place = || "the suite's namespace".to_owned();
        match created.map_err(|error| refusal(place(), object.clone(), error))? {
            Some(created) => self.note_uid(&place(), &object, &created.metadata).map_err(|error| *error),
            None if self.is_new(&object) => self.look_again(&place(), &object, &Events::discard()).await,
            None => Ok(()),
        }
    }

    /// Waits until the kinds of the definition at `place` are served.
    pub(super) async fn served(&self, place: &str, definition: &ObjectRef) -> Result<(), ApplyError> {
        let served = tokio::time::timeout(SERVED, self.until_served(definition)).await;
        let late = |_| Err(format!("was not served within {} s", SERVED.as_secs()));
        let failed = |what| ApplyError { place: place.into(), object: definition.clone(), what, source: None };
        served.unwrap_or_else(late).map_err(failed)
    }

    async fn until_served(&self, definition: &ObjectRef) -> Result<(), String> {
        let api: Api<CustomResourceDefinition> = Api::all(self.kinds.client().clone());
        let settled = conditions::is_crd_established().or(|it: Option<&_>| taken_names(it).is_some());
        let settled = await_condition(api, &definition.name, settled).await;
        let settled = settled.map_err(|error| format!("cannot be watched: {error}"))?;
        if let Some(why) = taken_names(settled.as_ref()) {
            return Err(format!("cannot be established, because its names are taken: {why}"));
        }
        let Some(spec) = settled.map(|definition| definition.spec) else { return Err("was deleted".into()) };
        // Discovery lists a kind some time after its definition is established, and cannot be watched.
        for version in spec.versions.iter().filter(|version| version.served) {
            let gvk = GroupVersionKind::gvk(&spec.group, &version.name, &spec.names.kind);
            let found = (|| self.kinds.discover(gvk.clone())).retry(PATIENT.with_jitter()).await;
            found.map_err(|error| format!("is not served: {error}"))?;
        }
        Ok(())
    }

    /// Deletes the applied object, and no other of its name; a missing one is not an error.
    ///
    /// # Errors
    /// The API server's error.
    pub async fn delete(&self, applied: &Applied) -> Result<(), kube::Error> {
        let Applied { object, uid, .. } = applied;
        let only = Preconditions { uid: Some(uid.clone()), resource_version: None };
        let params = DeleteParams::background().preconditions(only);
        let deleted = async {
            let api = self.kinds.api(object, &self.resilience).await?;
            self.resilience.api(&format!("deleting {object}"), || api.delete(&object.name, &params)).await
        };
        match deleted.await {
            Err(error) if is_gone(&error) => Ok(()),
            // An object of a kind that is not served never existed.
            Err(kube::Error::Discovery(_)) => Ok(()),
            result => result.map(drop),
        }
    }
}

/// Returns whether the object to delete does not exist, or another one has its name.
fn is_gone(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404 || is_other_object(status))
}

/// Returns why a definition's names are not accepted.
fn taken_names(definition: Option<&CustomResourceDefinition>) -> Option<String> {
    let conditions = definition?.status.as_ref()?.conditions.as_ref()?;
    let names = conditions.iter().find(|it| it.type_ == "NamesAccepted" && it.status == "False")?;
    names.message.clone().or_else(|| names.reason.clone())
}

fn status(error: &kube::Error) -> Option<u16> {
    match error {
        kube::Error::Api(status) => Some(status.code),
        _ => None,
    }
}

fn short(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.clone(),
        other => other.to_string(),
    }
}
