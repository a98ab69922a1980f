use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::{api::FAILURES, samples::answer};

fn in_phase(phase: Option<Phase>) -> AIAnalysisStatus {
    AIAnalysisStatus { phase, observed_generation: Some(1), ..Default::default() }
}

fn status_error(status: u16) -> CallError {
    CallError::Status { status, detail: "no".to_owned() }
}

fn decision(required: bool, degraded: bool) -> Decision {
    Decision { required, degraded, failed: degraded, reason: "because".to_owned(), duration: Duration::ZERO }
}

fn unanswered(error: &CallError, time_is_up: bool) -> Event<'_> {
    Event::Unanswered { error, took: Duration::ZERO, time_is_up }
}

fn step(status: &AIAnalysisStatus, event: &Event<'_>) -> AIAnalysisStatus {
    after(status, event, Timestamp::UNIX_EPOCH)
}

fn condition(status: &AIAnalysisStatus, name: &str) -> Option<String> {
    status.conditions.iter().find(|condition| condition.type_ == name).map(|condition| condition.status.clone())
}

#[test]
fn an_ordinary_analysis_goes_through_all_four_phases() {
    let mut status = in_phase(None);
    let found = answer(json!({}));
    let approved = decision(false, false);
    let events = [
        Event::Accepted,
        Event::Started,
        Event::Answered(&found, Duration::from_millis(5)),
        Event::Decided(Some(&approved)),
    ];
    let mut phases = Vec::new();
    for event in &events {
        status = step(&status, event);
        phases.push(status.phase.unwrap());
    }
    assert_eq!(phases, [Phase::Pending, Phase::Investigating, Phase::Analyzing, Phase::Completed]);
    assert_eq!(status.reason, Some(Reason::AnalysisCompleted));
    assert_eq!(status.investigation_id.as_deref(), Some("inv-1"));
    assert_eq!(status.root_cause.as_deref(), Some("too little memory"));
    assert_eq!(status.selected_workflow.as_ref().unwrap().parameters["REPLICAS"], "3");
    assert_eq!((status.approval_required, status.degraded_mode), (Some(false), Some(false)));
    assert!(status.started_at.is_some() && status.completed_at.is_some() && status.approval_context.is_none());
    let conditions = ["InvestigationComplete", "AnalysisComplete", "WorkflowResolved", "ApprovalRequired"];
    let said = conditions.map(|name| condition(&status, name).unwrap());
    assert_eq!(said, ["True", "True", "True", "False"]);
}

/// What HolmesGPT-API answers, and where that leads.
#[test]
fn answers_lead_where_the_table_says() {
    let review =
        |reason: &str| json!({"needs_human_review": true, "human_review_reason": reason, "selected_workflow": null});
    let failed = |sub| (Phase::Failed, Some(Reason::WorkflowResolutionFailed), Some(sub));
    type Expected = (Phase, Option<Reason>, Option<SubReason>);
    let table: Vec<(Value, Expected)> = vec![
        (json!({}), (Phase::Analyzing, None, None)),
        (review("no_matching_workflows"), failed(SubReason::NoMatchingWorkflows)),
        (review("low_confidence"), failed(SubReason::LowConfidence)),
        (review("llm_parsing_error"), failed(SubReason::LLMParsingError)),
        (review("something new"), failed(SubReason::InvestigationInconclusive)),
        (json!({"selected_workflow": null, "confidence": 0.69}), failed(SubReason::NoMatchingWorkflows)),
        (json!({"selected_workflow": null, "confidence": 0.7}), (Phase::Analyzing, None, None)),
        (json!({"can_recover": true}), (Phase::Analyzing, None, None)),
        (
            json!({"can_recover": false}),
            (Phase::Failed, Some(Reason::RecoveryNotPossible), Some(SubReason::NothingToRecover)),
        ),
    ];
    for (changes, expected) in table {
        let found = answer(changes.clone());
        let next = step(&in_phase(Some(Phase::Investigating)), &Event::Answered(&found, Duration::ZERO));
        assert_eq!((next.phase.unwrap(), next.reason, next.sub_reason), expected, "{changes}");
        assert_eq!(next.completed_at.is_some(), expected.0 == Phase::Failed);
    }
}

#[test]
fn errors_are_tried_again_or_final_as_the_table_says() {
    let network = CallError::Network("refused".to_owned());
    let nonsense = CallError::Nonsense("not JSON".to_owned());
    let table: Vec<(CallError, i32, Option<SubReason>)> = vec![
        (status_error(500), 0, None),
        (status_error(503), 3, None),
        (status_error(429), 0, None),
        (network.clone(), 0, None),
        (nonsense.clone(), 0, None),
        (nonsense, 4, Some(SubReason::InvalidResponse)),
        (status_error(500), 4, Some(SubReason::MaxRetriesExceeded)),
        (network, 4, Some(SubReason::MaxRetriesExceeded)),
        (status_error(400), 0, Some(SubReason::PermanentError)),
        (status_error(404), 2, Some(SubReason::PermanentError)),
    ];
    for (error, failures_before, sub_reason) in table {
        let mut status = in_phase(Some(Phase::Investigating));
        status.consecutive_failures = Some(failures_before);
        let next = step(&status, &unanswered(&error, false));
        assert_eq!(next.sub_reason, sub_reason, "{error}");
        assert_eq!(next.consecutive_failures, Some(failures_before + 1));
        let phase = if sub_reason.is_some() { Phase::Failed } else { Phase::Investigating };
        assert_eq!(next.phase, Some(phase), "{error}");
    }
}

#[test]
fn decisions_complete_the_analysis() {
    let mut analyzing = in_phase(Some(Phase::Analyzing));
    answer(json!({})).put_into(&mut analyzing);
    let required = step(&analyzing, &Event::Decided(Some(&decision(true, false))));
    let context = required.approval_context.unwrap();
    assert_eq!((context.confidence_level.as_str(), context.confidence_score), ("high", 0.92));
    assert_eq!((context.reason.as_str(), context.alternatives_considered.len()), ("because", 1));
    assert_eq!(context.why_approval_required, "a rule of the policy asks for a person: because");
    assert_eq!(context.investigation_summary, "too little memory");
    assert_eq!(context.recommended_actions, ["Raise the limit (mock-oomkilled-v1)"]);
    assert!(!context.evidence_collected.is_empty());
    assert_eq!(
        condition(&step(&analyzing, &Event::Decided(Some(&decision(true, false)))), "ApprovalRequired").unwrap(),
        "True"
    );

    let degraded = step(&analyzing, &Event::Decided(Some(&decision(true, true))));
    assert_eq!((degraded.degraded_mode, degraded.approval_required), (Some(true), Some(true)));

    let nothing = step(&in_phase(Some(Phase::Analyzing)), &Event::Decided(None));
    assert_eq!(nothing.phase, Some(Phase::Completed));
    assert_eq!(
        (nothing.reason, nothing.sub_reason),
        (Some(Reason::WorkflowNotNeeded), Some(SubReason::ProblemResolved))
    );
}

/// Every phase with every event: the table has those that lead on; all others change nothing at all.
#[test]
fn events_that_do_not_belong_to_the_phase_change_nothing() {
    let found = answer(json!({}));
    let (passing, refused) = (status_error(500), status_error(400));
    let required = decision(true, false);
    let events = [
        ("accepted", Event::Accepted),
        ("started", Event::Started),
        ("answered", Event::Answered(&found, Duration::ZERO)),
        ("failed", unanswered(&passing, false)),
        ("refused", unanswered(&refused, false)),
        ("time is up", unanswered(&passing, true)),
        ("decided", Event::Decided(Some(&required))),
        ("nothing to decide", Event::Decided(None)),
    ];
    let table = [
        (None, "accepted", Phase::Pending),
        (Some(Phase::Pending), "started", Phase::Investigating),
        (Some(Phase::Investigating), "answered", Phase::Analyzing),
        (Some(Phase::Investigating), "failed", Phase::Investigating),
        (Some(Phase::Investigating), "refused", Phase::Failed),
        (Some(Phase::Investigating), "time is up", Phase::Failed),
        (Some(Phase::Analyzing), "decided", Phase::Completed),
        (Some(Phase::Analyzing), "nothing to decide", Phase::Completed),
    ];
    for phase in Phase::ALL.map(Some).into_iter().chain([None]) {
        for (name, event) in &events {
            let before = in_phase(phase);
            let next = step(&before, event);
            match table.iter().find(|(from, with, _)| *from == phase && with == name) {
                Some((_, _, to)) => assert_eq!(next.phase, Some(*to), "{phase:?} {name}"),
                None => assert_eq!(next, before, "{phase:?} {name}"),
            }
        }
    }
}

#[test]
fn when_the_objects_own_time_is_up_there_is_no_other_try() {
    let error = CallError::Network("timed out".to_owned());
    let next = step(&in_phase(Some(Phase::Investigating)), &unanswered(&error, true));
    assert_eq!((next.reason, next.sub_reason), (Some(Reason::APIError), Some(SubReason::TimedOut)));
}

#[test]
fn however_it_ends_every_condition_is_set_and_every_failure_is_in_the_list() {
    let investigating = in_phase(Some(Phase::Investigating));
    let review = json!({"needs_human_review": true, "human_review_reason": "low_confidence"});
    let error = status_error(400);
    let mut analyzing = in_phase(Some(Phase::Analyzing));
    answer(json!({})).put_into(&mut analyzing);
    let ends = [
        step(&investigating, &Event::Answered(&answer(review), Duration::ZERO)),
        step(&investigating, &Event::Answered(&answer(json!({"can_recover": false})), Duration::ZERO)),
        step(&investigating, &unanswered(&error, false)),
        step(&analyzing, &Event::Decided(Some(&decision(false, false)))),
        step(&in_phase(Some(Phase::Analyzing)), &Event::Decided(None)),
    ];
    for end in ends {
        assert!(end.phase.is_some_and(Phase::is_terminal) && end.completed_at.is_some() && end.message.is_some());
        for name in ["AnalysisComplete", "WorkflowResolved", "ApprovalRequired"] {
            assert!(condition(&end, name).is_some(), "{name} after {:?}", end.message);
        }
        if end.phase == Some(Phase::Failed) {
            assert!(FAILURES.contains(&(end.reason.unwrap(), end.sub_reason.unwrap())), "{:?}", end.message);
        }
    }
}

#[test]
fn delays_double_within_ten_percent() {
    let seconds: Vec<_> = (1..=4).map(|failures| retry_delay(failures, 0.0).as_secs_f64()).collect();
    assert_eq!(seconds, [1.0, 2.0, 4.0, 8.0]);
    assert!((retry_delay(2, 1.0).as_secs_f64() - 2.2).abs() < 1e-9);
    assert!((retry_delay(2, -7.0).as_secs_f64() - 1.8).abs() < 1e-9);
    assert!(retry_delay(i32::MAX, 0.0) <= Duration::from_secs(32) && retry_delay(i32::MIN, 0.0) > Duration::ZERO);
}

#[test]
fn a_condition_keeps_its_transition_time_while_its_status_stays() {
    let mut status = in_phase(Some(Phase::Analyzing));
    let later = Timestamp::from_second(100).unwrap();
    conditions::set(&mut status, Kind::AnalysisComplete, true, "A", "a", Timestamp::UNIX_EPOCH);
    conditions::set(&mut status, Kind::AnalysisComplete, true, "B", "b", later);
    assert_eq!((status.conditions.len(), status.conditions[0].last_transition_time.0), (1, Timestamp::UNIX_EPOCH));
    conditions::set(&mut status, Kind::AnalysisComplete, false, "C", "c", later);
    assert_eq!((status.conditions.len(), status.conditions[0].last_transition_time.0), (1, later));
}
