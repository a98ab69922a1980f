use std::time::Duration;

use axum::{Json, Router, http::StatusCode, response::IntoResponse, routing::post};
use serde_json::{Value, json};

use super::*;
use crate::samples::{analysis, analysis_json, answer_json};

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
    let answer = hapi.ask(&analysis("OOMKilled", "staging")).await.unwrap();
    assert_eq!((answer.investigation_id.as_str(), answer.confidence), ("inv-1", 0.92));
}

#[tokio::test]
async fn a_recovery_goes_to_the_recovery_endpoint() {
    let hapi = stand_in(|_| "not asked").await;
    let mut object = analysis_json("OOMKilled", "staging");
    object["spec"]["isRecoveryAttempt"] = json!(true);
    let error = hapi.ask(&serde_json::from_value(object).unwrap()).await.unwrap_err();
    assert_eq!((error.status(), error.is_final()), (Some(418), true));
}

#[tokio::test]
async fn statuses_and_nonsense_are_told_apart() {
    let object = analysis("OOMKilled", "staging");
    let broken =
        stand_in(|_| (StatusCode::INTERNAL_SERVER_ERROR, "x".repeat(5000))).await.ask(&object).await.unwrap_err();
    assert_eq!((broken.status(), broken.is_final()), (Some(500), false));
    assert!(broken.to_string().len() < 400, "only the beginning is kept");
    for nonsense in ["", "{}", "<html>", r#"{"incident_id": "a", "confidence": 7}"#] {
        assert!(Answer::parse(nonsense.as_bytes()).is_err(), "{nonsense}");
    }
    let nonsense = stand_in(|_| "<html>").await.ask(&object).await.unwrap_err();
    assert!(matches!(nonsense, CallError::Nonsense(_)) && !nonsense.is_final());
}

#[tokio::test]
async fn nobody_there_and_too_slow_are_network_errors_that_say_why() {
    let mut object = analysis("OOMKilled", "staging");
    let nobody = Hapi::new(reqwest::Client::new(), "http://127.0.0.1:1").ask(&object).await.unwrap_err();
    assert!(nobody.to_string().to_lowercase().contains("refused"), "{nobody}");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = Hapi::new(reqwest::Client::new(), &format!("http://{}", listener.local_addr().unwrap()));
    object.spec.timeout_config = Some(crate::api::TimeoutConfig { investigating_seconds: Some(1) });
    let started = std::time::Instant::now();
    let slow = silent.ask(&object).await.unwrap_err();
    assert!(matches!(slow, CallError::Network(_)) && started.elapsed() < Duration::from_secs(5), "{slow}");
}
