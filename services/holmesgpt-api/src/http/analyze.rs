//! `POST /api/v1/incident/analyze` and `POST /api/v1/recovery/analyze`.

use std::time::Instant;

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::Value;
use service_common::{Problem, database, fields::JsonBody};
use uuid::Uuid;

use super::App;
use crate::{DATABASE, llm::LlmError, metrics::AnalysisLabels, question::Question, store::Investigation};

/// Answers one kind of question, and counts it.
pub(super) async fn analyze<Q: Question>(State(app): State<App>, body: Result<JsonBody, Problem>) -> Response {
    let started = Instant::now();
    let _in_flight = app.metrics.begin();
    let response = match investigate::<Q>(&app, body, started).await {
        Ok(answer) => Json(answer).into_response(),
        Err(problem) => problem.into_response(),
    };
    let labels = AnalysisLabels { kind: Q::KIND, status: response.status().as_u16() };
    app.metrics.analyses.get_or_create(&labels).inc();
    app.metrics.seconds.observe(started.elapsed().as_secs_f64());
    response
}

/// An answer is kept before it is given. Without its database HAPI therefore answers 503, and it says so before it
/// spends time and money on a model; a database that goes while the model thinks is waited for, for a few seconds.
async fn investigate<Q: Question>(
    app: &App,
    body: Result<JsonBody, Problem>,
    started: Instant,
) -> Result<Value, Problem> {
    let question = Q::read(body?.0).map_err(Problem::invalid_fields)?;
    if !app.readiness.report().is_up(DATABASE) {
        return Err(Problem::unavailable("the database is away").retry_after(1));
    }
    let id = Uuid::now_v7();
    let answer = question.ask(&*app.llm, id).await.map_err(refusal)?;
    let answer = serde_json::to_value(answer).map_err(Problem::internal)?;
    let investigation = Investigation {
        id,
        kind: Q::KIND,
        incident_id: question.incident_id(),
        remediation_id: question.remediation_id(),
        signal_type: question.signal_type(),
        request: serde_json::to_value(&question).map_err(Problem::internal)?,
        answer: &answer,
        duration: started.elapsed(),
    };
    app.store.keep(investigation).await.map_err(database::problem)?;
    Ok(answer)
}

/// Who is at fault decides the status: the model 502, its slowness 504, its load 429, the database 503.
fn refusal(error: LlmError) -> Problem {
    let (status, kind) = match error {
        LlmError::Injected(_) => return Problem::internal(error),
        LlmError::Memory(error) => return database::problem(error),
        LlmError::Busy(_) => (StatusCode::TOO_MANY_REQUESTS, "too-many-requests"),
        LlmError::Refused(_) => (StatusCode::BAD_GATEWAY, "llm-refused"),
        LlmError::Failed(_) => (StatusCode::BAD_GATEWAY, "llm-failed"),
        LlmError::TimedOut => (StatusCode::GATEWAY_TIMEOUT, "llm-timeout"),
    };
    tracing::warn!(%error, "no answer from the language model");
    let problem = Problem::new(status, kind, error.to_string());
    if let LlmError::Busy(seconds) = error { problem.retry_after(seconds) } else { problem }
}

#[cfg(test)]
mod tests {
    use axum::http::header;

    use super::*;

    #[test]
    fn each_failure_has_its_status() {
        let cases = [
            (LlmError::Injected("MOCK_HTTP_500"), 500),
            (LlmError::Busy(7), 429),
            (LlmError::Refused(401), 502),
            (LlmError::Failed("status 500".to_owned()), 502),
            (LlmError::TimedOut, 504),
            (LlmError::Memory(sqlx::Error::PoolTimedOut), 503),
        ];
        for (error, status) in cases {
            let response = refusal(error).into_response();
            assert_eq!(response.status(), status);
            let retry_after = response.headers().get(header::RETRY_AFTER).map(|value| value.to_str().unwrap());
            assert_eq!(
                retry_after,
                if status == 429 {
                    Some("7")
                } else if status == 503 {
                    Some("1")
                } else {
                    None
                }
            );
        }
    }
}
