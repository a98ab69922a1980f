//! Bounds on the work that requests make: how much of it at a time, and how long one of them may take.
//!
//! A request is weighed by its body, because memory is what overload takes: tower's limits count requests, and one of four
//! megabytes would count as much as one of a kilobyte. What goes beyond the bound is refused at once, not queued: a queue
//! is the same memory, and its answers come when nobody waits for them any more.

use std::{sync::Arc, time::Duration};

use axum::{
    body::{Body, HttpBody},
    extract::{DefaultBodyLimit, Request, State},
    http::StatusCode,
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::MethodRouter,
};
use futures::StreamExt;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::Problem;

/// A body must have arrived within this time.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// What a request weighs at least, and the unit of its weight.
const UNIT: usize = 16 << 10;

/// The bounds of some routes together; clones share what is in work.
#[derive(Clone)]
pub struct Limits {
    units: Arc<Semaphore>,
    most: usize,
    deadline: Duration,
}

/// A request's share of the bound, for as long as a clone of it is kept. Handlers find it among the request's extensions,
/// for work that goes on when the client is gone.
#[derive(Clone)]
pub struct Share(#[expect(dead_code, reason = "it is given back when dropped")] Arc<OwnedSemaphorePermit>);

impl Limits {
    /// At most so many bytes of bodies in work, a request without one counting as 16 KiB; one that is larger than all is
    /// taken alone. Each request has its answer within `deadline`.
    pub fn new(bytes: usize, deadline: Duration) -> Self {
        let most = bytes.div_ceil(UNIT).max(1);
        Self { units: Arc::new(Semaphore::new(most)), most, deadline }
    }

    /// Puts a route under these bounds; its bodies have at most `largest` bytes.
    pub fn bound<S: Clone + Send + Sync + 'static>(&self, route: MethodRouter<S>, largest: usize) -> MethodRouter<S> {
        let state = Bound { limits: self.clone(), largest };
        route.layer(DefaultBodyLimit::max(largest)).layer(from_fn_with_state(state, admit))
    }
}

#[derive(Clone)]
struct Bound {
    limits: Limits,
    largest: usize,
}

/// Answers 503 when the bound is reached, and when the deadline has passed.
async fn admit(State(Bound { limits, largest }): State<Bound>, mut request: Request, next: Next) -> Response {
    // A body that does not say how long it is may be as long as it may.
    let length = request.body().size_hint().upper().and_then(|length| usize::try_from(length).ok());
    let weight = length.unwrap_or(largest).min(largest).div_ceil(UNIT).clamp(1, limits.most);
    let permit = limits.units.clone().try_acquire_many_owned(u32::try_from(weight).unwrap_or(u32::MAX));
    let Ok(permit) = permit else {
        discard(request.into_body(), largest).await;
        return overloaded().into_response();
    };
    // The handler may let go of its own before it has answered.
    let share = Share(Arc::new(permit));
    request.extensions_mut().insert(share.clone());
    match timeout(limits.deadline, next.run(request)).await {
        Ok(response) => response,
        Err(_) => too_slow(limits.deadline).into_response(),
    }
}

fn overloaded() -> Problem {
    let detail = "as much is in work as may be";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail).retry_after(1)
}

fn too_slow(deadline: Duration) -> Problem {
    let detail = format!("no answer within {} s; whether it has been done is not known", deadline.as_secs());
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "deadline-exceeded", detail).retry_after(1)
}

/// Reads a body that nobody wants, piece by piece: a client that is still sending when its connection is closed may lose
/// the answer.
async fn discard(body: Body, most: usize) {
    let mut pieces = body.into_data_stream();
    let reading = async {
        let mut read = 0;
        while let Some(Ok(piece)) = pieces.next().await {
            read += piece.len();
            if read > most {
                break;
            }
        }
    };
    if timeout(BODY_TIMEOUT, reading).await.is_err() {
        tracing::debug!("a refused body does not end");
    }
}

#[cfg(test)]
#[path = "limits_tests.rs"]
mod tests;
