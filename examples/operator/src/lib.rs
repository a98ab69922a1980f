//! An operator that greets: for each [`Greeting`] it makes a ConfigMap with the text, and says when it is there.

pub mod webhook;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, ObjectMeta, Patch, PatchParams};
use kube::runtime::controller::{Action, Controller};
use kube::runtime::watcher;
use kube::{Client, CustomResource, Resource, ResourceExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// What we write, and what we say of it.
const MANAGER: &str = "greetings";

/// Whom to greet.
#[derive(CustomResource, Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[kube(group = "greetings.example.org", version = "v1", kind = "Greeting", namespaced, status = "GreetingStatus")]
pub struct GreetingSpec {
    /// The name of whoever is greeted.
    pub name: String,
}

/// How far a greeting is.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct GreetingStatus {
    /// `Ready` once the text is there.
    pub phase: String,
}

/// Why a greeting could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server refuses something.
    #[error(transparent)]
    Kube(#[from] kube::Error),
    /// The greeting is in no namespace.
    #[error("a greeting is in a namespace")]
    NoNamespace,
}

/// Makes greetings until the program ends.
pub async fn run(client: Client) {
    let greetings: Api<Greeting> = Api::all(client.clone());
    let texts: Api<ConfigMap> = Api::all(client.clone());
    let controller = Controller::new(greetings, watcher::Config::default()).owns(texts, watcher::Config::default());
    let rounds = controller.run(reconcile, |_, _, _| Action::requeue(Duration::from_secs(1)), Arc::new(client));
    // Errors are retried, and seen where the status is missing.
    rounds.for_each(|_| async {}).await;
}

async fn reconcile(greeting: Arc<Greeting>, client: Arc<Client>) -> Result<Action, Error> {
    let (name, namespace) = (greeting.name_any(), greeting.namespace().ok_or(Error::NoNamespace)?);
    let client = Client::clone(&client);
    let text = ConfigMap {
        metadata: ObjectMeta {
            name: Some(name.clone()),
            owner_references: greeting.controller_owner_ref(&()).map(|owner| vec![owner]),
            ..ObjectMeta::default()
        },
        data: Some(BTreeMap::from([("text".to_owned(), format!("hello, {}", greeting.spec.name))])),
        ..ConfigMap::default()
    };
    let (texts, apply) = (Api::<ConfigMap>::namespaced(client.clone(), &namespace), PatchParams::apply(MANAGER));
    texts.patch(&name, &apply.clone().force(), &Patch::Apply(text)).await?;
    let status = json!({"apiVersion": Greeting::api_version(&()), "kind": "Greeting", "status": {"phase": "Ready"}});
    let greetings = Api::<Greeting>::namespaced(client, &namespace);
    greetings.patch_status(&name, &apply.force(), &Patch::Apply(status)).await?;
    Ok(Action::await_change())
}
