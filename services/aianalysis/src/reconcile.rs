//! One analysis, taken from the phase it is in to its end, or to the next call that has to be waited for.
//!
//! The object is read afresh and every status is written against the version that was read: a stale cache cannot make
//! a step happen twice. Status writes start no reconciliation of their own (see [`crate::controller`]).

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

use crate::{
    api::{AIAnalysis, AIAnalysisStatus, FINALIZER, Phase},
    audit::{Audit, AuditEvent},
    flow::{self, Event, Task},
    hapi::{CallError, Hapi},
    metrics::Metrics,
    policy::Policy,
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
    if is_over(&cached) && cached.metadata.deletion_timestamp.is_none() {
        return Ok(Action::await_change());
    }
    let api: Api<AIAnalysis> = match cached.namespace() {
        Some(namespace) => Api::namespaced(context.client.clone(), &namespace),
        None => Api::all(context.client.clone()),
    };
    let Some(mut object) = api.get_opt(&cached.name_any()).await? else { return Ok(Action::await_change()) };
    if object.metadata.deletion_timestamp.is_some() {
        release(&api, &object, &context).await?;
        return Ok(Action::await_change());
    }
    if !object.finalizers().iter().any(|finalizer| finalizer == FINALIZER) && !is_over(&object) {
        object = set_finalizers(&api, &object, true).await?;
    }
    loop {
        let phase = object.status.as_ref().and_then(|status| status.phase);
        let task = flow::task(phase);
        if task == Task::Nothing {
            return Ok(Action::await_change());
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
    let started = Instant::now();
    let result = context.hapi.ask(object).await;
    let took = started.elapsed();
    context.audit.record(AuditEvent::holmesgpt_call(object, failures + 1, &result, took));
    match &result {
        Ok(answer) => Ok(Step::Done(advance(api, object, &Event::Answered(answer, took), context).await?)),
        Err(error) => unanswered(api, object, error, failures, context).await,
    }
}

async fn unanswered(
    api: &Api<AIAnalysis>,
    object: &AIAnalysis,
    error: &CallError,
    failures: i32,
    context: &Context,
) -> Result<Step, Error> {
    let attempt = failures + 1;
    tracing::warn!(analysis = object.name_any(), attempt, %error, "HolmesGPT-API has not answered");
    let event = AuditEvent::error(object, Phase::Investigating, &attempt.to_string(), &error.to_string());
    context.audit.record(event);
    let next = advance(api, object, &Event::Unanswered(error), context).await?;
    if is_over(&next) { Ok(Step::Done(next)) } else { Ok(Step::Wait(flow::retry_delay(attempt, jitter(&next)))) }
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
    let decision = context.policy.decide(object, &status);
    // Before the end is noted, as it happened; made again after a conflict, they are the same events.
    context.audit.record(AuditEvent::rego_evaluation(object, &decision));
    context.audit.record(AuditEvent::approval_decision(object, &decision));
    let next = advance(api, object, &Event::Decided(Some(&decision)), context).await?;
    context.metrics.decision(&decision, &object.spec.analysis_request.signal_context.environment);
    Ok(next)
}

/// Writes the status that follows from `event`, and what there is to be said about it.
async fn advance(
    api: &Api<AIAnalysis>,
    object: &AIAnalysis,
    event: &Event<'_>,
    context: &Context,
) -> Result<Box<AIAnalysis>, Error> {
    let before = object.status.clone().unwrap_or_default();
    let mut next = flow::after(&before, event, Timestamp::now());
    next.observed_generation = object.metadata.generation;
    let written = write(api, object, next).await?;
    tell(&written, &before, context);
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

fn tell(object: &AIAnalysis, before: &AIAnalysisStatus, context: &Context) {
    let Some(status) = &object.status else { return };
    let (Some(old), Some(new)) = (before.phase, status.phase) else { return };
    if old == new {
        return;
    }
    tracing::info!(analysis = object.name_any(), namespace = object.namespace(), ?old, ?new, "phase");
    context.audit.record(AuditEvent::transition(object, old, new));
    if new.is_terminal() {
        context.audit.record(AuditEvent::completed(object, status));
        context.metrics.ended(status, &object.spec.analysis_request.signal_context.signal_type);
    }
}

/// The object is being deleted: it is let go.
async fn release(api: &Api<AIAnalysis>, object: &AIAnalysis, context: &Context) -> Result<(), Error> {
    if !object.finalizers().iter().any(|finalizer| finalizer == FINALIZER) {
        return Ok(());
    }
    let phase = object.status.as_ref().and_then(|status| status.phase).unwrap_or_default();
    if !phase.is_terminal() {
        context.audit.record(AuditEvent::error(object, phase, "deleted", "deleted before the analysis had ended"));
    }
    match set_finalizers(api, object, false).await {
        Err(Error::Kubernetes(kube::Error::Api(refusal))) if refusal.code == 404 => Ok(()),
        result => result.map(|_| ()),
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
