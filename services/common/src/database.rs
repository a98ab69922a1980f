//! A database that a service keeps prepared, and what it answers when the database fails it.

use std::{future::Future, time::Duration};

use anyhow::Result;
use sqlx::Error;

use crate::{Check, Problem, postgres::Postgres, retry};

/// How often a database that serves is asked whether it still does.
const PERIOD: Duration = Duration::from_secs(1);

/// Keeps `check` true to the facts, for ever. `is_prepared` is a question that has yes or no for an answer; whenever
/// the answer is no, `prepare` makes the tables: a database that lost them (a new pod on an empty volume) is prepared
/// again rather than called ready.
pub async fn keep_prepared<F: Future<Output = Result<()>>>(
    postgres: &Postgres,
    check: Check,
    is_prepared: &'static str,
    prepare: impl Fn() -> F,
) {
    let attempt = async || if postgres.ask(is_prepared).await? { Ok(()) } else { prepare().await };
    retry::keep_checking(check, PERIOD, attempt).await;
}

/// Whether an error ends by itself: the database is away, or not prepared yet. Trying again later makes sense.
pub fn is_passing(error: &Error) -> bool {
    match error {
        Error::Io(_) | Error::PoolTimedOut | Error::PoolClosed | Error::WorkerCrashed | Error::Protocol(_) => true,
        Error::Database(error) => error.code().is_some_and(|code| is_passing_code(&code)),
        _ => false,
    }
}

/// SQLSTATE classes that end by themselves: connection lost (08), too many of something (53), shutting down or starting
/// up (57); and a table that is missing because a new database is not migrated yet (42P01).
fn is_passing_code(code: &str) -> bool {
    ["08", "53", "57"].iter().any(|class| code.starts_with(class)) || code == "42P01"
}

/// A database that is away is no fault of the request: 503, and the client may try again. Anything else is ours: 500.
pub fn problem(error: Error) -> Problem {
    if is_passing(&error) {
        tracing::warn!(%error, "the database is away");
        Problem::unavailable("the database is away").retry_after(1)
    } else {
        Problem::internal(error)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use super::*;

    #[test]
    fn what_passes_is_told_from_what_does_not() {
        for code in ["08006", "53300", "57P01", "57P03", "42P01"] {
            assert!(is_passing_code(code), "{code}");
        }
        for code in ["23505", "42601", "22P02", "XX000"] {
            assert!(!is_passing_code(code), "{code}");
        }
        assert_eq!(problem(Error::PoolTimedOut).status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(problem(Error::RowNotFound).status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
