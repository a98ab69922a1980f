//! The state machine: pure functions from a status and what has happened to the next status.
//!
//! Pending → Investigating → Analyzing → Completed, and Failed from Investigating: once there is an answer, the worst that
//! can come of it is that a person must approve. What may happen to an analysis is [`Event`]; nothing here talks to anybody.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::{
    api::{AIAnalysisStatus, Phase, Reason, SubReason},
    approval,
    conditions::{self, Kind},
    hapi::{Answer, CallError},
    policy::Decision,
};

/// Calls of HolmesGPT-API that may fail in a row.
pub const MAX_TRIES: i32 = 5;
/// From this confidence on, no workflow means that none is needed.
const CONFIDENT: f64 = 0.7;

/// What is to be done for an analysis in a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// Note that it was seen.
    Accept,
    /// Begin.
    Start,
    /// Ask HolmesGPT-API.
    Investigate,
    /// Ask the policy.
    Decide,
    /// It has ended.
    Nothing,
}

/// What is to be done next.
pub fn task(phase: Option<Phase>) -> Task {
    match phase {
        None => Task::Accept,
        Some(Phase::Pending) => Task::Start,
        Some(Phase::Investigating) => Task::Investigate,
        Some(Phase::Analyzing) => Task::Decide,
        Some(Phase::Completed | Phase::Failed) => Task::Nothing,
    }
}

/// What has happened.
#[derive(Debug, Clone)]
pub enum Event<'a> {
    /// The controller has seen the object.
    Accepted,
    /// The investigation begins.
    Started,
    /// HolmesGPT-API has answered, after so long.
    Answered(&'a Answer, Duration),
    /// HolmesGPT-API has not.
    Unanswered {
        /// Why not.
        error: &'a CallError,
        /// How long that took.
        took: Duration,
        /// The object's own time limit leaves no room for another try.
        time_is_up: bool,
    },
    /// The policy has decided, or there was nothing to decide.
    Decided(Option<&'a Decision>),
}

/// The status after an event. Events that do not belong to the phase change nothing.
pub fn after(status: &AIAnalysisStatus, event: &Event<'_>, now: Timestamp) -> AIAnalysisStatus {
    let mut next = status.clone();
    match (status.phase, event) {
        (None, Event::Accepted) => {
            next.phase = Some(Phase::Pending);
            next.message = Some("waiting to be investigated".to_owned());
            next.consecutive_failures = Some(0);
        }
        (Some(Phase::Pending), Event::Started) => {
            next.phase = Some(Phase::Investigating);
            next.started_at = Some(Time(now));
            next.message = Some("HolmesGPT-API is asked".to_owned());
        }
        (Some(Phase::Investigating), Event::Answered(answer, took)) => answered(&mut next, answer, *took, now),
        (Some(Phase::Investigating), Event::Unanswered { error, time_is_up, .. }) => {
            unanswered(&mut next, error, *time_is_up, now);
        }
        (Some(Phase::Analyzing), Event::Decided(decision)) => decided(&mut next, *decision, now),
        _ => {}
    }
    next
}

/// How long to wait before HolmesGPT-API is asked again: 1 s × 2ⁿ ± 10 %. `jitter` is between −1 and 1.
pub fn retry_delay(failures: i32, jitter: f64) -> Duration {
    let doublings = failures.saturating_sub(1).clamp(0, MAX_TRIES);
    Duration::from_secs_f64(f64::from(1 << doublings) * (1.0 + 0.1 * jitter.clamp(-1.0, 1.0)))
}

fn answered(next: &mut AIAnalysisStatus, answer: &Answer, took: Duration, now: Timestamp) {
    next.consecutive_failures = Some(0);
    next.investigation_time = Some(i64::try_from(took.as_millis()).unwrap_or(i64::MAX));
    answer.put_into(next);
    let message = "HolmesGPT-API has answered";
    conditions::set(next, Kind::InvestigationComplete, true, "InvestigationSucceeded", message, now);
    if answer.can_recover == Some(false) {
        let message = "another attempt makes no sense";
        fail(next, Reason::RecoveryNotPossible, SubReason::NothingToRecover, message, now);
    } else if answer.needs_human_review {
        let said = answer.human_review_reason.as_deref().unwrap_or("no reason given");
        let message = format!("a person must look: {said}");
        fail(next, Reason::WorkflowResolutionFailed, review_reason(said), &message, now);
    } else if answer.selected_workflow.is_none() && answer.confidence < CONFIDENT {
        fail(next, Reason::WorkflowResolutionFailed, SubReason::NoMatchingWorkflows, "no workflow fits", now);
    } else {
        next.phase = Some(Phase::Analyzing);
        next.message = Some("the policy is asked".to_owned());
    }
}

fn review_reason(said: &str) -> SubReason {
    match said {
        "no_matching_workflows" => SubReason::NoMatchingWorkflows,
        "low_confidence" => SubReason::LowConfidence,
        "llm_parsing_error" => SubReason::LLMParsingError,
        _ => SubReason::InvestigationInconclusive,
    }
}

fn unanswered(next: &mut AIAnalysisStatus, error: &CallError, time_is_up: bool, now: Timestamp) {
    let failures = next.consecutive_failures.unwrap_or(0).saturating_add(1);
    next.consecutive_failures = Some(failures);
    let sub_reason = match error {
        _ if error.is_final() => SubReason::PermanentError,
        _ if time_is_up => SubReason::TimedOut,
        _ if failures < MAX_TRIES => {
            next.message = Some(format!("HolmesGPT-API, try {failures} of {MAX_TRIES}: {error}"));
            return;
        }
        CallError::Nonsense(_) => SubReason::InvalidResponse,
        _ => SubReason::MaxRetriesExceeded,
    };
    conditions::set(next, Kind::InvestigationComplete, false, "InvestigationFailed", &error.to_string(), now);
    fail(next, Reason::APIError, sub_reason, &format!("HolmesGPT-API: {error}"), now);
}

fn decided(next: &mut AIAnalysisStatus, decision: Option<&Decision>, now: Timestamp) {
    conditions::set(next, Kind::AnalysisComplete, true, "AnalysisSucceeded", "the analysis is complete", now);
    next.phase = Some(Phase::Completed);
    next.completed_at = Some(Time(now));
    let Some(decision) = decision else {
        next.reason = Some(Reason::WorkflowNotNeeded);
        next.sub_reason = Some(SubReason::ProblemResolved);
        next.message = Some("no workflow is needed".to_owned());
        next.approval_required = Some(false);
        next.degraded_mode = Some(false);
        conditions::set(next, Kind::WorkflowResolved, true, "WorkflowNotNeeded", "the problem has gone by itself", now);
        conditions::set(next, Kind::ApprovalRequired, false, "WorkflowNotNeeded", "there is nothing to approve", now);
        return;
    };
    next.reason = Some(Reason::AnalysisCompleted);
    next.message = Some("a workflow has been found".to_owned());
    next.degraded_mode = Some(decision.degraded);
    next.approval_required = Some(decision.required);
    next.approval_reason = Some(decision.reason.clone());
    next.approval_context = decision.required.then(|| approval::context(next, decision));
    conditions::set(next, Kind::WorkflowResolved, true, "WorkflowSelected", "a workflow has been found", now);
    let reason = match (decision.required, decision.failed) {
        (_, true) => "PolicyFailed",
        (true, false) => "PolicyRequiresApproval",
        (false, false) => "AutoApproved",
    };
    conditions::set(next, Kind::ApprovalRequired, decision.required, reason, &decision.reason, now);
}

fn fail(next: &mut AIAnalysisStatus, reason: Reason, sub_reason: SubReason, message: &str, now: Timestamp) {
    next.phase = Some(Phase::Failed);
    next.reason = Some(reason);
    next.sub_reason = Some(sub_reason);
    next.message = Some(message.to_owned());
    next.completed_at = Some(Time(now));
    next.approval_required = Some(false);
    conditions::set(next, Kind::AnalysisComplete, false, "AnalysisFailed", message, now);
    conditions::set(next, Kind::WorkflowResolved, false, sub_reason.as_str(), message, now);
    conditions::set(next, Kind::ApprovalRequired, false, "AnalysisFailed", "there is nothing to approve", now);
}

#[cfg(test)]
#[path = "flow_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "flow_properties.rs"]
mod properties;
