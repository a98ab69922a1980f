//! The HTTP API.

mod batch;
mod events;
mod health;

use std::time::Duration;

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderValue, header},
    middleware::{Next, from_fn_with_state},
    response::Response,
    routing::{get, post},
};
use service_common::{Limits, Problem, Readiness, limits::BODY_TIMEOUT};

use crate::{config::BATCH_LIMIT, group::Groups, intake::Intake, store::READ_TIMEOUT};

/// Largest single event that is read, in bytes.
pub const EVENT_LIMIT: usize = 1 << 20;
/// Bytes of bodies in work at a time: two of the largest batches, or 512 single events. In work, a byte of a body is
/// there some six times, as text, as events, and as what is said to PostgreSQL; and a pod has 192 MiB.
const BYTES_IN_WORK: usize = 8 << 20;
/// No request takes longer than its body and the slowest of what follows, and a little.
const DEADLINE: Duration = BODY_TIMEOUT.saturating_add(READ_TIMEOUT).saturating_add(Duration::from_secs(2));

/// What the handlers share.
#[derive(Clone)]
pub struct App {
    /// The way in for single events.
    pub groups: Groups,
    /// The way in for batches, and everything behind it.
    pub intake: Intake,
    /// What the health endpoints say.
    pub readiness: Readiness,
    /// The bounds of reading and writing events.
    pub limits: Limits,
}

impl App {
    /// With the bounds that suit a pod.
    pub fn new(groups: Groups, intake: Intake, readiness: Readiness) -> Self {
        Self { groups, intake, readiness, limits: Limits::new(BYTES_IN_WORK, DEADLINE) }
    }
}

/// Everything that DataStorage answers on its API port.
pub fn router(app: App) -> Router {
    let single = app.limits.bound(post(events::create).get(events::find), EVENT_LIMIT);
    let batch = app.limits.bound(post(events::create_batch), BATCH_LIMIT);
    Router::new()
        .route("/health", get(health::health))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/api/v1/audit/events", single)
        .route("/api/v1/audit/events/batch", batch)
        .fallback(Problem::no_such_path)
        .method_not_allowed_fallback(Problem::no_such_method)
        .layer(from_fn_with_state(app.readiness.clone(), say_goodbye))
        .with_state(app)
}

/// While the service shuts down, each answer is its connection's last. A client that keeps connections would otherwise
/// send its next request into the moment in which they are closed, and never know whether it arrived.
async fn say_goodbye(State(readiness): State<Readiness>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if readiness.is_draining() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
