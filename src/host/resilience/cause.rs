//! Classifies failures of calls as transient or permanent.

mod words;

use std::io::ErrorKind;

use super::Hung;
use crate::host::cause::{Cause, Dependency, Open};
use crate::host::exec::ExecError;

/// The cause of a call without a response in time.
const HUNG: &str = "hung";

impl Cause {
    /// Returns how many attempts a call with this cause may have. Each attempt of a hung call costs its whole deadline,
    /// so two are enough.
    pub(super) fn attempts(&self, attempts: u32) -> u32 {
        if self.what == HUNG { attempts.min(2) } else { attempts }
    }

    /// Returns why a program that calls `dependency` failed: docker, podman, nerdctl or kind. Unknown errors count as
    /// permanent.
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

    /// Returns why a request to the API server failed.
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

/// Returns the permanent cause of an open circuit: only later calls may try again.
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
    // The message contains the server's own failures, with etcd's error texts.
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
        403 if lacks_default_account(status) => passes("no default service account yet"),
        403 => stays("forbidden"),
        404 => stays("not found"),
        422 => stays("invalid"),
        _ => stays("refused"),
    }
}

/// Returns whether a pod was refused because the controller manager has not made its namespace's ServiceAccount yet.
pub(crate) fn lacks_default_account(status: &kube::core::Status) -> bool {
    status.code == 403 && status.message.contains("serviceaccount \"default\" not found")
}

/// Returns whether the request failed because another field manager owns a field.
pub(crate) fn is_field_conflict(status: &kube::core::Status) -> bool {
    // For one conflict, and for several.
    let says = ["conflict with", "conflicts with"];
    status.code == 409 && says.iter().any(|words| status.message.contains(words))
}

/// Returns whether the object of that name has another uid than the request's precondition.
pub(crate) fn is_other_object(status: &kube::core::Status) -> bool {
    let says = ["UID in the precondition", "UID in precondition", "uid mismatch"];
    status.code == 409 && says.iter().any(|words| status.message.contains(words))
}

#[cfg(test)]
mod tests;
