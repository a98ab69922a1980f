//! The operator in a cluster: the controller, and the webhook with a certificate that it makes and announces.

use anyhow::Context;
use greetings::webhook;
use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use kube::api::{Api, Patch, PatchParams};
use kube::{Client, runtime::wait};
use serde_json::json;
use tokio::net::TcpListener;

/// The webhook's configuration.
const CONFIGURATION: &str = "greetings";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let client = Client::try_default().await.context("no way to the API server")?;
    let host = std::env::var("WEBHOOK_HOST").context("WEBHOOK_HOST is not set")?;
    let made = rcgen::generate_simple_self_signed([host])?;
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let listener = TcpListener::bind("0.0.0.0:8443").await?;
    let serving = webhook::serve(listener, &certificate, &key, webhook::judge);
    let announcing = announce(client.clone(), certificate.clone());
    tokio::select! {
        ended = serving => ended,
        () = greetings::run(client) => Ok(()),
        failed = async { announcing.await?; std::future::pending().await } => failed,
    }
}

/// Writes the certificate into the webhook's configuration, once that is there.
async fn announce(client: Client, certificate: String) -> anyhow::Result<()> {
    let configurations: Api<ValidatingWebhookConfiguration> = Api::all(client);
    let is_there = |found: Option<&ValidatingWebhookConfiguration>| found.is_some();
    wait::await_condition(configurations.clone(), CONFIGURATION, is_there).await?;
    let bundle = ByteString(certificate.into_bytes());
    let patch = json!([{"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": bundle}]);
    let patch = Patch::<()>::Json(serde_json::from_value(patch)?);
    configurations.patch(CONFIGURATION, &PatchParams::default(), &patch).await?;
    Ok(())
}
