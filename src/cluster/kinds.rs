//! Discovery of kinds: which API serves an object, requested from the API server once per kind.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use kube::Client;
use kube::api::{Api, DynamicObject, ListParams};
use kube::core::GroupVersionKind;
use kube::discovery::{ApiCapabilities, ApiResource, Scope, pinned_kind};
use tokio::sync::OnceCell;

use crate::host::resilience::Resilience;
use crate::readiness::ObjectRef;

/// A discovered kind. While it is being discovered, only callers that need this kind wait.
type Known = Arc<OnceCell<(ApiResource, ApiCapabilities)>>;

/// The kinds of a cluster. Clones share the cache.
#[derive(Clone)]
pub(crate) struct Kinds {
    client: Client,
    namespace: String,
    known: Arc<Mutex<HashMap<GroupVersionKind, Known>>>,
}

impl Kinds {
    /// Returns an empty cache that discovers with `client`. Objects that name no namespace are in `namespace`.
    pub(crate) fn new(client: Client, namespace: &str) -> Kinds {
        Kinds { client, namespace: namespace.into(), known: Arc::default() }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Returns the namespace of objects that name none.
    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Returns the API for requests about `object`.
    ///
    /// # Errors
    /// [`kube::Error::Discovery`] or status 404 when its kind is not served, and any other error of the API server.
    pub(crate) async fn api(
        &self,
        object: &ObjectRef,
        resilience: &Resilience,
    ) -> Result<Api<DynamicObject>, kube::Error> {
        let gvk = object.gvk();
        let known = self.known(gvk.clone());
        let what = format!("discovering {} {}", object.api_version, object.kind);
        let discover = || resilience.api(&what, || pinned_kind(&self.client, &gvk));
        let (resource, capabilities) = known.get_or_try_init(discover).await?;
        let namespace = object.namespace.as_deref().unwrap_or(&self.namespace);
        Ok(match capabilities.scope {
            Scope::Namespaced => Api::namespaced_with(self.client.clone(), namespace, resource),
            Scope::Cluster => Api::all_with(self.client.clone(), resource),
        })
    }

    /// Returns the API of [`Kinds::api`], and the object's name with its namespace.
    ///
    /// # Errors
    /// As [`Kinds::api`].
    pub(crate) async fn place(
        &self,
        object: &ObjectRef,
        resilience: &Resilience,
    ) -> Result<(Api<DynamicObject>, ObjectRef), kube::Error> {
        let api = self.api(object, resilience).await?;
        let namespace = object.namespace.clone().unwrap_or_else(|| self.namespace.clone());
        let is_namespaced = api.resource_url().contains("/namespaces/");
        Ok((api, ObjectRef { namespace: is_namespaced.then_some(namespace), ..object.clone() }))
    }

    /// Discovers a kind again, and caches it once it is served.
    ///
    /// # Errors
    /// When it is not served yet.
    pub(crate) async fn discover(&self, gvk: GroupVersionKind) -> Result<(), kube::Error> {
        let found = pinned_kind(&self.client, &gvk).await?;
        // Discovery may list a new kind shortly before requests for its objects return anything but 404.
        let any: Api<DynamicObject> = Api::all_with(self.client.clone(), &found.0);
        match any.list_metadata(&ListParams::default().limit(1)).await {
            Err(error @ kube::Error::Api(_)) if is_not_found(&error) => return Err(error),
            // Any other response, an authorization error included, comes from the server of the kind.
            _ => {}
        }
        // A concurrent discovery may have set it already.
        let _ = self.known(gvk).set(found);
        Ok(())
    }

    fn known(&self, gvk: GroupVersionKind) -> Known {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).entry(gvk).or_default().clone()
    }
}

fn is_not_found(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use http::{Request, Response};
    use kube::client::Body;
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn a_kind_is_served_when_its_objects_are_and_not_when_discovery_shows_it() {
        let asked = Arc::new(AtomicUsize::new(0));
        let times = asked.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let resource =
                json!({"name": "widgets", "singularName": "", "namespaced": true, "kind": "Widget", "verbs": ["list"]});
            let (code, body) = match request.uri().path() {
                "/apis/example.com/v1" => (
                    200,
                    json!({"kind": "APIResourceList", "groupVersion": "example.com/v1", "resources": [resource]})
                        .to_string(),
                ),
                "/apis/example.com/v1/widgets" if times.fetch_add(1, Ordering::SeqCst) == 0 => {
                    (404, "404 page not found".to_owned())
                }
                _ => (403, json!({"kind": "Status", "code": 403, "message": "no", "reason": "Forbidden"}).to_string()),
            };
            let response = Response::builder().status(code).body(Body::from(body.into_bytes()));
            async move { Ok::<_, kube::Error>(response.expect("a response")) }
        });
        let kinds = Kinds::new(Client::new(service, "shop"), "shop");
        let widget = || GroupVersionKind::gvk("example.com", "v1", "Widget");
        assert!(is_not_found(&kinds.discover(widget()).await.unwrap_err()));
        // A refusal to list also shows that the kind is served.
        kinds.discover(widget()).await.unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }
}
