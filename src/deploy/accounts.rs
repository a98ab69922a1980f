//! The ServiceAccount `default` of a namespace, without which no pod is admitted. The controller manager creates it after
//! the namespace; in the first seconds of a cluster, some seconds after it.

use std::time::Duration;

use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::Api;
use kube::runtime::wait::{Error, await_condition};
use tokio::time::timeout;

use super::Applier;
use crate::host::resilience::lacks_default_account;
use crate::readiness::ObjectRef;

/// How long a call waits for it, before it is tried again anyway.
const WAIT: Duration = Duration::from_secs(10);

/// Waits until `namespace` has it; `None` when that takes longer than `limit`.
pub(crate) async fn default_account(
    client: kube::Client,
    namespace: &str,
    limit: Duration,
) -> Option<Result<(), Error>> {
    let accounts: Api<ServiceAccount> = Api::namespaced(client, namespace);
    let exists = |account: Option<&ServiceAccount>| account.is_some();
    timeout(limit, await_condition(accounts, "default", exists)).await.ok().map(|found| found.map(drop))
}

impl Applier {
    /// Returns the result of `ask`, about `object`; if that is refused because its namespace lacks the account, asks again
    /// once it is there.
    pub(super) async fn with_default_account<T, F>(
        &self,
        object: &ObjectRef,
        ask: impl Fn() -> F,
    ) -> Result<T, kube::Error>
    where
        F: Future<Output = Result<T, kube::Error>>,
    {
        match ask().await {
            Err(kube::Error::Api(status)) if lacks_default_account(&status) => {
                let namespace = object.namespace.as_deref().unwrap_or_else(|| self.default_namespace());
                self.resilience().progress(format!("waits for the default ServiceAccount of {namespace}"));
                // Without the right to watch it, this fails at once, and the call is retried after a pause.
                let _ = default_account(self.client().clone(), namespace, WAIT).await;
                ask().await
            }
            done => done,
        }
    }
}
