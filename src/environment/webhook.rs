//! Webhooks that a test's process answers.

use std::net::{IpAddr, SocketAddr};

use kube::api::{Api, DynamicObject, ListParams};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType};
use serde_json::{Value, json};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

use super::{Chore, Environment, EnvironmentError};
use crate::cluster::Owner;
use crate::readiness::redact::Redactor;
use crate::teardown::{WebhookChange, WebhookGuard, WebhookKind};

/// The webhooks of a Service, answered by this process. When this value is dropped they are answered by the Service
/// again, a moment later; [`HostWebhook::restore`] waits for that.
#[must_use = "the webhooks are answered by their Service again when this is dropped"]
pub struct HostWebhook {
    /// The certificate to serve with, in PEM: the API server trusts it.
    pub certificate: String,
    /// Its private key, in PEM.
    pub key: String,
    restore: Option<RestoredWebhooks>,
    janitor: Option<mpsc::WeakUnboundedSender<Chore>>,
    _relay: AbortOnDropHandle<()>,
}

/// Prints no key.
impl std::fmt::Debug for HostWebhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HostWebhook").field("restore", &self.restore).finish_non_exhaustive()
    }
}

impl HostWebhook {
    /// Has the webhooks answered by their Service again.
    ///
    /// # Errors
    /// The API server's error, of the first configuration that could not be changed.
    pub async fn restore(mut self, environment: &Environment) -> Result<(), EnvironmentError> {
        match self.restore.take() {
            Some(restore) => restore.run(&environment.client()).await,
            None => Ok(()),
        }
    }
}

impl Drop for HostWebhook {
    fn drop(&mut self) {
        let janitor = self.janitor.as_ref().and_then(mpsc::WeakUnboundedSender::upgrade);
        if let (Some(restore), Some(janitor)) = (self.restore.take(), janitor) {
            // Without a janitor the environment ends now.
            let _ = janitor.send(Chore::Restore(restore));
        }
    }
}

/// Changes that have webhooks answered by their Services again.
#[derive(Debug)]
pub(crate) struct RestoredWebhooks(Vec<WebhookChange>);

impl RestoredWebhooks {
    /// Makes the changes. What was changed or deleted meanwhile stays as it is.
    pub(crate) async fn run(self, client: &kube::Client) -> Result<(), EnvironmentError> {
        for change in self.0 {
            change.apply_if_unchanged(client).await.map_err(refused(&change.name))?;
        }
        Ok(())
    }
}

impl Environment {
    /// Routes the API server's calls of the webhooks that `service` answers (`namespace/name`, or a name in the
    /// environment's namespace) to `address`, where this process listens. The returned certificate is made for it, and
    /// trusted by the API server; serve TLS with it.
    ///
    /// The API server runs in a container: it connects to this host by the address of the containers' network, from
    /// which connections are passed on to `address`, so that this may be one of the loopback interface.
    ///
    /// If this process is killed, another one that watches it has the webhooks answered by their Service again.
    ///
    /// ```no_run
    /// # async fn example(environment: &kind_harness::Environment) -> anyhow::Result<()> {
    /// let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    /// let webhook = environment.webhook("shop/operator", listener.local_addr()?).await?;
    /// # async fn serve(_: tokio::net::TcpListener, _: &str, _: &str) {}
    /// serve(listener, &webhook.certificate, &webhook.key).await;
    /// webhook.restore(environment).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When no webhook of the cluster is answered by `service`, when the cluster is not one of ours, when the engine's
    /// network has no address of this host, or when the API server denies a change.
    pub async fn webhook(&self, service: &str, address: SocketAddr) -> Result<HostWebhook, EnvironmentError> {
        let (namespace, name) = service.split_once('/').unwrap_or((self.namespace(), service));
        let found = self.webhooks_of(namespace, name).await?;
        if found.is_empty() {
            return Err(EnvironmentError::NoWebhook { service: format!("{namespace}/{name}") });
        }
        let host = self.host_address().await?;
        let listener = TcpListener::bind((host, 0)).await.map_err(EnvironmentError::Port)?;
        let port = listener.local_addr().map_err(EnvironmentError::Port)?.port();
        let made = certificate(host).map_err(|error| EnvironmentError::File(std::io::Error::other(error)))?;
        Redactor::global().learn([&made.key]);
        let relay = AbortOnDropHandle::new(tokio::spawn(relay(listener, address)));

        let (mut there, mut back) = (Vec::new(), Vec::new());
        for (kind, name, webhooks) in found {
            let change = |operations| WebhookChange { kind, name: name.clone(), operations };
            let mut to_us = Vec::new();
            for (index, before) in webhooks {
                let path = before.pointer("/service/path").and_then(Value::as_str).unwrap_or("/");
                let url = format!("https://{}{path}", SocketAddr::new(host, port));
                let config = json!({"url": url, "caBundle": base64(made.authority.as_bytes())});
                let at = format!("/webhooks/{index}/clientConfig");
                to_us.push(json!({"op": "replace", "path": at, "value": config}));
                // What was changed by somebody else meanwhile stays as it is.
                let is_ours = json!({"op": "test", "path": format!("{at}/url"), "value": url});
                back.push(change(vec![is_ours, json!({"op": "replace", "path": at, "value": before})]));
            }
            there.push(change(to_us));
        }
        let owner = Owner::current().map_err(EnvironmentError::File)?;
        // Before anything is changed, so that no moment is without it.
        let guard = WebhookGuard { owner, kubeconfig: self.kubeconfig().to_owned(), changes: back.clone() };
        guard.start().map_err(EnvironmentError::Guard)?;
        let (client, restored) = (self.client(), RestoredWebhooks(back));
        for change in there {
            if let Err(error) = change.apply(&client).await {
                restored.run(&client).await?;
                return Err(refused(&change.name)(error));
            }
        }
        let Certificate { certificate, key, .. } = made;
        Ok(HostWebhook { certificate, key, restore: Some(restored), janitor: self.janitor.clone(), _relay: relay })
    }

    /// Returns the configurations with webhooks that a Service answers; of each webhook its index and `clientConfig`.
    async fn webhooks_of(&self, namespace: &str, name: &str) -> Result<Vec<Found>, EnvironmentError> {
        let mut found = Vec::new();
        for kind in [WebhookKind::Mutating, WebhookKind::Validating] {
            let api: Api<DynamicObject> = Api::all_with(self.client(), &kind.resource());
            let listed = api.list(&ListParams::default()).await;
            for configuration in listed.map_err(EnvironmentError::api("list webhooks"))? {
                let webhooks = configuration.data["webhooks"].as_array().into_iter().flatten().enumerate();
                let own = webhooks.filter(|(_, webhook)| {
                    let service = &webhook["clientConfig"]["service"];
                    service["namespace"] == namespace && service["name"] == name
                });
                let own: Vec<_> = own.map(|(index, webhook)| (index, webhook["clientConfig"].clone())).collect();
                if let Some(configuration) = configuration.metadata.name.filter(|_| !own.is_empty()) {
                    found.push((kind, configuration, own));
                }
            }
        }
        Ok(found)
    }

    /// Returns the address by which the nodes reach this host: the gateway of their network.
    async fn host_address(&self) -> Result<IpAddr, EnvironmentError> {
        let cluster = &self.running.cluster;
        let nodes = cluster.nodes.as_ref().ok_or(EnvironmentError::NotOurCluster)?;
        let format = "--format={{range .NetworkSettings.Networks}}{{.Gateway}} {{end}}";
        let node = nodes.names.first().map_or("", String::as_str);
        let told = nodes.engine.command(["inspect", format, node]).output().await.map_err(EnvironmentError::Engine)?;
        told.split_whitespace().find_map(|word| word.parse().ok()).ok_or(EnvironmentError::NoGateway)
    }
}

/// A configuration: its kind, its name, and the webhooks of interest by their index.
type Found = (WebhookKind, String, Vec<(usize, Value)>);

fn refused(configuration: &str) -> impl FnOnce(kube::Error) -> EnvironmentError + use<> {
    EnvironmentError::api(format!("change the webhooks of {configuration}"))
}

/// Passes connections on until the future is dropped.
async fn relay(listener: TcpListener, to: SocketAddr) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((mut from, _)) = listener.accept() => {
                // The API server tells what is wrong with a connection.
                connections.spawn(async move {
                    if let Ok(mut to) = TcpStream::connect(to).await {
                        let _ = copy_bidirectional(&mut from, &mut to).await;
                    }
                });
            }
            Some(_) = connections.join_next() => {}
            else => return,
        }
    }
}

/// A certificate and the authority that signed it, in PEM.
struct Certificate {
    authority: String,
    certificate: String,
    key: String,
}

fn certificate(host: IpAddr) -> Result<Certificate, rcgen::Error> {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![SanType::IpAddress(host)];
    let certificate = params.signed_by(&key, &authority)?;
    Ok(Certificate { authority: authority.pem(), certificate: certificate.pem(), key: key.serialize_pem() })
}

fn base64(bytes: &[u8]) -> Value {
    json!(k8s_openapi::ByteString(bytes.to_vec()))
}
