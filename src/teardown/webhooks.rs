//! Webhooks that a test's process answers: they are answered by their Services again when it is done with them, or, if
//! it is killed, by a process that watches it.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use backon::{ConstantBuilder, Retryable};
use k8s_openapi::api::admissionregistration::v1::{MutatingWebhookConfiguration, ValidatingWebhookConfiguration};
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::ApiResource;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::timeout;

use super::detached::{self, ReaperError, Task};
use crate::cluster::Owner;
use crate::host::system::Watched;

/// How long the API server may take for one change.
const ANSWERS: Duration = Duration::from_secs(10);

/// Tries of a change, while the API server does not answer: the cluster may be on its way out.
const TRIES: ConstantBuilder = ConstantBuilder::new().with_delay(Duration::from_secs(1)).with_max_times(5);

/// A kind of configuration of webhooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum WebhookKind {
    Mutating,
    Validating,
}

impl WebhookKind {
    pub(crate) fn resource(self) -> ApiResource {
        match self {
            WebhookKind::Mutating => ApiResource::erase::<MutatingWebhookConfiguration>(&()),
            WebhookKind::Validating => ApiResource::erase::<ValidatingWebhookConfiguration>(&()),
        }
    }
}

/// A change of one configuration, as a JSON patch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct WebhookChange {
    /// The kind of the configuration.
    pub(crate) kind: WebhookKind,
    /// Its name.
    pub(crate) name: String,
    /// The operations.
    pub(crate) operations: Vec<Value>,
}

impl WebhookChange {
    /// Makes the change.
    ///
    /// # Errors
    /// The API server's error.
    pub(crate) async fn apply(&self, client: &kube::Client) -> Result<(), kube::Error> {
        let api: Api<DynamicObject> = Api::all_with(client.clone(), &self.kind.resource());
        let operations =
            serde_json::from_value(Value::from(self.operations.clone())).map_err(kube::Error::SerdeError)?;
        api.patch(&self.name, &PatchParams::default(), &Patch::<()>::Json(operations)).await.map(drop)
    }

    /// Makes the change, unless the configuration is gone or its `test` operations find that it was changed since.
    ///
    /// # Errors
    /// The API server's error.
    pub(crate) async fn apply_if_unchanged(&self, client: &kube::Client) -> Result<(), kube::Error> {
        match self.apply(client).await {
            Err(kube::Error::Api(status)) if [404, 422].contains(&status.code) => Ok(()),
            other => other,
        }
    }
}

/// The task of a process that watches another one, and makes changes when that has ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct WebhookGuard {
    /// The process.
    pub(crate) owner: Owner,
    /// A kubeconfig of the cluster.
    pub(crate) kubeconfig: PathBuf,
    /// The changes, which must have no effect if they were made before.
    pub(crate) changes: Vec<WebhookChange>,
}

impl WebhookGuard {
    /// Starts the process. It ends after its owner, at the latest when the API server has not answered for a while.
    ///
    /// # Errors
    /// When the owner cannot be watched, or the process cannot be started.
    pub(crate) fn start(&self) -> Result<(), ReaperError> {
        detached::start(self)
    }

    async fn change(&self) -> Result<(), kube::Error> {
        // With the cluster, its kubeconfig is gone, and there is nothing to change.
        let Ok(kubeconfig) = Kubeconfig::read_from(&self.kubeconfig) else { return Ok(()) };
        let options = KubeConfigOptions::default();
        let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await;
        let client = kube::Client::try_from(config.map_err(|error| kube::Error::Service(error.into()))?)?;
        for change in &self.changes {
            let once = || async {
                let late = |_| kube::Error::Service("the API server does not answer".into());
                timeout(ANSWERS, change.apply_if_unchanged(&client)).await.map_err(late)?
            };
            once.retry(TRIES).when(|_| self.kubeconfig.exists()).await?;
        }
        Ok(())
    }
}

impl Task for WebhookGuard {
    const VARIABLE: &str = "KIND_HARNESS_WEBHOOKS";
    const NAME: &str = "webhooks-of";

    fn subject(&self) -> String {
        self.owner.pid.to_string()
    }

    fn watch(&self) -> io::Result<Option<Watched>> {
        self.owner.watch()
    }

    fn run(&self) -> bool {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.is_ok_and(|runtime| runtime.block_on(self.change()).is_ok())
    }
}
