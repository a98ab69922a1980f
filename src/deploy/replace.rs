//! Changed Jobs, which are deleted and recreated because they cannot be updated.

use std::time::Duration;

use kube::api::{Api, DeleteParams, DynamicObject, Preconditions};
use kube::runtime::wait::{await_condition, conditions};

use super::Applier;
use crate::readiness::ObjectRef;
use crate::report::{Events, Phase};
use crate::suite::manifests::{MANAGED_BY, MANAGED_BY_LABEL};

/// How long a Job and its pods may take to be gone.
const GONE: Duration = Duration::from_secs(60);

/// Returns whether the API server rejects a change of `object` because it is a Job, whose template and some other
/// fields are immutable.
pub(super) fn is_changed_job(object: &ObjectRef, error: &kube::Error) -> bool {
    let is_job = object.kind == "Job" && object.gvk().group == "batch";
    let is_fixed = |status: &kube::core::Status| status.code == 422 && status.message.contains("field is immutable");
    is_job && matches!(error, kube::Error::Api(status) if is_fixed(status))
}

impl Applier {
    /// Deletes a Job that has our label, with its pods, so that it can be recreated; reports that. Returns whether it
    /// is gone: a Job that is not ours is kept.
    pub(super) async fn remove_changed_job(
        &self,
        api: &Api<DynamicObject>,
        job: &ObjectRef,
        events: &Events,
    ) -> Result<bool, kube::Error> {
        let found = self.resilience().api(&format!("looking at {job}"), || api.get_opt(&job.name)).await?;
        let Some(metadata) = found.map(|job| job.metadata) else { return Ok(true) };
        let label = metadata.labels.as_ref().and_then(|labels| labels.get(MANAGED_BY_LABEL));
        let (Some(MANAGED_BY), Some(uid)) = (label.map(String::as_str), metadata.uid) else { return Ok(false) };
        events.note(Phase::Deploy, format!("{job} has changed, which a Job cannot: it is deleted and made again"));
        let only = Preconditions { uid: Some(uid.clone()), resource_version: None };
        let params = DeleteParams::foreground().preconditions(only);
        match self.resilience().api(&format!("deleting {job}"), || api.delete(&job.name, &params)).await {
            Ok(_) => {}
            // Gone already, or another Job has its name: that one is applied to.
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => return Ok(true),
            Err(error) => return Err(error),
        }
        let gone = await_condition(api.clone(), &job.name, conditions::is_deleted(&uid));
        match tokio::time::timeout(GONE, gone).await {
            Ok(Ok(_)) => Ok(true),
            Ok(Err(error)) => Err(kube::Error::Service(Box::new(error))),
            Err(_) => Err(kube::Error::Service(
                format!("it was to be made again, and is still being deleted after {} s", GONE.as_secs()).into(),
            )),
        }
    }
}
