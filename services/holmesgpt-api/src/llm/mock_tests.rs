use std::time::Duration;

use futures::FutureExt;
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::incident::tests::sample;

fn ask(mock: &Mock, signal: &str) -> Result<IncidentAnswer, LlmError> {
    let incident = Incident::parse(sample(signal)).unwrap();
    mock.incident(Uuid::nil(), &incident).now_or_never().expect("the mock answers at once")
}

fn recover(signal: &str) -> RecoveryAnswer {
    let request = json!({
        "incident_id": "inc-1", "remediation_id": "rem-1", "signal_type": signal, "is_recovery_attempt": true,
        "recovery_attempt_number": 2, "previous_execution": {"failure": {"reason": "BackoffLimitExceeded"}},
    });
    let recovery = Recovery::parse(request).unwrap();
    Mock::new(Duration::ZERO).recovery(Uuid::nil(), &recovery).now_or_never().unwrap().unwrap()
}

/// Signal, workflow of the incident, its confidence, confidence of the recovery.
const TABLE: &[(&str, &str, f64, f64)] = &[
    ("OOMKilled", "mock-oomkilled-v1", 0.92, 0.87),
    ("oomkilled", "mock-oomkilled-v1", 0.92, 0.87),
    ("CrashLoopBackOff", "mock-crashloopbackoff-v1", 0.88, 0.83),
    ("NodeNotReady", "mock-nodenotready-v1", 0.90, 0.85),
    ("ImagePullBackOff", "mock-imagepullbackoff-v1", 0.85, 0.80),
    ("Evicted", "mock-evicted-v1", 0.87, 0.82),
    ("FailedScheduling", "mock-failedscheduling-v1", 0.82, 0.77),
    ("SomethingElse", "mock-generic-v1", 0.75, 0.70),
];

#[test]
fn each_signal_has_its_workflow_and_confidence() {
    let mock = Mock::new(Duration::ZERO);
    for (signal, id, confidence, recovery_confidence) in TABLE {
        let answer = ask(&mock, signal).unwrap();
        let workflow = answer.selected_workflow.unwrap();
        assert_eq!(
            (workflow.workflow_id.as_str(), workflow.confidence, answer.confidence),
            (*id, *confidence, *confidence)
        );
        assert!(!answer.needs_human_review);

        let recovery = recover(signal);
        assert_eq!(recovery.selected_workflow.unwrap().workflow_id, format!("{id}-recovery"));
        assert_eq!(recovery.analysis_confidence, *recovery_confidence, "{signal}");
        assert!(recovery.can_recover && recovery.recovery_analysis.previous_attempt_assessment.failure_understood);
    }
}

#[test]
fn edge_signals_bend_the_answer() {
    let mock = Mock::new(Duration::ZERO);
    let none = ask(&mock, "MOCK_NO_WORKFLOW_FOUND").unwrap();
    assert_eq!((none.selected_workflow, none.human_review_reason.as_deref()), (None, Some("no_matching_workflows")));
    let low = ask(&mock, "mock_low_confidence").unwrap();
    assert_eq!((low.confidence, low.selected_workflow.map(|workflow| workflow.confidence)), (0.45, Some(0.45)));
    let exhausted = ask(&mock, "MOCK_MAX_RETRIES_EXHAUSTED").unwrap();
    assert_eq!(exhausted.validation_attempts_history.len(), 3);
    assert_eq!(exhausted.human_review_reason.as_deref(), Some("llm_parsing_error"));
    let gone = ask(&mock, "MOCK_NOT_REPRODUCIBLE").unwrap();
    assert!(gone.selected_workflow.is_none() && !gone.needs_human_review && gone.confidence >= 0.7);
    assert!(!recover("MOCK_NOT_REPRODUCIBLE").can_recover);
}

#[test]
fn fault_signals_fail_as_they_say() {
    let mock = Mock::new(Duration::ZERO);
    assert!(matches!(ask(&mock, "MOCK_HTTP_500"), Err(LlmError::Failed(_))));
    assert!(matches!(ask(&mock, "MOCK_HTTP_429"), Err(LlmError::Busy(_))));
    assert!(matches!(ask(&mock, "MOCK_HTTP_500_ONCE"), Err(LlmError::Failed(_))));
    assert!(ask(&mock, "MOCK_HTTP_500_ONCE").is_ok(), "the second time it answers");
}

#[tokio::test(start_paused = true)]
async fn slow_takes_exactly_its_time() {
    let mock = Mock::new(Duration::from_secs(3));
    let incident = Incident::parse(sample("MOCK_SLOW")).unwrap();
    let started = tokio::time::Instant::now();
    mock.incident(Uuid::nil(), &incident).await.unwrap();
    assert!(started.elapsed() >= Duration::from_secs(3) && started.elapsed() < Duration::from_millis(3100));
}
