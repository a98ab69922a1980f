//! Health of the API server, observed from the requests that are made anyway.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kube::Client;
use kube::client::Body;
use tokio::time::Instant;

use super::errors::innermost;
use super::kinds::is_builtin;

/// Health of the API server, as observed from requests.
#[derive(Debug, Clone, Default)]
pub(crate) struct Health(Arc<Mutex<Option<(Instant, String)>>>);

/// Returns a client that behaves like `client`, and the health observed from its requests.
///
/// A watch that is reconnected after an outage sends nothing until an object changes; only the response to its request
/// shows that the API server is back.
pub(crate) fn observed(client: Client) -> (Client, Health) {
    let health = Health::default();
    let watched = health.clone();
    let namespace = client.default_namespace().to_owned();
    let service = tower::service_fn(move |request: http::Request<Body>| {
        let (client, health) = (client.clone(), watched.clone());
        async move {
            let is_forwarded = is_forwarded(request.uri().path());
            let answer = client.send(request).await;
            match &answer {
                // The error may be that of a component, a kubelet or an aggregated API, and not the API server's.
                Ok(response) if response.status().is_server_error() && is_forwarded => {}
                Ok(response) if response.status().is_server_error() => {
                    health.record_result(Some(format!("it answers {}", response.status())));
                }
                Ok(_) => health.record_result(None),
                Err(error) => health.record_result(Some(innermost(error))),
            }
            answer
        }
    });
    (Client::new(service, namespace), health)
}

impl Health {
    /// Returns how long requests have failed, and the error; `None` while they succeed.
    pub(crate) fn unreachable(&self, now: Instant) -> Option<(Duration, String)> {
        let failing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        failing.as_ref().map(|(since, error)| (now.saturating_duration_since(*since), error.clone()))
    }

    /// Returns since when requests have failed, and the error.
    pub(crate) fn since(&self) -> Option<(Instant, String)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sets the state, for a replay without requests.
    pub(crate) fn set(&self, trouble: Option<(Instant, String)>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    fn record_result(&self, error: Option<String>) {
        let mut failing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let since = failing.as_ref().map_or_else(Instant::now, |(since, _)| *since);
        *failing = error.map(|error| (since, error));
    }
}

/// Returns whether the API server only forwards requests to this path: to a pod, a Service, a kubelet, or the server of
/// an aggregated API.
fn is_forwarded(path: &str) -> bool {
    let mut parts = path.trim_matches('/').split('/');
    let group = match parts.next() {
        Some("api") => "",
        Some("apis") => parts.next().unwrap_or_default(),
        _ => return false,
    };
    // The version, and the object's path: `namespaces/shop/services/web/proxy`, or `nodes/n1/proxy`.
    let place: Vec<&str> = parts.skip(1).collect();
    let subresource = match place.as_slice() {
        ["namespaces", _, _, _, subresource, ..] | [_, _, subresource, ..] => *subresource,
        _ => "",
    };
    !is_builtin(group) || matches!(subresource, "proxy" | "portforward" | "exec" | "attach" | "log")
}

#[cfg(test)]
mod tests {
    use super::is_forwarded;

    #[test]
    fn what_the_api_server_answers_itself_is_told_from_what_it_passes_on() {
        for path in [
            "/api/v1/namespaces/shop/services/web:80/proxy/health/ready",
            "/api/v1/namespaces/shop/pods/web-1/portforward",
            "/api/v1/namespaces/shop/pods/web-1/exec",
            "/api/v1/namespaces/shop/pods/web-1/log",
            "/api/v1/nodes/n1/proxy/healthz",
            "/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods",
        ] {
            assert!(is_forwarded(path), "{path}");
        }
        for path in [
            "/version",
            "/api/v1/nodes",
            "/api/v1/namespaces/proxy",
            "/api/v1/namespaces/shop/services/proxy",
            "/api/v1/namespaces/shop/pods",
            "/apis/apps/v1/namespaces/shop/deployments",
        ] {
            assert!(!is_forwarded(path), "{path}");
        }
    }
}
