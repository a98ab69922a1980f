//! Why calls fail, and whether that passes by itself.

mod words;

use std::io::ErrorKind;

use super::Hung;
use crate::host::cause::{Cause, Dependency, Open};
use crate::host::exec::ExecError;

/// What a call that had no answer in time fails of.
const HUNG: &str = "hung";

impl Cause {
    /// How often a call may be made when it fails of this. Waiting for one that hangs costs its whole deadline, so that
    /// twice is enough.
    pub(super) fn attempts(&self, attempts: u32) -> u32 {
        if self.what == HUNG { attempts.min(2) } else { attempts }
    }

    /// Why a program failed that was to call `dependency`: docker, podman, nerdctl or kind. What nobody has heard of
    /// before is taken for permanent.
    #[must_use]
    pub fn of_program(error: &ExecError, dependency: Dependency) -> Cause {
        match error {
            ExecError::Hung { .. } => Cause::transient(Dependency::Engine, HUNG),
            ExecError::NotRun(open) => not_asked(open),
            ExecError::Start { source, .. } if source.kind() == ErrorKind::WouldBlock => {
                Cause::transient(Dependency::Engine, "too many processes")
            }
            ExecError::Start { .. } => Cause::permanent(Dependency::Engine, "cannot be run"),
            ExecError::Failed { tail, .. } => {
                words::find(tail, dependency).unwrap_or(Cause::permanent(dependency, "unknown"))
            }
        }
    }

    /// Why the API server did not do what it was asked.
    #[must_use]
    pub fn of_api(error: &kube::Error) -> Cause {
        const SERVER: Dependency = Dependency::ApiServer;
        match error {
            kube::Error::Api(status) => of_status(status),
            kube::Error::Service(source) if source.is::<Hung>() => Cause::transient(SERVER, HUNG),
            kube::Error::Service(source) => source.downcast_ref().map_or_else(|| of_connection(error), not_asked),
            kube::Error::HyperError(_) | kube::Error::ReadEvents(_) => of_connection(error),
            kube::Error::Discovery(_) => Cause::permanent(SERVER, "kind not served"),
            _ => Cause::permanent(SERVER, "unknown"),
        }
    }
}

/// The circuit is open: to ask again is for later calls.
fn not_asked(open: &Open) -> Cause {
    Cause { transient: false, ..open.cause }
}

fn of_connection(error: &kube::Error) -> Cause {
    let known = words::find(&crate::readiness::errors::chain(error), Dependency::ApiServer);
    known.unwrap_or(Cause::transient(Dependency::ApiServer, "connection failed"))
}

fn of_status(status: &kube::core::Status) -> Cause {
    let (passes, stays) =
        (|what| Cause::transient(Dependency::ApiServer, what), |what| Cause::permanent(Dependency::ApiServer, what));
    let text = &status.message;
    // The server's own trouble is told in its message: with etcd, with what it calls itself.
    let known = || words::find(text, Dependency::ApiServer).filter(|cause| cause.transient);
    match status.code {
        429 => passes("too many requests"),
        409 if is_field_conflict(status) => stays("field conflict"),
        409 if is_other_object(status) => stays("another object"),
        // A concurrent write, or the object of that name is being deleted.
        409 => passes("write conflict"),
        500 if text.contains("failed calling webhook") => passes("webhook not reachable"),
        500 if status.reason == "ServerTimeout" => passes("timeout"),
        500 => known().unwrap_or(stays("server error")),
        502 => known().unwrap_or(passes("bad gateway")),
        503 => known().unwrap_or(passes("service unavailable")),
        504 => known().unwrap_or(passes("gateway timeout")),
        400 => stays("bad request"),
        401 => stays("unauthorized"),
        403 => stays("forbidden"),
        404 => stays("not found"),
        422 => stays("invalid"),
        _ => stays("refused"),
    }
}

/// Whether another field manager owns a field that was to be set.
pub(crate) fn is_field_conflict(status: &kube::core::Status) -> bool {
    // One of them, or several.
    let says = ["conflict with", "conflicts with"];
    status.code == 409 && says.iter().any(|words| status.message.contains(words))
}

/// Whether the object that bears the name has another uid than the request named.
pub(crate) fn is_other_object(status: &kube::core::Status) -> bool {
    let says = ["UID in the precondition", "UID in precondition", "uid mismatch"];
    status.code == 409 && says.iter().any(|words| status.message.contains(words))
}

#[cfg(test)]
mod tests;
