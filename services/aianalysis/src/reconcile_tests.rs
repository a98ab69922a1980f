use axum::http::StatusCode;

use super::{settle::LOOK_SOON, *};
use crate::{
    api::SubReason,
    samples::{analysis, answer_json, changed},
    stand_in::{World, lock},
};

fn good() -> (StatusCode, String) {
    (StatusCode::OK, answer_json().to_string())
}

fn broken() -> (StatusCode, String) {
    (StatusCode::INTERNAL_SERVER_ERROR, String::new())
}

/// What one analysis leaves in the trail when all goes well.
const TRAIL: [&str; 7] = [
    "aianalysis.phase.transition",
    "aianalysis.holmesgpt.call",
    "aianalysis.phase.transition",
    "aianalysis.rego.evaluation",
    "aianalysis.approval.decision",
    "aianalysis.phase.transition",
    "aianalysis.analysis.completed",
];

/// An analysis and its world, where HolmesGPT-API answers so.
fn world(answers: Vec<(StatusCode, String)>) -> (Arc<AIAnalysis>, World) {
    let object = analysis("OOMKilled", "staging");
    let world = World::new(std::slice::from_ref(&object), answers);
    (Arc::new(object), world)
}

#[tokio::test]
async fn a_new_object_is_taken_to_its_end_in_one_go() {
    let (object, world) = world(vec![good()]);
    let context = world.context().await;
    let action = reconcile(object.clone(), context.clone()).await.unwrap();
    assert_eq!(action, Action::requeue(LOOK_SOON), "to see whether DataStorage has the trail");
    assert_eq!(world.phases(), ["Pending", "Investigating", "Analyzing", "Completed"]);
    let done = world.object();
    assert_eq!(done.finalizers(), [FINALIZER]);
    let status = done.status.as_ref().unwrap();
    assert_eq!((status.observed_generation, status.consecutive_failures), (Some(1), Some(0)));
    assert!(status.conditions.iter().all(|condition| condition.observed_generation == Some(1)));
    assert_eq!(context.audit.waiting_types(), TRAIL);

    // The cache may still have the object as it was: nothing happens twice.
    reconcile(object, context.clone()).await.unwrap();
    assert_eq!((world.phases().len(), *lock(&world.calls)), (4, 1));
    assert_eq!(context.audit.waiting_types(), TRAIL);
}

#[tokio::test]
async fn what_data_storage_has_is_taken_out_of_the_status() {
    let (object, world) = world(vec![good()]);
    let context = world.context().await;
    reconcile(object, context.clone()).await.unwrap();
    assert_eq!(world.object().status.unwrap().pending_audit_events.len(), TRAIL.len());
    assert!(context.audit.flush().await);
    let action = reconcile(Arc::new(world.object()), context.clone()).await.unwrap();
    assert_eq!(action, Action::await_change());
    assert!(world.object().status.unwrap().pending_audit_events.is_empty());
    assert_eq!(world.trail(), TRAIL);
    let before = world.object();
    reconcile(Arc::new(before.clone()), context).await.unwrap();
    assert_eq!(world.object(), before, "there is nothing left to do");
}

/// SIGKILL between the write of a status and the sending of its events, and again before the object is tidied up.
#[tokio::test]
async fn a_controller_that_is_killed_loses_nothing_and_repeats_nothing() {
    let (object, world) = world(vec![good()]);
    reconcile(object, world.context().await).await.unwrap();
    assert_eq!(*lock(&world.sent), 0);

    let second = world.context().await;
    reconcile(Arc::new(world.object()), second.clone()).await.unwrap();
    assert!(second.audit.flush().await);
    assert_eq!(world.trail(), TRAIL);

    let third = world.context().await;
    reconcile(Arc::new(world.object()), third.clone()).await.unwrap();
    assert!(third.audit.flush().await);
    reconcile(Arc::new(world.object()), third).await.unwrap();
    assert_eq!((*lock(&world.calls), world.phases().len()), (1, 4));
    assert_eq!((*lock(&world.sent), lock(&world.stored).len()), (2 * TRAIL.len(), TRAIL.len()));
    assert!(world.object().status.unwrap().pending_audit_events.is_empty());
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_not_made_again() {
    for lost in 1..=4 {
        let (object, world) = world(vec![good()]);
        let context = world.context().await;
        *lock(&world.lost_answers) = lost;
        for _ in 0..lost {
            assert!(reconcile(object.clone(), context.clone()).await.is_err());
        }
        reconcile(object.clone(), context.clone()).await.unwrap();
        assert!(context.audit.flush().await);
        assert_eq!((*lock(&world.calls), world.phases().len()), (1, 4));
        assert_eq!(world.trail(), TRAIL);
    }
}

#[tokio::test]
async fn while_data_storage_is_away_the_object_keeps_what_it_has_to_tell() {
    let (object, world) = world(vec![good()]);
    *lock(&world.away) = true;
    let context = world.context().await;
    reconcile(object, context.clone()).await.unwrap();
    assert!(!context.audit.flush().await);
    let action = reconcile(Arc::new(world.object()), context.clone()).await.unwrap();
    assert_eq!(action, Action::requeue(LOOK_SOON));
    assert_eq!(world.object().status.unwrap().pending_audit_events.len(), TRAIL.len());
}

#[tokio::test]
async fn a_failed_call_is_tried_again_later_and_a_refused_one_is_not() {
    let (object, failing) = world(vec![broken(), good()]);
    let context = failing.context().await;
    let action = reconcile(object.clone(), context.clone()).await.unwrap();
    assert_ne!(action, Action::await_change());
    let status = failing.object().status.unwrap();
    assert_eq!((status.phase, status.consecutive_failures), (Some(Phase::Investigating), Some(1)));
    reconcile(Arc::new(failing.object()), context).await.unwrap();
    let status = failing.object().status.unwrap();
    assert_eq!((status.phase, status.consecutive_failures), (Some(Phase::Completed), Some(0)));

    let (object, refusing) = world(vec![(StatusCode::BAD_REQUEST, "no".to_owned())]);
    reconcile(object, refusing.context().await).await.unwrap();
    let status = refusing.object().status.unwrap();
    assert_eq!((status.phase, status.sub_reason), (Some(Phase::Failed), Some(SubReason::PermanentError)));
    assert_eq!(*lock(&refusing.calls), 1);
}

#[tokio::test]
async fn five_failures_are_enough_and_all_of_them_are_in_the_trail() {
    let nonsense = (StatusCode::OK, changed(json!({"confidence": 7})).to_string());
    let table = [(broken(), SubReason::MaxRetriesExceeded), (nonsense, SubReason::InvalidResponse)];
    for (answer, sub_reason) in table {
        let (object, world) = world(vec![answer]);
        let context = world.context().await;
        for _ in 0..7 {
            reconcile(object.clone(), context.clone()).await.unwrap();
        }
        assert_eq!(*lock(&world.calls), 5);
        let status = world.object().status.unwrap();
        assert_eq!((status.phase, status.sub_reason), (Some(Phase::Failed), Some(sub_reason)));
        assert!(context.audit.flush().await);
        let count = |kind: &str| world.trail().iter().filter(|told| *told == kind).count();
        assert_eq!((count("aianalysis.holmesgpt.call"), count("aianalysis.error.occurred")), (5, 5));
        assert_eq!((count("aianalysis.phase.transition"), count("aianalysis.analysis.completed")), (2, 1));
    }
}

#[tokio::test]
async fn the_objects_own_time_limit_ends_the_tries() {
    let mut object = analysis("OOMKilled", "staging");
    object.spec.timeout_config = Some(crate::api::TimeoutConfig { total_seconds: Some(1), ..Default::default() });
    let world = World::new(std::slice::from_ref(&object), vec![broken()]);
    let context = world.context().await;
    for _ in 0..3 {
        reconcile(Arc::new(object.clone()), context.clone()).await.unwrap();
    }
    let status = world.object().status.unwrap();
    assert_eq!((status.phase, status.sub_reason), (Some(Phase::Failed), Some(SubReason::TimedOut)));
    assert!(*lock(&world.calls) <= 2);
}

#[tokio::test]
async fn somebody_elses_label_does_not_cost_an_investigation() {
    let (object, world) = world(vec![good()]);
    *lock(&world.conflicts) = 2;
    reconcile(object, world.context().await).await.unwrap();
    assert_eq!((world.phases().len(), *lock(&world.calls)), (4, 1));
    assert_eq!(world.object().labels()["touched"], "yes");
}

#[tokio::test]
async fn a_policy_that_fails_makes_a_person_approve() {
    let (object, world) = world(vec![good()]);
    let context = world.context().await;
    let rego = "package aianalysis.approval\nimport rego.v1\nrequire_approval := 7 if input.environment";
    context.policy.load(&[("a.rego".to_owned(), rego.to_owned())].into()).unwrap();
    reconcile(object, context).await.unwrap();
    let status = world.object().status.unwrap();
    assert_eq!((status.phase, status.approval_required), (Some(Phase::Completed), Some(true)));
    assert_eq!(status.degraded_mode, Some(true));
    assert!(status.approval_context.unwrap().why_approval_required.contains("a person must decide"));
}

/// As the API server has it when somebody has deleted it just now, or long ago.
fn deleted(at: Timestamp) -> AIAnalysis {
    let mut object = analysis("OOMKilled", "staging");
    object.metadata.finalizers = Some(vec![FINALIZER.to_owned()]);
    object.metadata.deletion_timestamp = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at));
    object
}

#[tokio::test]
async fn a_deleted_object_is_let_go_when_it_has_told_what_it_had_to_tell() {
    let object = deleted(Timestamp::now());
    let world = World::new(std::slice::from_ref(&object), vec![good()]);
    let context = world.context().await;
    let action = reconcile(Arc::new(object.clone()), context.clone()).await.unwrap();
    assert_eq!(action, Action::requeue(LOOK_SOON));
    assert!(context.audit.flush().await);
    reconcile(Arc::new(object.clone()), context.clone()).await.unwrap();
    assert!(world.objects().is_empty());
    assert_eq!((*lock(&world.calls), world.trail()), (0, vec!["aianalysis.error.occurred".to_owned()]));
    assert_eq!(
        reconcile(Arc::new(object), context).await.unwrap(),
        Action::await_change(),
        "a missing one is no error"
    );
}

#[tokio::test]
async fn a_deletion_does_not_wait_for_ever_for_data_storage() {
    let object = deleted(Timestamp::UNIX_EPOCH);
    let world = World::new(std::slice::from_ref(&object), vec![good()]);
    let context = world.context().await;
    reconcile(Arc::new(object), context.clone()).await.unwrap();
    assert!(world.objects().is_empty());
    assert_eq!(context.audit.waiting_types(), ["aianalysis.error.occurred"], "it is sent all the same");
}
