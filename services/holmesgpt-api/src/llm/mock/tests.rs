use std::time::Duration;

use futures::FutureExt;
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use super::*;
use crate::{answer::Review, incident::tests::sample};

/// Its memory, which is for one signal only, is out of reach here; `tests/postgres.rs` has a real one.
fn mock(slow: Duration) -> Mock {
    let nowhere = PgConnectOptions::new_without_pgpass().host("127.0.0.1").port(1);
    Mock::new(slow, Store::new(PgPoolOptions::new().connect_lazy_with(nowhere)))
}

fn ask(signal: &str) -> Found<IncidentFinding> {
    let incident = Incident::parse(sample(signal)).unwrap();
    mock(Duration::ZERO).incident(&incident).now_or_never().expect("the mock answers at once")
}

fn recover(signal: &str) -> RecoveryFinding {
    let request = json!({
        "incident_id": "inc-1", "remediation_id": "rem-1", "signal_type": signal, "is_recovery_attempt": true,
        "recovery_attempt_number": 2, "previous_execution": {"failure": {"reason": "BackoffLimitExceeded"}},
    });
    let recovery = Recovery::parse(request).unwrap();
    mock(Duration::ZERO).recovery(&recovery).now_or_never().unwrap().unwrap()
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
    ("MOCK_LOW_CONFIDENCE", "mock-generic-v1", 0.45, 0.40),
];

#[tokio::test]
async fn each_signal_has_its_workflow_and_confidence() {
    for (signal, id, confidence, recovery_confidence) in TABLE {
        let found = ask(signal).unwrap();
        let workflow = found.selected_workflow.unwrap();
        assert_eq!(
            (workflow.workflow_id.as_str(), workflow.confidence, found.confidence),
            (*id, *confidence, *confidence)
        );
        assert_eq!(found.review.needs_human_review, *confidence < 0.7, "{signal}");

        let found = recover(signal);
        assert_eq!(found.selected_workflow.unwrap().workflow_id, format!("{id}-recovery"));
        assert_eq!(found.analysis_confidence, *recovery_confidence, "{signal}");
        assert_eq!(found.primary_recommendation, found.strategies.first().map(|best| best.action_type.clone()));
        assert!(found.can_recover && found.recovery_analysis.previous_attempt_assessment.failure_understood);
    }
}

/// Signal, why a person must look, attempts in the history, whether recovery makes sense.
const EDGES: &[(&str, Option<ReviewReason>, usize, bool)] = &[
    ("MOCK_NO_WORKFLOW_FOUND", Some(ReviewReason::NoMatchingWorkflows), 0, true),
    ("MOCK_MAX_RETRIES_EXHAUSTED", Some(ReviewReason::LlmParsingError), 3, true),
    ("mock_max_retries_exhausted", Some(ReviewReason::LlmParsingError), 3, true),
    ("MOCK_NOT_REPRODUCIBLE", None, 0, false),
];

#[tokio::test]
async fn edge_signals_bend_the_answer() {
    for (signal, reason, attempts, can_recover) in EDGES {
        let found = ask(signal).unwrap();
        assert_eq!(found.review, Review::from(*reason), "{signal}");
        assert_eq!((found.selected_workflow, found.validation_attempts_history.len()), (None, *attempts), "{signal}");
        // What needs no workflow is known for sure, and what needs a person is not.
        assert_eq!(found.confidence >= 0.7, reason.is_none(), "{signal}");

        let found = recover(signal);
        assert_eq!((found.review, found.can_recover), (Review::from(*reason), *can_recover), "{signal}");
        assert_eq!((found.selected_workflow, found.validation_attempts_history.len()), (None, *attempts), "{signal}");
        assert!(found.strategies.is_empty() && found.primary_recommendation.is_none(), "{signal}");
    }
}

#[tokio::test]
async fn fault_signals_fail_as_they_say() {
    for signal in ["MOCK_HTTP_500", "mock_http_500"] {
        assert!(matches!(ask(signal), Err(LlmError::Injected("MOCK_HTTP_500"))), "{signal}");
    }
    assert!(matches!(ask("MOCK_HTTP_429"), Err(LlmError::Busy(1))));
}

#[tokio::test(start_paused = true)]
async fn slow_takes_exactly_its_time() {
    let mock = mock(Duration::from_secs(3));
    let incident = Incident::parse(sample("MOCK_SLOW")).unwrap();
    let started = tokio::time::Instant::now();
    let found = mock.incident(&incident).await.unwrap();
    assert!(started.elapsed() >= Duration::from_secs(3) && started.elapsed() < Duration::from_millis(3100));
    assert!(found.selected_workflow.is_some());
}
