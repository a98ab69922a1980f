//! Selects the object that may be deleted: the one with the recorded uid, and no other of its name.

use kube::api::{Api, DynamicObject, ObjectMeta, Preconditions};

use crate::cluster::{Ownership, Target, is_marked};
use crate::host::resilience::{Resilience, is_other_object};
use crate::suite::manifests::{COMPONENT_LABEL, MANAGED_BY, MANAGED_BY_LABEL};

/// The object that a target refers to.
pub(super) enum Identity {
    Known(String),
    Absent,
    Another,
}

/// Returns the object of `target` that may be deleted.
pub(super) async fn identify(
    api: &Api<DynamicObject>,
    target: &Target,
    resilience: &Resilience,
) -> Result<Identity, kube::Error> {
    let environment = match &target.ownership {
        Ownership::Uid(uid) => return Ok(Identity::Known(uid.clone())),
        Ownership::Adopted(_) => return Ok(Identity::Another),
        Ownership::Cluster => None,
        Ownership::Mark(environment) => Some(environment),
    };
    let object = &target.object;
    let look = || api.get_metadata_opt(&object.name);
    let found = match resilience.api(&format!("looking at {object}"), look).await {
        // The kind is not served any more: "404 page not found", which is no `Status` of the API server.
        Err(error) if is_absent(&error) => None,
        found => found?,
    };
    let Some(found) = found else { return Ok(Identity::Absent) };
    let is_ours = environment.is_none_or(|it| is_marked(&found.metadata, it) && is_labelled(&found.metadata));
    Ok(found.metadata.uid.filter(|_| is_ours).map_or(Identity::Another, Identity::Known))
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

/// Returns whether the error means that the object or its kind does not exist.
pub(super) fn is_absent(error: &kube::Error) -> bool {
    match error {
        kube::Error::Api(status) => status.code == 404,
        kube::Error::Discovery(_) => true,
        _ => false,
    }
}
