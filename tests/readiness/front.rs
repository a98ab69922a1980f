//! What stands in front of the server in memory: it also takes Deployments to apply, and passes requests on to Services.

use http::{Method, Request, Response};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

use crate::server::Server;

/// A client of `server` that may apply Deployments, of which those called `refused` are refused; and that reaches
/// Services through it, which answer `status`.
pub(crate) fn client(server: &Server, status: u16) -> Client {
    let server = server.clone();
    let service = tower::service_fn(move |request: Request<Body>| {
        let server = server.clone();
        async move {
            let path = request.uri().path().to_owned();
            let (code, body) = match path.as_str() {
                "/apis/apps/v1" => (200, deployments()),
                _ if path.contains("/proxy/") => (status, json!({"status": "not_ready"})),
                _ if request.method() == Method::PATCH && path.ends_with("/refused") => {
                    (422, json!({"kind": "Status", "message": "spec.x is wrong", "reason": "Invalid", "code": 422}))
                }
                _ if request.method() == Method::PATCH => {
                    let body = request.into_body().collect().await?.to_bytes();
                    (200, apply(&server, serde_json::from_slice(&body).expect("an object")))
                }
                _ => return server.client().send(request).await,
            };
            let body = Body::from(body.to_string().into_bytes());
            Ok(Response::builder().status(code).body(body).expect("a response"))
        }
    });
    Client::new(service, "shop")
}

fn deployments() -> Value {
    let resource = json!({"name": "deployments", "singularName": "deployment", "namespaced": true, "kind": "Deployment", "verbs": []});
    json!({"kind": "APIResourceList", "groupVersion": "apps/v1", "resources": [resource]})
}

fn apply(server: &Server, mut object: Value) -> Value {
    let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let metadata = json!({"name": name, "namespace": "shop", "uid": format!("d-{name}"), "generation": 1});
    object["metadata"] = metadata;
    server.put(&json!([object]).to_string());
    object
}
