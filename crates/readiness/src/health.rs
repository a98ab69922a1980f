//! Whether the API server answers: told by the requests that are made anyway.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kube::Client;
use kube::client::Body;
use tokio::time::Instant;

use super::errors::innermost;
use super::kinds::is_builtin;

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
            let is_forwarded = is_forwarded(request.uri().path());
            let answer = client.send(request).await;
            match &answer {
                // The error may be that of a component, a kubelet or an aggregated API: it says nothing of the API server.
                Ok(response) if response.status().is_server_error() && is_forwarded => {}
                Ok(response) if response.status().is_server_error() => {
                    health.tell(Some(format!("it answers {}", response.status())));
                }
                Ok(_) => health.tell(None),
                Err(error) => health.tell(Some(innermost(error))),
            }
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

/// Whether the API server only passes requests to this path on: to a pod, a Service, a kubelet, or the server of an
/// aggregated API.
fn is_forwarded(path: &str) -> bool {
    let mut parts = path.trim_matches('/').split('/');
    let group = match parts.next() {
        Some("api") => "",
        Some("apis") => parts.next().unwrap_or_default(),
        _ => return false,
    };
    // The version, and where the object is: `namespaces/shop/services/web/proxy`, or `nodes/n1/proxy`.
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
