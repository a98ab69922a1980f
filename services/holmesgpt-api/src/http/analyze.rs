//! `POST /api/v1/incident/analyze` and `POST /api/v1/recovery/analyze`.

use std::time::Instant;

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::Value;
use service_common::{Problem, fields::JsonBody};
use uuid::Uuid;

use super::App;
use crate::{incident::Incident, llm::LlmError, metrics::AnalysisLabels, recovery::Recovery, store::Investigation};

type Answer = Result<Value, Problem>;

pub(super) async fn incident(State(app): State<App>, body: Result<JsonBody, Problem>) -> Response {
    let started = Instant::now();
    let answer = investigate_incident(&app, body, started).await;
    counted(&app, "incident", started, answer)
}

pub(super) async fn recovery(State(app): State<App>, body: Result<JsonBody, Problem>) -> Response {
    let started = Instant::now();
    let answer = investigate_recovery(&app, body, started).await;
    counted(&app, "recovery", started, answer)
}

async fn investigate_incident(app: &App, body: Result<JsonBody, Problem>, started: Instant) -> Answer {
    let JsonBody(request) = body?;
    let incident = Incident::parse(request.clone()).map_err(Problem::invalid_fields)?;
    let id = Uuid::now_v7();
    let answer = json(app.llm.incident(id, &incident).await.map_err(refusal)?)?;
    let investigation = Investigation {
        id,
        kind: "incident",
        incident_id: &incident.incident_id,
        remediation_id: &incident.remediation_id,
        signal_type: Some(&incident.signal_type),
        request: &request,
        answer: &answer,
        duration: started.elapsed(),
    };
    keep(app, investigation).await?;
    Ok(answer)
}

async fn investigate_recovery(app: &App, body: Result<JsonBody, Problem>, started: Instant) -> Answer {
    let JsonBody(request) = body?;
    let recovery = Recovery::parse(request.clone()).map_err(Problem::invalid_fields)?;
    let id = Uuid::now_v7();
    let answer = json(app.llm.recovery(id, &recovery).await.map_err(refusal)?)?;
    let investigation = Investigation {
        id,
        kind: "recovery",
        incident_id: &recovery.incident_id,
        remediation_id: &recovery.remediation_id,
        signal_type: recovery.signal_type.as_deref(),
        request: &request,
        answer: &answer,
        duration: started.elapsed(),
    };
    keep(app, investigation).await?;
    Ok(answer)
}

async fn keep(app: &App, investigation: Investigation<'_>) -> Result<(), Problem> {
    app.store.keep(investigation).await.map_err(|error| {
        tracing::warn!(%error, "an investigation cannot be kept");
        Problem::unavailable("the investigation cannot be kept: the database is away")
    })
}

fn json(answer: impl Serialize) -> Answer {
    serde_json::to_value(answer).map_err(Problem::internal)
}

fn refusal(error: LlmError) -> Problem {
    match error {
        LlmError::Failed(_) => Problem::internal(error),
        LlmError::Busy(seconds) => {
            let status = StatusCode::TOO_MANY_REQUESTS;
            Problem::new(status, "too-many-requests", error.to_string()).retry_after(seconds)
        }
    }
}

fn counted(app: &App, kind: &'static str, started: Instant, answer: Answer) -> Response {
    let response = answer.map_or_else(Problem::into_response, |answer| Json(answer).into_response());
    let labels = AnalysisLabels { kind, status: response.status().as_u16() };
    app.metrics.analyses.get_or_create(&labels).inc();
    app.metrics.seconds.observe(started.elapsed().as_secs_f64());
    response
}
