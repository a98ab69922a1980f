//! What an object keeps until DataStorage has it: handed over, taken out, and waited for when the object is deleted.

use std::time::Duration;

use jiff::Timestamp;
use kube::{Api, runtime::controller::Action};

use super::{Context, Error, has_finalizer, is_over, set_finalizers, write};
use crate::{
    api::{AIAnalysis, AuditNote},
    audit::Handover,
    trail,
};

/// How soon it is looked whether DataStorage has what an object keeps for it: a little later than what waits is sent.
pub(super) const LOOK_SOON: Duration = Duration::from_millis(1200);
/// The longest pause between two such looks.
const LOOK_LATE: Duration = Duration::from_secs(30);
/// How long an object that is being deleted is kept for what it has to tell while DataStorage is away.
const HOLD: Duration = Duration::from_secs(30);

pub(super) fn notes(object: &AIAnalysis) -> &[AuditNote] {
    object.status.as_ref().map_or(&[], |status| &status.pending_audit_events)
}

pub(super) fn hand_over(object: &AIAnalysis, context: &Context) -> Handover {
    context.audit.hand_over(object, notes(object))
}

/// The analysis has ended: what DataStorage has is taken out of its status.
pub(super) async fn tidy(api: &Api<AIAnalysis>, object: AIAnalysis, context: &Context) -> Result<Action, Error> {
    let notes = notes(&object);
    if notes.is_empty() {
        return Ok(Action::await_change());
    }
    if hand_over(&object, context) != Handover::Settled {
        return Ok(Action::requeue(next_look(&object)));
    }
    let mut status = object.status.clone().unwrap_or_default();
    status.pending_audit_events.clear();
    match write(api, &object, status).await {
        // Deleted in the meantime, and with it what it kept.
        Err(Error::Kubernetes(kube::Error::Api(refusal))) if refusal.code == 404 => {}
        result => {
            result?;
        }
    }
    context.audit.forget(notes);
    Ok(Action::await_change())
}

/// Soon for an analysis that has just ended, later and later while DataStorage stays away.
pub(super) fn next_look(object: &AIAnalysis) -> Duration {
    let completed = object.status.as_ref().and_then(|status| status.completed_at.as_ref());
    let age = completed.and_then(|at| Duration::try_from(Timestamp::now().duration_since(at.0)).ok());
    (age.unwrap_or_default() / 4).clamp(LOOK_SOON, LOOK_LATE)
}

/// The object is being deleted: it is let go when DataStorage has what it had to tell, or has been away for too long.
pub(super) async fn release(api: &Api<AIAnalysis>, mut object: AIAnalysis, context: &Context) -> Result<Action, Error> {
    if !has_finalizer(&object) {
        return Ok(Action::await_change());
    }
    let now = Timestamp::now();
    if !is_over(&object) {
        let mut status = object.status.clone().unwrap_or_default();
        if trail::note_deleted(&object, &mut status, now) {
            object = write(api, &object, status).await?;
        }
    }
    let since = object.metadata.deletion_timestamp.as_ref().map_or(now, |at| at.0);
    let waited = Duration::try_from(now.duration_since(since)).unwrap_or_default();
    if hand_over(&object, context) != Handover::Settled && waited < HOLD {
        return Ok(Action::requeue(LOOK_SOON));
    }
    match set_finalizers(api, &object, false).await {
        Err(Error::Kubernetes(kube::Error::Api(refusal))) if refusal.code == 404 => {}
        result => {
            result?;
        }
    }
    context.audit.forget(notes(&object));
    Ok(Action::await_change())
}
