//! One analysis, taken from the phase it is in to its end, or to the next call that has to be waited for.
//!
//! The object is read afresh and every status is written against the version that was read: a stale cache cannot make
//! a step happen twice. Status writes start no reconciliation of their own (see [`crate::controller`]).
//!
//! What is to be audited is written with the status that it tells of, and taken out when DataStorage has it. A controller
//! that is killed at any moment leaves behind what the next one needs to go on: the phase, and what is still to be sent.

mod settle;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use kube::{
    Api, Client, ResourceExt,
    api::{Patch, PatchParams, PostParams},
    runtime::controller::Action,
};
use serde_json::json;
use tokio::time::timeout;

use self::settle::{hand_over, next_look, notes, release, tidy};
use crate::{
    api::{AIAnalysis, AIAnalysisStatus, FINALIZER, Phase},
    audit::{Audit, Handover},
    flow::{self, Event, Task},
    hapi::Hapi,
    metrics::Metrics,
    policy::{self, Decision, Policy},
    trail,
};

/// What a reconciliation needs.
pub struct Context {
    /// Kubernetes.
    pub client: Client,
    /// HolmesGPT-API.
    pub hapi: Hapi,
    /// The approval policy.
    pub policy: Policy,
    /// The audit trail.
    pub audit: Audit,
    /// What is counted.
    pub metrics: Metrics,
}

/// Why a reconciliation has to be made again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Kubernetes has refused, or is away.
    #[error("{0}")]
    Kubernetes(#[from] kube::Error),
    /// Somebody else was quicker.
    #[error("the object has been changed by somebody else")]
    Conflict,
}

/// How a step has ended.
enum Step {
    /// The next one can follow.
    Done(Box<AIAnalysis>),
    /// Not before this time has passed.
    Wait(Duration),
}

/// Takes an analysis as far as it goes.
///
/// # Errors
/// When Kubernetes is away or somebody else has changed the object: to be tried again.
pub async fn reconcile(cached: Arc<AIAnalysis>, context: Arc<Context>) -> Result<Action, Error> {
    let is_deleted = |object: &AIAnalysis| object.metadata.deletion_timestamp.is_some();
    if is_over(&cached) && !is_deleted(&cached) && hand_over(&cached, &context) != Handover::Settled {
        return Ok(Action::requeue(next_look(&cached)));
    }
    if is_over(&cached) && !is_deleted(&cached) && notes(&cached).is_empty() {
        return Ok(Action::await_change());
    }
    let api: Api<AIAnalysis> = match cached.namespace() {
        Some(namespace) => Api::namespaced(context.client.clone(), &namespace),
        None => Api::all(context.client.clone()),
    };
    let Some(mut object) = api.get_opt(&cached.name_any()).await? else { return Ok(Action::await_change()) };
    hand_over(&object, &context);
    if is_deleted(&object) {
        return release(&api, object, &context).await;
    }
    if !has_finalizer(&object) && !is_over(&object) {
        object = set_finalizers(&api, &object, true).await?;
    }
    loop {
        let phase = object.status.as_ref().and_then(|status| status.phase);
        let task = flow::task(phase);
        if task == Task::Nothing {
            return tidy(&api, object, &context).await;
        }
        let started = Instant::now();
        let step = step(task, &api, &object, &context).await;
        context.metrics.step(phase.unwrap_or_default(), matches!(step, Ok(Step::Done(_))), started.elapsed());
        match step? {
            Step::Done(next) => object = *next,
            Step::Wait(delay) => return Ok(Action::requeue(delay)),
        }
    }
}

fn is_over(object: &AIAnalysis) -> bool {
    object.status.as_ref().and_then(|status| status.phase).is_some_and(Phase::is_terminal)
}

fn has_finalizer(object: &AIAnalysis) -> bool {
    object.finalizers().iter().any(|finalizer| finalizer == FINALIZER)
}

async fn step(task: Task, api: &Api<AIAnalysis>, object: &AIAnalysis, context: &Context) -> Result<Step, Error> {
    match task {
        Task::Accept => Ok(Step::Done(advance(api, object, &Event::Accepted, context).await?)),
        Task::Start => Ok(Step::Done(advance(api, object, &Event::Started, context).await?)),
        Task::Investigate => investigate(api, object, context).await,
        Task::Decide => Ok(Step::Done(decide(api, object, context).await?)),
        Task::Nothing => Ok(Step::Done(Box::new(object.clone()))),
    }
}

async fn investigate(api: &Api<AIAnalysis>, object: &AIAnalysis, context: &Context) -> Result<Step, Error> {
    let failures = object.status.as_ref().and_then(|status| status.consecutive_failures).unwrap_or(0);
    let left = time_left(object, Timestamp::now());
    let timeout = left.map_or(Hapi::timeout(object), |left| left.min(Hapi::timeout(object)));
    let started = Instant::now();
    let result = context.hapi.ask(object, timeout).await;
    let took = started.elapsed();
    let error = match result {
        Ok(answer) => return Ok(Step::Done(advance(api, object, &Event::Answered(&answer, took), context).await?)),
        Err(error) => error,
    };
    let attempt = failures.saturating_add(1);
    tracing::warn!(analysis = object.name_any(), attempt, %error, "HolmesGPT-API has not answered");
    let delay = flow::retry_delay(attempt, jitter(object));
    let time_is_up = time_left(object, Timestamp::now()).is_some_and(|left| left <= delay);
    let next = advance(api, object, &Event::Unanswered { error: &error, took, time_is_up }, context).await?;
    Ok(if is_over(&next) { Step::Done(next) } else { Step::Wait(delay) })
}

/// How long the investigation may still take, if the object limits that.
fn time_left(object: &AIAnalysis, now: Timestamp) -> Option<Duration> {
    let seconds = object.spec.timeout_config.as_ref()?.total_seconds?;
    let started = object.status.as_ref()?.started_at.as_ref()?.0;
    let spent = Duration::try_from(now.duration_since(started)).unwrap_or_default();
    Some(Duration::from_secs(seconds.into()).saturating_sub(spent))
}

/// Between −1 and 1, from the object's version: analyses that failed together do not come back together.
fn jitter(object: &AIAnalysis) -> f64 {
    let seed = object.uid().unwrap_or_default() + &object.resource_version().unwrap_or_default();
    let spread = seed.bytes().fold(7_u32, |hash, byte| hash.wrapping_mul(31).wrapping_add(u32::from(byte))) % 2001;
    f64::from(spread) / 1000.0 - 1.0
}

async fn decide(api: &Api<AIAnalysis>, object: &AIAnalysis, context: &Context) -> Result<Box<AIAnalysis>, Error> {
    let status = object.status.clone().unwrap_or_default();
    if status.selected_workflow.is_none() {
        return advance(api, object, &Event::Decided(None), context).await;
    }
    let decision = ask_policy(object, status, &context.policy).await;
    let next = advance(api, object, &Event::Decided(Some(&decision)), context).await?;
    context.metrics.decision(&decision, &object.spec.analysis_request.signal_context.environment);
    Ok(next)
}

/// On a thread of its own, because the policy takes all of a processor. It looks at the clock between its steps; should
/// one step be endless it is not waited for.
async fn ask_policy(object: &AIAnalysis, status: AIAnalysisStatus, policy: &Policy) -> Decision {
    let (object, policy, limit) = (object.clone(), policy.clone(), policy::limit(object) * 2);
    let asked = tokio::task::spawn_blocking(move || policy.decide(&object, &status));
    match timeout(limit, asked).await {
        Ok(Ok(decision)) => decision,
        Ok(Err(error)) => Decision::failed(format!("the policy has broken down: {error}"), Duration::ZERO),
        Err(_) => Decision::failed("the policy takes too long", limit),
    }
}

/// Writes the status that follows from `event`, with what there is to be said about it.
async fn advance(
    api: &Api<AIAnalysis>,
    object: &AIAnalysis,
    event: &Event<'_>,
    context: &Context,
) -> Result<Box<AIAnalysis>, Error> {
    let mut before = object.status.clone().unwrap_or_default();
    before.observed_generation = object.metadata.generation;
    let now = Timestamp::now();
    let mut next = flow::after(&before, event, now);
    trail::note(object, &before, event, &mut next, now);
    let written = write(api, object, next).await?;
    hand_over(&written, context);
    tell(&written, before.phase, context);
    Ok(Box::new(written))
}

/// A change of something else (labels, annotations) between reading and writing must not cost an investigation.
async fn write(api: &Api<AIAnalysis>, object: &AIAnalysis, status: AIAnalysisStatus) -> Result<AIAnalysis, Error> {
    let name = object.name_any();
    let mut with_status = object.clone();
    with_status.status = Some(status);
    for _ in 0..3 {
        match api.replace_status(&name, &PostParams::default(), &with_status).await {
            Err(kube::Error::Api(refusal)) if refusal.code == 409 => {}
            result => return Ok(result?),
        }
        let fresh = api.get(&name).await?;
        if fresh.status != object.status || fresh.uid() != object.uid() {
            return Err(Error::Conflict);
        }
        with_status.metadata = fresh.metadata;
    }
    Err(Error::Conflict)
}

fn tell(object: &AIAnalysis, old: Option<Phase>, context: &Context) {
    let Some(status) = &object.status else { return };
    if old == status.phase {
        return;
    }
    tracing::info!(analysis = object.name_any(), namespace = object.namespace(), ?old, new = ?status.phase, "phase");
    if is_over(object) {
        context.metrics.ended(status, &object.spec.analysis_request.signal_context.signal_type);
    }
}

async fn set_finalizers(api: &Api<AIAnalysis>, object: &AIAnalysis, keep: bool) -> Result<AIAnalysis, Error> {
    let mut finalizers = object.finalizers().to_vec();
    finalizers.retain(|finalizer| finalizer != FINALIZER);
    if keep {
        finalizers.push(FINALIZER.to_owned());
    }
    let version = object.resource_version();
    let patch = json!({"metadata": {"finalizers": finalizers, "resourceVersion": version}});
    Ok(api.patch(&object.name_any(), &PatchParams::default(), &Patch::Merge(patch)).await?)
}

#[cfg(test)]
#[path = "reconcile_tests.rs"]
mod tests;
