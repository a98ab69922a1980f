//! Writing and reading audit events.

use std::time::Instant;

use axum::{
    Json,
    extract::{Query as QueryString, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use chrono::Utc;
use serde_json::{Value, json};
use service_common::{Problem, fields::JsonBody, problem::FieldError};

use super::App;
use crate::{event::Event, metrics::Outcome, query::Query};

/// `POST /api/v1/audit/events`: one event.
pub(super) async fn create(State(app): State<App>, body: Result<JsonBody, Problem>) -> Result<Response, Problem> {
    let event = accept(&app, body, |value| Event::parse(value, "", Utc::now()).map_err(Problem::invalid_fields))?;
    store(&app, std::slice::from_ref(&event)).await?;
    let answer = json!({
        "event_id": event.event_id,
        "event_timestamp": event.event_timestamp,
        "message": "audit event stored",
    });
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}

/// `POST /api/v1/audit/events/batch`: an array of events, all stored or none.
pub(super) async fn create_batch(State(app): State<App>, body: Result<JsonBody, Problem>) -> Result<Response, Problem> {
    let events = accept(&app, body, parse_batch)?;
    store(&app, &events).await?;
    let ids: Vec<_> = events.iter().map(|event| event.event_id).collect();
    let message = format!("{} audit events stored", ids.len());
    Ok((StatusCode::CREATED, Json(json!({"event_ids": ids, "message": message}))).into_response())
}

/// `GET /api/v1/audit/events`: a page of events, newest first.
pub(super) async fn find(
    State(app): State<App>,
    parameters: Result<QueryString<Vec<(String, String)>>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    let QueryString(parameters) = parameters.map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
    let query = Query::parse(parameters)?;
    let (events, total) = app.store.find(&query).await.map_err(unavailable_or_internal)?;
    Ok(Json(json!({"data": events, "pagination": query.pagination(total)})).into_response())
}

fn accept<T>(
    app: &App,
    body: Result<JsonBody, Problem>,
    parse: impl FnOnce(Value) -> Result<T, Problem>,
) -> Result<T, Problem> {
    body.and_then(|JsonBody(value)| parse(value)).inspect_err(|_| app.metrics.count(Outcome::Invalid, 1))
}

fn parse_batch(body: Value) -> Result<Vec<Event>, Problem> {
    let Value::Array(items) = body else {
        return Err(Problem::bad_request("an array of events is expected"));
    };
    if items.is_empty() {
        return Err(Problem::bad_request("the array of events is empty"));
    }
    let now = Utc::now();
    let mut events = Vec::with_capacity(items.len());
    let mut errors: Vec<FieldError> = Vec::new();
    for (index, item) in items.into_iter().enumerate() {
        match Event::parse(item, &format!("[{index}]."), now) {
            Ok(event) => events.push(event),
            Err(more) => errors.extend(more),
        }
    }
    if errors.is_empty() { Ok(events) } else { Err(Problem::invalid_fields(errors)) }
}

async fn store(app: &App, events: &[Event]) -> Result<(), Problem> {
    let started = Instant::now();
    let result = app.store.insert(events).await;
    app.metrics.write_seconds.observe(started.elapsed().as_secs_f64());
    app.metrics.count(if result.is_ok() { Outcome::Stored } else { Outcome::Failed }, events.len());
    result.map_err(unavailable_or_internal)
}

/// A database that is away is no fault of the request: the client may try again.
fn unavailable_or_internal(error: sqlx::Error) -> Problem {
    use sqlx::Error::{Database, Io, PoolClosed, PoolTimedOut, Protocol, WorkerCrashed};
    let away = match &error {
        Io(_) | PoolTimedOut | PoolClosed | WorkerCrashed | Protocol(_) => true,
        Database(error) => error.code().is_some_and(|code| is_passing(&code)),
        _ => false,
    };
    if away {
        tracing::warn!(%error, "the database is away");
        Problem::unavailable("the database is away")
    } else {
        Problem::internal(error)
    }
}

/// SQLSTATE classes that end by themselves: connection lost (08), too many of something (53), shutting down or starting
/// up (57); and a table that is missing because a new database is not migrated yet (42P01).
fn is_passing(code: &str) -> bool {
    ["08", "53", "57"].iter().any(|class| code.starts_with(class)) || code == "42P01"
}
