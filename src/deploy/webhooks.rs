//! Webhooks of the suite: an object that one of them admits waits until it answers.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ConstantBuilder, Retryable};
use k8s_openapi::api::admissionregistration::v1::{MutatingWebhookConfiguration, ValidatingWebhookConfiguration};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::{Api, DynamicObject, ListParams};
use serde_json::Value;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::{Applier, ComponentManifests, kind};
use crate::host::resilience::Resilience;
use crate::readiness::ObjectRef;

/// The pauses between two looks at a webhook, and between two calls of it: until a deadline ends them.
pub(super) const UNTIL: ConstantBuilder =
    ConstantBuilder::new().with_delay(Duration::from_millis(200)).without_max_times();

/// A Service: its namespace and name.
pub(super) type ServiceName = (String, String);

/// The webhooks that the components of a suite bring along. Clones are cheap.
#[derive(Debug, Clone, Default)]
pub struct Webhooks {
    webhooks: Arc<Vec<Webhook>>,
    /// The Services of all components.
    pub(super) services: Arc<BTreeSet<ServiceName>>,
}

/// One webhook of a configuration.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Webhook {
    /// The component that brings it.
    pub(super) component: String,
    /// `MutatingWebhookConfiguration` or `ValidatingWebhookConfiguration`.
    kind: String,
    /// The name of the configuration.
    configuration: String,
    /// The webhook's own name.
    name: String,
    /// The Service that answers.
    service: ServiceName,
    rules: Value,
}

impl Webhooks {
    /// Finds the webhooks in the manifests of `components` that a Service answers. Those with selectors are left out:
    /// which objects they admit is not known before. Services that name no namespace are in `namespace`.
    pub fn of<'a>(components: impl IntoIterator<Item = &'a ComponentManifests>, namespace: &str) -> Webhooks {
        let (mut found, mut all) = (Vec::new(), BTreeSet::new());
        for parcel in components {
            all.extend(services(parcel, namespace));
            let configurations = parcel.manifests.iter().filter(|it| kind(it).ends_with("WebhookConfiguration"));
            for manifest in configurations {
                for webhook in manifest.object.data["webhooks"].as_array().into_iter().flatten() {
                    let has_selector = ["namespaceSelector", "objectSelector"]
                        .iter()
                        .any(|selector| webhook[selector].as_object().is_some_and(|selector| !selector.is_empty()));
                    let service = &webhook["clientConfig"]["service"];
                    let (Some(name), false) = (service["name"].as_str(), has_selector) else { continue };
                    found.push(Webhook {
                        component: parcel.component.name.clone(),
                        kind: kind(manifest).to_owned(),
                        configuration: manifest.object.metadata.name.clone().unwrap_or_default(),
                        name: webhook["name"].as_str().unwrap_or_default().to_owned(),
                        service: (service["namespace"].as_str().unwrap_or(namespace).to_owned(), name.to_owned()),
                        rules: webhook["rules"].clone(),
                    });
                }
            }
        }
        Webhooks { webhooks: Arc::new(found), services: Arc::new(all) }
    }

    /// Returns the webhooks of other components that admit `object` of `component`.
    pub(super) fn admitting<'a>(
        &'a self,
        object: &'a DynamicObject,
        component: &'a str,
    ) -> impl Iterator<Item = &'a Webhook> {
        self.webhooks.iter().filter(move |webhook| webhook.component != component && webhook.admits(object))
    }
}

impl Webhook {
    fn admits(&self, object: &DynamicObject) -> bool {
        let Some(types) = &object.types else { return false };
        let (group, version) = types.api_version.split_once('/').unwrap_or(("", &types.api_version));
        let kind = types.kind.to_lowercase();
        let has = |rule: &Value, list: &str, is_it: &dyn Fn(&str) -> bool| {
            rule[list].as_array().into_iter().flatten().filter_map(Value::as_str).any(|it| it == "*" || is_it(it))
        };
        self.rules.as_array().into_iter().flatten().any(|rule| {
            has(rule, "operations", &|it| it == "CREATE")
                && has(rule, "apiGroups", &|it| it == group)
                && has(rule, "apiVersions", &|it| it == version)
                && has(rule, "resources", &|it| it == "*/*" || is_plural(it, &kind))
        })
    }

    /// Returns the reference of the Service that answers.
    pub(super) fn service(&self) -> ObjectRef {
        let (namespace, name) = self.service.clone();
        ObjectRef { api_version: "v1".into(), kind: "Service".into(), namespace: Some(namespace), name }
    }

    /// Waits until the API server can call it, as far as can be told from outside: its configuration has an authority,
    /// and a ready pod is behind its Service. At the deadline it is given up: then the API server says what is wrong.
    pub(super) async fn answers(&self, client: &kube::Client, resilience: &Resilience, deadline: Instant) {
        let look = || async { self.is_ready(client, resilience).await.then_some(()).ok_or(()) };
        // What is wrong is told by the API server when the object is applied.
        let _ = timeout_at(deadline, look.retry(UNTIL).into_future()).await;
    }

    async fn is_ready(&self, client: &kube::Client, resilience: &Resilience) -> bool {
        let (namespace, service) = &self.service;
        let slices: Api<EndpointSlice> = Api::namespaced(client.clone(), namespace);
        let params = ListParams::default().labels(&format!("kubernetes.io/service-name={service}"));
        let listed = resilience.api("looking at a webhook's endpoints", || slices.list(&params)).await;
        let has_endpoint = listed.is_ok_and(|slices| {
            // Whether its fields are optional depends on the version of k8s-openapi.
            let slices = slices.items.iter().filter_map(|slice| serde_json::to_value(slice).ok());
            let is_ready = |endpoint: &Value| endpoint["conditions"]["ready"].as_bool().unwrap_or(true);
            slices.into_iter().any(|slice| slice["endpoints"].as_array().into_iter().flatten().any(is_ready))
        });
        has_endpoint && self.has_authority(client, resilience).await
    }

    async fn has_authority(&self, client: &kube::Client, resilience: &Resilience) -> bool {
        let (what, name) = (format!("looking at {}", self.configuration), &self.configuration);
        let found = if self.kind.starts_with("Mutating") {
            let api: Api<MutatingWebhookConfiguration> = Api::all(client.clone());
            resilience.api(&what, || api.get(name)).await.map(serde_json::to_value)
        } else {
            let api: Api<ValidatingWebhookConfiguration> = Api::all(client.clone());
            resilience.api(&what, || api.get(name)).await.map(serde_json::to_value)
        };
        let Ok(Ok(configuration)) = found else { return false };
        let mut webhooks = configuration["webhooks"].as_array().into_iter().flatten();
        let own = webhooks.find(|webhook| webhook["name"] == *self.name);
        own.is_some_and(|it| it["clientConfig"]["caBundle"].as_str().is_some_and(|bundle| !bundle.is_empty()))
    }
}

impl Applier {
    /// Makes a request that webhooks may have to admit. One that cannot be called yet, because its Service belongs to a
    /// component on its way, is awaited: that is no failure of the API server.
    pub(super) async fn admitted<T, F>(&self, what: &str, mut ask: impl FnMut() -> F) -> Result<T, kube::Error>
    where
        F: Future<Output = Result<T, kube::Error>>,
    {
        let Some((services, deadline)) = &self.pending else { return self.resilience.api(what, ask).await };
        let is_awaited = |error: &kube::Error| {
            Instant::now() < *deadline && uncalled(error).is_some_and(|service| services.contains(&service))
        };
        let mut pauses = UNTIL.build();
        loop {
            match self.resilience.api_unless(what, is_awaited, &mut ask).await {
                Err(error) if is_awaited(&error) => {
                    let service = uncalled(&error).map(|(namespace, name)| format!("service/{name} of {namespace}"));
                    self.resilience.progress(format!("waits for the webhook at {}", service.unwrap_or_default()));
                    sleep_until(Instant::now() + pauses.next().unwrap_or_default()).await;
                }
                result => return result,
            }
        }
    }
}

/// `cert-manager-webhook of cert-manager`
impl std::fmt::Display for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {}", self.name, self.component)
    }
}

/// Returns whether `resource` is a plural of `kind`, in lower case: what discovery knows and manifests do not say.
fn is_plural(resource: &str, kind: &str) -> bool {
    let stem = kind.strip_suffix('y').map(|stem| format!("{stem}ies"));
    resource == format!("{kind}s")
        || resource == format!("{kind}es")
        || resource == kind
        || stem.is_some_and(|it| resource == it)
}

/// Returns the Services in the manifests of a component.
fn services<'a>(parcel: &'a ComponentManifests, namespace: &'a str) -> impl Iterator<Item = ServiceName> + use<'a> {
    let manifests = parcel.manifests.iter().filter(|manifest| kind(manifest) == "Service");
    manifests.filter_map(move |manifest| {
        let metadata = &manifest.object.metadata;
        Some((metadata.namespace.clone().unwrap_or_else(|| namespace.to_owned()), metadata.name.clone()?))
    })
}

/// Returns the Service of a webhook that the API server could not call, from its message: `failed calling webhook
/// "w.example.org": failed to call webhook: Post "https://service.namespace.svc:443/path": …`.
pub(super) fn uncalled(error: &kube::Error) -> Option<ServiceName> {
    let kube::Error::Api(status) = error else { return None };
    let text = status.message.split_once("failed calling webhook")?.1;
    let host = text.split_once("https://")?.1.split(['/', ':', '"']).next()?;
    let (name, rest) = host.split_once('.')?;
    Some((rest.strip_suffix(".svc").unwrap_or(rest).to_owned(), name.to_owned()))
}

#[cfg(test)]
mod tests;
