//! Writing and reading audit events.

use std::time::Instant;

use axum::{
    Extension, Json,
    extract::{RawQuery, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::json;
use service_common::{Problem, fields::RawBody, limits::Share, problem::FieldError};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use super::{App, batch};
use crate::{
    dead_letter::AddError,
    event::Event,
    intake::{Kept, NotKept},
    metrics::Outcome,
    query::{Pagination, Query},
    store::StoreError,
};

/// Bytes of a body that is read in less than a millisecond.
const LITTLE: usize = 64 << 10;

/// `POST /api/v1/audit/events`: one event.
pub(super) async fn create(
    State(app): State<App>,
    Extension(share): Extension<Share>,
    body: Result<RawBody, Problem>,
) -> Result<Response, Problem> {
    let parsed = parsed(body, &share, batch::parse_one).await;
    let event = parsed.inspect_err(|_| app.intake.metrics.count(Outcome::Invalid, 1))?;
    let (id, time) = (event.event_id, event.event_timestamp);
    let kept =
        app.groups.take(event, share).await.ok_or_else(|| Problem::internal("the writer of the event is gone"))?;
    Ok(match kept.map_err(|error| problem(error, |_| "event_id".to_owned()))? {
        Kept::Stored => {
            let answer = json!({"event_id": id, "event_timestamp": time, "message": "audit event stored"});
            (StatusCode::CREATED, Json(answer)).into_response()
        }
        Kept::Accepted(durability) => {
            let answer =
                json!({"status": "accepted", "event_id": id, "event_timestamp": time, "durability": durability});
            (StatusCode::ACCEPTED, Json(answer)).into_response()
        }
    })
}

/// `POST /api/v1/audit/events/batch`: an array of events, all kept or none.
pub(super) async fn create_batch(
    State(app): State<App>,
    Extension(share): Extension<Share>,
    body: Result<RawBody, Problem>,
) -> Result<Response, Problem> {
    let parsed = parsed(body, &share, batch::parse).await;
    let events = parsed.inspect_err(|_| app.intake.metrics.count(Outcome::Invalid, 1))?;
    let ids: Vec<_> = events.iter().map(|event| event.event_id).collect();
    let field = |id| {
        let index = ids.iter().position(|its| *its == id).unwrap_or_default();
        format!("[{index}].event_id")
    };
    Ok(match app.intake.take(&events).await.map_err(|error| problem(error, field))? {
        Kept::Stored => {
            let message = format!("{} audit events stored", ids.len());
            (StatusCode::CREATED, Json(json!({"event_ids": ids, "message": message}))).into_response()
        }
        Kept::Accepted(durability) => {
            let answer = json!({"status": "accepted", "event_ids": ids, "durability": durability});
            (StatusCode::ACCEPTED, Json(answer)).into_response()
        }
    })
}

/// What is answered to a question.
#[derive(Serialize)]
struct Found {
    data: Vec<Event>,
    pagination: Pagination,
}

/// `GET /api/v1/audit/events`: a page of events, newest first.
pub(super) async fn find(State(app): State<App>, RawQuery(text): RawQuery) -> Result<Response, Problem> {
    let query = Query::parse(&text.unwrap_or_default())?;
    let started = Instant::now();
    let found = app.intake.store.find(&query).await;
    app.intake.metrics.query_seconds.observe(started.elapsed().as_secs_f64());
    let page = found.map_err(|error| match error {
        StoreError::Away(_) | StoreError::Silent(_) => away("PostgreSQL is away", &error),
        StoreError::Content(_) | StoreError::Conflict(_) | StoreError::Broken(_) => broken(&error),
    })?;
    Ok(Json(Found { pagination: query.pagination(&page), data: page.events }).into_response())
}

/// What a body says. A large one is read beside the runtime, whose threads are to go on answering.
async fn parsed<T: Send + 'static>(
    body: Result<RawBody, Problem>,
    share: &Share,
    parse: fn(&[u8], DateTime<Utc>) -> Result<T, Problem>,
) -> Result<T, Problem> {
    let RawBody(bytes) = body?;
    if bytes.len() <= LITTLE {
        return parse(&bytes, Utc::now());
    }
    let share = share.clone();
    let reading = spawn_blocking(move || {
        let _share = share;
        parse(&bytes, Utc::now())
    });
    reading.await.map_err(Problem::internal)?
}

/// What a client is told that still has its events: whether trying again makes sense, and when. `field` says where in the
/// request an id stands.
fn problem(error: NotKept, field: impl Fn(Uuid) -> String) -> Problem {
    match error {
        NotKept::Conflict(ids) => {
            let named =
                ids.iter().take(batch::ENOUGH_ERRORS).map(|id| FieldError::new(field(*id), "is another event's"));
            let detail = "an event with this id is stored already, and has other content";
            Problem::new(StatusCode::CONFLICT, "event-id-conflict", detail).with_errors(named.collect())
        }
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
