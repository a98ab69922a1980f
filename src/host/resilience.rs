//! Calls that may fail temporarily: deadlines, retries by cause, circuit breakers.
//!
//! A [`Resilience`] makes calls to the dependencies of a run: the registry, the container engine, the API server. Every
//! failure has a [`Cause`]; a transient one is retried after a growing pause ([`Backoff`]), any other is final. Every
//! retry is an event of the step that the call belongs to. After several consecutive calls given up, a dependency is
//! not called for a while ([`Breaker`]). Every call has a deadline, so that a hung one is reported: programs by
//! [`Cmd::deadline`](crate::host::exec::Cmd::deadline), calls to the API server by [`Resilience::api`].
//!
//! Backoff and breaker are pure: time and randomness are parameters.

mod backoff;
mod breaker;
mod cause;
mod hung;
mod runner;

pub use super::cause::{Cause, Dependency, Open, THRESHOLD};
pub use backoff::Backoff;
pub use breaker::{Breaker, COOL_DOWN, Pass};
pub(crate) use cause::{is_field_conflict, is_other_object, lacks_default_account};
pub use hung::Hung;
pub use runner::Resilience;
