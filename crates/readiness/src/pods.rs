//! Pods: finds a ready one of a component or of a Service, and runs commands in it.

use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use kube::ResourceExt;
use kube::api::{Api, AttachParams, ListParams};
use kube::runtime::wait::Condition;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::conditions::is_ready;
use crate::view::Lenient;

/// The result of a command in a pod.
#[derive(Debug, Clone)]
pub struct Ran {
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
    /// The status reported by the kubelet; `None` when the connection broke.
    pub status: Option<Status>,
}

/// Returns the name of a ready pod that is not terminating, among those selected by the labels in `selector`.
///
/// # Errors
/// When the pods cannot be listed.
pub async fn find_ready(pods: &Api<Pod>, selector: &str) -> Result<Option<String>, kube::Error> {
    let there = pods.list(&ListParams::default().labels(selector)).await?;
    let is_going = |pod: &Pod| pod.metadata.deletion_timestamp.is_some();
    let ready = there.into_iter().find(|pod| !is_going(pod) && is_ready().matches_object(Some(pod)));
    Ok(ready.map(|pod| pod.name_any()))
}

/// Returns a ready pod behind a Service, and the pod's port for `port` of the Service: what `kubectl port-forward
/// service/…` connects to.
///
/// # Errors
/// A text that says why there is none, to be read after the Service's name.
pub async fn behind(client: &kube::Client, namespace: &str, service: &str, port: u16) -> Result<(String, u16), String> {
    let unknown = |error: kube::Error| format!("cannot be asked: {error}");
    let services: Api<Service> = Api::namespaced(client.clone(), namespace);
    let spec = services.get(service).await.map_err(unknown)?.spec.unwrap_or_default();
    let named = spec.ports.iter().flatten().find(|it| it.port == i32::from(port)).map(|it| it.name.clone());
    let name = named.ok_or_else(|| format!("has no port {port}"))?;
    let slices: Api<EndpointSlice> = Api::namespaced(client.clone(), namespace);
    let theirs = ListParams::default().labels(&format!("kubernetes.io/service-name={service}"));
    let slices = slices.list(&theirs).await.map_err(unknown)?;
    let behind = slices.iter().find_map(|slice| endpoint(slice, name.as_deref().unwrap_or_default()));
    Ok(behind.ok_or("has no endpoint any more")?)
}

/// Returns a ready pod of a slice, and its port of this name. Read as JSON: its type differs between versions of
/// Kubernetes.
fn endpoint(slice: &EndpointSlice, name: &str) -> Option<(String, u16)> {
    let slice = serde_json::to_value(slice).ok()?;
    let port = slice.list("/ports").iter().find(|port| port.text("/name").unwrap_or_default() == name)?.int("/port")?;
    let is_ready = |endpoint: &&Value| endpoint.pointer("/conditions/ready") != Some(&Value::Bool(false));
    let pod = slice.list("/endpoints").iter().find(is_ready)?.text("/targetRef/name")?.to_owned();
    Some((pod, u16::try_from(port).ok()?))
}

/// Runs a command in a pod, to completion.
///
/// # Errors
/// When the command cannot be started.
pub async fn run(pods: &Api<Pod>, pod: &str, command: &[String]) -> Result<Ran, kube::Error> {
    let params = AttachParams::default().stdin(false);
    let mut process = pods.exec(pod, command, &params).await?;
    let (status, stdout, stderr) = (process.take_status(), process.stdout(), process.stderr());
    // Concurrently: a command blocks when one of its pipes is full.
    let (stdout, stderr) = tokio::join!(text(stdout), text(stderr));
    let status = match status {
        Some(status) => status.await,
        None => None,
    };
    Ok(Ran { stdout, stderr, status })
}

async fn text(stream: Option<impl AsyncRead + Unpin>) -> String {
    let mut bytes = Vec::new();
    if let Some(mut stream) = stream {
        // If it breaks, the output ends with what was read before.
        let _ = stream.read_to_end(&mut bytes).await;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use http::{Request, Response};
    use kube::client::Body;
    use serde_json::{Value, json};

    use super::*;

    /// Returns a pod, as JSON.
    fn pod(name: &str, ready: bool, going: bool) -> Value {
        let condition = json!({"type": "Ready", "status": if ready { "True" } else { "False" }});
        let mut pod = json!({
            "metadata": {"name": name, "namespace": "shop", "labels": {"app": "api"}},
            "spec": {"containers": [{"name": "main"}]},
            "status": {"phase": "Running", "conditions": [condition]},
        });
        if going {
            pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
        }
        pod
    }

    /// Returns an API server with these pods.
    fn pods(pods: Vec<Value>) -> Api<Pod> {
        let service = tower::service_fn(move |request: Request<Body>| {
            let list = json!({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": pods});
            assert_eq!(request.uri().query(), Some("&labelSelector=app%3Dapi"));
            let response = Response::builder().body(Body::from(list.to_string().into_bytes()));
            async move { Ok::<_, kube::Error>(response.expect("a response")) }
        });
        Api::namespaced(kube::Client::new(service, "shop"), "shop")
    }

    #[tokio::test]
    async fn a_pod_that_is_ready_and_stays_is_found() {
        for (there, expected) in [
            (vec![pod("a", false, false), pod("b", true, true), pod("c", true, false)], Some("c")),
            (vec![pod("a", false, false), pod("b", true, true)], None),
            (vec![], None),
        ] {
            assert_eq!(find_ready(&pods(there), "app=api").await.unwrap().as_deref(), expected);
        }
    }
}
