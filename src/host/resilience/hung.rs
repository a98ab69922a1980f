//! The deadline of calls to the API server.

use std::time::Duration;

use thiserror::Error;

use super::Open;
use crate::suite::config::duration;

/// How long the API server may take to respond: a little more than the minute after which it gives up itself, and
/// reports why.
pub(super) const API_DEADLINE: Duration = Duration::from_secs(70);

/// A request that the API server did not answer in time.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{what} hung: the API server had not answered after {}", duration::to_text(*.after))]
pub struct Hung {
    /// The call.
    pub what: String,
    /// How long it was waited for.
    pub after: Duration,
}

/// In the variant with which kube reports errors of its client middleware.
impl From<Hung> for kube::Error {
    fn from(hung: Hung) -> kube::Error {
        kube::Error::Service(Box::new(hung))
    }
}

/// In the variant with which kube reports errors of its client middleware.
impl From<Open> for kube::Error {
    fn from(open: Open) -> kube::Error {
        kube::Error::Service(Box::new(open))
    }
}
