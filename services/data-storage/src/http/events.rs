//! Writing and reading audit events.

use std::time::Instant;

use axum::{
    Json,
    extract::{RawQuery, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use chrono::Utc;
use serde_json::json;
use service_common::{
    Problem,
    fields::{JsonBody, RawBody},
};

use super::{App, batch};
use crate::{
    dead_letter::AddError,
    event::Event,
    intake::{Kept, NotKept},
    metrics::Outcome,
    query::Query,
    store::StoreError,
};

/// `POST /api/v1/audit/events`: one event.
pub(super) async fn create(State(app): State<App>, body: Result<JsonBody, Problem>) -> Result<Response, Problem> {
    let parsed = body
        .and_then(|JsonBody(value)| Event::parse(value, "", Utc::now()).map_err(Problem::invalid_fields))
        .inspect_err(|_| app.intake.metrics.count(Outcome::Invalid, 1));
    let event = parsed?;
    let (id, time) = (event.event_id, event.event_timestamp);
    let kept = app.groups.take(event).await.ok_or_else(|| Problem::internal("the writer of the event is gone"))?;
    Ok(match kept.map_err(problem)? {
        Kept::Stored => {
            let answer = json!({"event_id": id, "event_timestamp": time, "message": "audit event stored"});
            (StatusCode::CREATED, Json(answer)).into_response()
        }
        Kept::Accepted => {
            let answer = json!({"status": "accepted", "event_id": id, "event_timestamp": time});
            (StatusCode::ACCEPTED, Json(answer)).into_response()
        }
    })
}

/// `POST /api/v1/audit/events/batch`: an array of events, all kept or none.
pub(super) async fn create_batch(State(app): State<App>, body: Result<RawBody, Problem>) -> Result<Response, Problem> {
    let parsed = body
        .and_then(|RawBody(bytes)| batch::parse(&bytes, Utc::now()))
        .inspect_err(|_| app.intake.metrics.count(Outcome::Invalid, 1));
    let events = parsed?;
    let ids: Vec<_> = events.iter().map(|event| event.event_id).collect();
    Ok(match app.intake.take(&events).await.map_err(problem)? {
        Kept::Stored => {
            let message = format!("{} audit events stored", ids.len());
            (StatusCode::CREATED, Json(json!({"event_ids": ids, "message": message}))).into_response()
        }
        Kept::Accepted => (StatusCode::ACCEPTED, Json(json!({"status": "accepted", "event_ids": ids}))).into_response(),
    })
}

/// `GET /api/v1/audit/events`: a page of events, newest first.
pub(super) async fn find(State(app): State<App>, RawQuery(text): RawQuery) -> Result<Response, Problem> {
    let query = Query::parse(&text.unwrap_or_default())?;
    let started = Instant::now();
    let found = app.intake.store.find(&query).await;
    app.intake.metrics.query_seconds.observe(started.elapsed().as_secs_f64());
    let page = found.map_err(|error| match error {
        StoreError::Away(_) | StoreError::Silent(_) => away("PostgreSQL is away", &error),
        StoreError::Content(_) | StoreError::Broken(_) => broken(&error),
    })?;
    Ok(Json(json!({"data": page.events, "pagination": query.pagination(&page)})).into_response())
}

/// What a client is told that still has its events: whether trying again makes sense, and when.
fn problem(error: NotKept) -> Problem {
    match error {
        NotKept::DeadLetter(AddError::Full) => {
            let detail = "the database is away, and as many events wait for it as may";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "dead-letter-full", detail).retry_after(5)
        }
        NotKept::DeadLetter(error) => away("neither PostgreSQL nor Redis can take events", &error),
        NotKept::Refused(error) => broken(&error),
    }
}

fn away(detail: &str, error: &dyn std::error::Error) -> Problem {
    tracing::warn!(%error, cause = error.source().map(ToString::to_string), detail);
    Problem::unavailable(detail).retry_after(1)
}

fn broken(error: &dyn std::error::Error) -> Problem {
    let cause = error.source().map(ToString::to_string).unwrap_or_default();
    Problem::internal(format!("{error}: {cause}"))
}
