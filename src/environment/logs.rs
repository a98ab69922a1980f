//! The logs of components' containers.

use std::fmt;

use futures::stream::{self, BoxStream};
use futures::{AsyncBufReadExt, StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{Api, ListParams, LogParams};
use thiserror::Error;

use crate::suite::manifests::COMPONENT_LABEL;

/// A line of a container's log. Its `Display` has the prefix `component/pod/container | `.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// The component.
    pub component: String,
    /// Its pod.
    pub pod: String,
    /// The container in it.
    pub container: String,
    /// The line, without its line break.
    pub text: String,
}

impl fmt::Display for LogLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LogLine { component, pod, container, text } = self;
        write!(f, "{component}/{pod}/{container} | {text}")
    }
}

/// A log that cannot be read, or not to its end.
#[derive(Debug, Error)]
#[error("cannot read the log of {component}/{pod}/{container}")]
pub struct LogError {
    component: String,
    pod: String,
    container: String,
    /// The cause.
    #[source]
    source: std::io::Error,
}

/// Returns the label selector of a component's pods; of all components if it is `None`.
pub fn selector(component: Option<&str>) -> String {
    component.map_or_else(|| COMPONENT_LABEL.to_owned(), |name| format!("{COMPONENT_LABEL}={name}"))
}

/// Returns parameters that list a component's pods; of all components if it is `None`.
pub fn of(component: Option<&str>) -> ListParams {
    ListParams::default().labels(&selector(component))
}

/// Streams the lines of all containers of these pods, as they arrive. `params` apply to every container.
pub fn logs(
    pods: &Api<Pod>,
    listed: impl IntoIterator<Item = Pod>,
    params: &LogParams,
) -> BoxStream<'static, Result<LogLine, LogError>> {
    let containers = listed.into_iter().flat_map(|pod| {
        let component = pod.labels().get(COMPONENT_LABEL).cloned().unwrap_or_default();
        let name = pod.name_any();
        let containers = pod.spec.map(|spec| spec.containers).unwrap_or_default();
        containers.into_iter().map(move |container| (component.clone(), name.clone(), container.name))
    });
    let streams = containers.map(|(component, pod, container)| {
        let (pods, params) = (pods.clone(), LogParams { container: Some(container.clone()), ..params.clone() });
        let line = LogLine { component, pod, container, text: String::new() };
        let opening = {
            let pod = line.pod.clone();
            async move { pods.log_stream(&pod, &params).await.map_err(std::io::Error::other) }
        };
        let failed = line.clone();
        let lines = stream::once(opening).map_ok(|log| log.lines()).try_flatten();
        lines
            .map_ok(move |text| LogLine { text, ..line.clone() })
            .map_err(move |source| {
                let LogLine { component, pod, container, .. } = failed.clone();
                LogError { component, pod, container, source }
            })
            .boxed()
    });
    stream::select_all(streams).boxed()
}

#[cfg(test)]
mod tests {
    use http::{Request, Response};
    use kube::client::Body;
    use serde_json::{Value, json};

    use super::*;

    /// Returns a pod of component `api`, as JSON.
    fn pod(name: &str) -> Value {
        json!({
            "metadata": {"name": name, "namespace": "shop", "labels": {COMPONENT_LABEL: "api"}},
            "spec": {"containers": [{"name": "main"}]},
        })
    }

    /// Returns an API server with these pods. The log of `mute` cannot be read; all others have two lines.
    fn pods(pods: Vec<Value>) -> Api<Pod> {
        let service = tower::service_fn(move |request: Request<Body>| {
            let list = json!({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": pods});
            let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
            let (code, body) = match path.rsplit('/').collect::<Vec<_>>()[..] {
                ["log", "mute", ..] => (400, json!({"kind": "Status", "code": 400, "message": "no log"}).to_string()),
                ["log", name, ..] => (200, format!("{name} starts\nit ends, {query}")),
                _ => (200, list.to_string()),
            };
            let response = Response::builder().status(code).body(Body::from(body.into_bytes()));
            async move { Ok::<_, kube::Error>(response.expect("a response")) }
        });
        Api::namespaced(kube::Client::new(service, "shop"), "shop")
    }

    #[tokio::test]
    async fn every_line_has_its_prefix_and_a_log_that_cannot_be_had_stops_no_other() {
        let api = pods(vec![pod("a"), pod("mute"), pod("b")]);
        let listed = api.list(&of(Some("api"))).await.unwrap();
        let params = LogParams { tail_lines: Some(2), ..LogParams::default() };
        let mut told: Vec<_> = logs(&api, listed, &params)
            .map(|line| line.map_or_else(|error| crate::readiness::errors::chain(&error), |line| line.to_string()))
            .collect()
            .await;
        told.sort();
        let line = |pod: &str, text: &str| format!("api/{pod}/main | {text}");
        let last = "it ends, &container=main&tailLines=2";
        assert_eq!(told[..2], [line("a", "a starts"), line("a", last)]);
        assert_eq!(told[2..4], [line("b", "b starts"), line("b", last)]);
        assert!(told[4].starts_with("cannot read the log of api/mute/main: "), "{}", told[4]);
        assert_eq!(told.len(), 5);
    }
}
