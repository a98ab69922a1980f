use std::time::Duration;

use axum::{Json, Router, http::StatusCode, response::IntoResponse, routing::post};
use serde_json::{Value, json};

use super::*;
use crate::samples::{analysis, analysis_json, answer_json, changed, recovery};

const SECOND: Duration = Duration::from_secs(1);

/// A HolmesGPT-API on loopback that answers everything with what `answer` makes of the question.
async fn stand_in<R: IntoResponse + 'static>(answer: fn(Value) -> R) -> Hapi {
    let handler = move |Json(question): Json<Value>| async move { answer(question) };
    let router = Router::new()
        .route("/api/v1/incident/analyze", post(handler))
        .route("/api/v1/recovery/analyze", post(|| async { (StatusCode::IM_A_TEAPOT, "recovery") }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    Hapi::new(reqwest::Client::new(), &url)
}

#[tokio::test]
async fn the_question_has_every_field_of_the_contract_and_the_answer_is_read() {
    let hapi = stand_in(|question| {
        for name in [
            "incident_id",
            "remediation_id",
            "signal_type",
            "severity",
            "signal_source",
            "resource_namespace",
            "resource_kind",
            "resource_name",
            "error_message",
            "environment",
            "priority",
            "risk_tolerance",
            "business_category",
            "cluster_name",
        ] {
            assert!(question[name].as_str().is_some_and(|text| !text.is_empty()), "{name} is missing in {question}");
        }
        assert!(question["enrichment_results"].is_object());
        Json(answer_json())
    })
    .await;
    let answer = hapi.ask(&analysis("OOMKilled", "staging"), SECOND).await.unwrap();
    assert_eq!((answer.investigation_id.as_str(), answer.confidence), ("inv-1", 0.92));
}

#[tokio::test]
async fn a_recovery_goes_to_the_recovery_endpoint() {
    let hapi = stand_in(|_| "not asked").await;
    let mut object = analysis_json("OOMKilled", "staging");
    object["spec"]["isRecoveryAttempt"] = json!(true);
    let error = hapi.ask(&serde_json::from_value(object).unwrap(), SECOND).await.unwrap_err();
    assert_eq!((error.status(), error.is_final()), (Some(418), true));
}

#[tokio::test]
async fn statuses_and_nonsense_are_told_apart() {
    let object = analysis("OOMKilled", "staging");
    let broken = stand_in(|_| (StatusCode::INTERNAL_SERVER_ERROR, "x\0".repeat(5000)))
        .await
        .ask(&object, SECOND)
        .await
        .unwrap_err();
    assert_eq!((broken.status(), broken.is_final()), (Some(500), false));
    assert!(broken.to_string().len() < 400, "only the beginning is kept");
    assert!(!broken.to_string().contains('\0'));
    let nonsense = stand_in(|_| "<html>").await.ask(&object, SECOND).await.unwrap_err();
    assert!(matches!(nonsense, CallError::Nonsense(_)) && !nonsense.is_final());
}

#[tokio::test]
async fn nobody_there_and_too_slow_are_network_errors_that_say_why() {
    let mut object = analysis("OOMKilled", "staging");
    let nobody = Hapi::new(reqwest::Client::new(), "http://127.0.0.1:1").ask(&object, SECOND).await.unwrap_err();
    assert!(nobody.to_string().to_lowercase().contains("refused"), "{nobody}");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = Hapi::new(reqwest::Client::new(), &format!("http://{}", listener.local_addr().unwrap()));
    object.spec.timeout_config =
        Some(crate::api::TimeoutConfig { investigating_seconds: Some(1), ..Default::default() });
    let started = std::time::Instant::now();
    let slow = silent.ask(&object, Hapi::timeout(&object)).await.unwrap_err();
    assert!(matches!(slow, CallError::Network(_)) && started.elapsed() < Duration::from_secs(5), "{slow}");
}

#[test]
fn nonsense_is_named() {
    let table = [
        (json!({"incident_id": "another"}), "it is about incident"),
        (json!({"confidence": 7}), "confidence 7 of the answer"),
        (json!({"confidence": -0.1}), "is not between 0 and 1"),
        (json!({"confidence": null}), "invalid type"),
        (json!({"root_cause_analysis": null}), "missing field `root_cause_analysis`"),
        (json!({"selected_workflow": {"workflow_id": "w", "confidence": 1.5}}), "confidence 1.5 of w"),
        (json!({"selected_workflow": {"workflow_id": " ", "confidence": 0.5}}), "a workflow has no id"),
        (json!({"alternative_workflows": [{"workflow_id": "a", "confidence": 2}]}), "confidence 2 of a"),
        (json!({"warnings": "beware"}), "invalid type"),
    ];
    let object = analysis("OOMKilled", "staging");
    for (changes, word) in table {
        let why = Answer::parse(changed(changes.clone()).to_string().as_bytes(), &object).unwrap_err();
        assert!(why.contains(word), "{changes}: {why}");
    }
    for text in ["", "{}", "[]", "<html>", "null"] {
        assert!(Answer::parse(text.as_bytes(), &object).is_err(), "{text}");
    }
    let why = Answer::parse(answer_json().to_string().as_bytes(), &recovery(object)).unwrap_err();
    assert!(why.contains("can_recover"), "{why}");
}

#[tokio::test]
async fn an_answer_without_end_is_nonsense() {
    let endless = stand_in(|_| "x".repeat(ANSWER_LIMIT + 1)).await;
    let error = endless.ask(&analysis("OOMKilled", "staging"), SECOND).await.unwrap_err();
    assert!(matches!(error, CallError::Nonsense(_)), "{error}");
}

#[test]
fn a_recovery_says_what_was_tried_and_its_answer_fills_the_status() {
    let mut object = recovery(analysis("OOMKilled", "staging"));
    let tried = |id: &str| crate::api::PreviousExecution {
        workflow_id: id.to_owned(),
        failure_reason: Some("no quota".to_owned()),
        failed_at: None,
    };
    object.spec.previous_executions = vec![tried("first"), tried("second")];
    let question = request::of(&object);
    assert_eq!(question["previous_execution"]["workflow_id"], "second");
    assert_eq!(question["previous_executions"].as_array().unwrap().len(), 2);
    assert_eq!((&question["environment"], &question["recovery_attempt_number"]), (&json!("staging"), &json!(1)));

    let answer = json!({
        "incident_id": crate::samples::UID, "investigation_id": "inv-2", "can_recover": true, "analysis_confidence": 0.87,
        "strategies": [
            {"action_type": "w-recovery", "confidence": 0.87, "rationale": "r", "estimated_risk": "low"},
            {"action_type": "other", "confidence": 0.5, "rationale": "riskier", "estimated_risk": "high"},
        ],
        "primary_recommendation": "w-recovery",
        "selected_workflow": {"workflow_id": "w-recovery", "confidence": 0.87},
        "recovery_analysis": {"previous_attempt_assessment": {
            "failure_understood": true, "failure_reason_analysis": "no quota", "state_changed": true,
            "current_signal_type": "OOMKilled",
        }},
        "needs_human_review": false, "human_review_reason": null, "warnings": [],
    });
    let mut status = crate::api::AIAnalysisStatus::default();
    Answer::parse(answer.to_string().as_bytes(), &object).unwrap().put_into(&mut status);
    let recovery = status.recovery_status.unwrap();
    assert!(recovery.can_recover && recovery.failure_understood && recovery.state_changed);
    assert_eq!(status.root_cause.as_deref(), Some("no quota"));
    assert_eq!(status.alternative_workflows.len(), 1, "the one that was not selected");
}
