//! Whether the API server answers: told by the requests that are made anyway.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kube::Client;
use kube::client::Body;
use tokio::time::Instant;

/// What requests say about the API server.
#[derive(Debug, Clone, Default)]
pub(crate) struct Health(Arc<Mutex<Option<(Instant, String)>>>);

/// A client that does as `client` does, and what its requests say about the API server.
///
/// A watch that is connected again after an outage says nothing until something changes; only the answer to its
/// request tells that the API server is back.
pub(crate) fn observed(client: Client) -> (Client, Health) {
    let health = Health::default();
    let watched = health.clone();
    let namespace = client.default_namespace().to_owned();
    let service = tower::service_fn(move |request: http::Request<Body>| {
        let (client, health) = (client.clone(), watched.clone());
        async move {
            let answer = client.send(request).await;
            health.tell(match &answer {
                Ok(response) if response.status().is_server_error() => {
                    Some(format!("it answers {}", response.status()))
                }
                Ok(_) => None,
                Err(error) => Some(innermost(error)),
            });
            answer
        }
    });
    (Client::new(service, namespace), health)
}

impl Health {
    /// For how long requests have failed, and what trying says; nothing while they are answered.
    pub(crate) fn unreachable(&self, now: Instant) -> Option<(Duration, String)> {
        let failing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        failing.as_ref().map(|(since, error)| (now.saturating_duration_since(*since), error.clone()))
    }

    /// Since when requests have failed, and what trying says.
    pub(crate) fn since(&self) -> Option<(Instant, String)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says so, where there are no requests.
    pub(crate) fn set(&self, trouble: Option<(Instant, String)>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    fn tell(&self, error: Option<String>) {
        let mut failing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let since = failing.as_ref().map_or_else(Instant::now, |(since, _)| *since);
        *failing = error.map(|error| (since, error));
    }
}

/// The last of a chain of errors: `connection refused` rather than `client error`.
pub(crate) fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
