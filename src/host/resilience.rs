//! Calls that may fail for a passing reason: deadlines, retries by cause, circuit breakers.
//!
//! A [`Resilience`] makes calls to the dependencies of a run: the registry, the container engine, the API server. What a call
//! fails of has a [`Cause`]; one that passes is retried after a pause that grows ([`Backoff`]), any other is final at once.
//! Every retry is an event of the step that the call belongs to. A dependency that calls have been given up on several
//! times in a row is left alone for a while ([`Breaker`]). Every call has a deadline, so that one that hangs is named:
//! programs by [`Cmd::deadline`](crate::host::exec::Cmd::deadline), calls to the API server by [`Resilience::api`].
//!
//! The machines are pure: they are told time and chance.

mod backoff;
mod breaker;
mod cause;
mod hung;
mod runner;

pub use super::cause::{Cause, Dependency, Open, THRESHOLD};
pub use backoff::Backoff;
pub use breaker::{Breaker, COOL_DOWN, Pass};
pub(crate) use cause::{is_field_conflict, is_other_object};
pub use hung::Hung;
pub use runner::Resilience;
