//! Selects the object that may be deleted: the one with the recorded uid, and no other of its name.

use k8s_openapi::api::core::v1::Namespace;
use kube::ResourceExt;
use kube::api::{Api, DynamicObject, ListParams, ObjectMeta, Preconditions};

use super::KillError;
use super::objects::{Objects, is_absent};
use crate::cluster::{Ownership, Target, is_marked};
use crate::host::resilience::is_other_object;
use crate::readiness::ObjectRef;
use crate::suite::manifests::{COMPONENT_LABEL, MANAGED_BY, MANAGED_BY_LABEL, TEST_LABEL};

/// The object that a target refers to.
pub(super) enum Identity {
    Known(String),
    Absent,
    Another,
}

impl Objects {
    /// Returns the object of `target` that may be deleted.
    pub(super) async fn identify(&self, api: &Api<DynamicObject>, target: &Target) -> Result<Identity, kube::Error> {
        let environment = match &target.ownership {
            Ownership::Uid(uid) => return Ok(Identity::Known(uid.clone())),
            Ownership::Adopted(_) => return Ok(Identity::Another),
            Ownership::Cluster => None,
            Ownership::Mark(environment) => Some(environment),
        };
        let object = &target.object;
        let look = || api.get_metadata_opt(&object.name);
        let found = match self.resilience.api(&format!("looking at {object}"), look).await {
            Err(error) if is_absent(&error) => None,
            found => found?,
        };
        let Some(found) = found else { return Ok(Identity::Absent) };
        let is_ours = environment.is_none_or(|it| is_marked(&found.metadata, it) && is_labelled(&found.metadata));
        Ok(found.metadata.uid.filter(|_| is_ours).map_or(Identity::Another, Identity::Known))
    }

    /// Deletes the namespaces left behind by killed tests of `environment`. Returns the errors of those that could not
    /// be deleted.
    pub(super) async fn delete_namespaces_of_tests(&self, environment: &str) -> Vec<KillError> {
        let api: Api<Namespace> = Api::all(self.kinds.client().clone());
        let object =
            |name: String| ObjectRef { api_version: "v1".into(), kind: "Namespace".into(), namespace: None, name };
        let params = ListParams::default().labels(TEST_LABEL);
        let list = self.resilience.api("listing namespaces of tests", || api.list_metadata(&params)).await;
        let failed = |object, source| KillError::Api { object, source: Box::new(source) };
        let all = match list {
            Ok(list) => list.items,
            Err(error) => return vec![failed(object("of tests".into()), error)],
        };
        let mut errors = Vec::new();
        for namespace in all.into_iter().filter(|it| is_marked(&it.metadata, environment)) {
            let object = object(namespace.name_any());
            let target =
                Target { ownership: Ownership::Uid(namespace.uid().unwrap_or_default()), object: object.clone() };
            errors.extend(self.delete(&target).await.err().map(|error| failed(object, error)));
        }
        errors
    }
}

/// Returns the precondition that a request applies only to the object with this uid.
pub(super) fn only(uid: &str) -> Preconditions {
    Preconditions { uid: Some(uid.to_owned()), resource_version: None }
}

/// Returns whether an object has one of our labels. A manifest may override the first.
fn is_labelled(metadata: &ObjectMeta) -> bool {
    let labels = metadata.labels.iter().flatten();
    labels.into_iter().any(|(key, value)| key == MANAGED_BY_LABEL && value == MANAGED_BY || key == COMPONENT_LABEL)
}

/// Returns whether the error reports another object of the same name.
pub(super) fn is_another(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if is_other_object(status))
}
