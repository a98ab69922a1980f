//! Access to the cluster with the rights of a ServiceAccount.

use std::path::Path;

use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{Api, PostParams};
use serde_json::{Value, json};

use super::{Environment, EnvironmentError};
use crate::readiness::redact::Redactor;

/// Access to the cluster with the rights of a ServiceAccount, and no others. Its token is valid for an hour.
pub struct AccountAccess {
    config: kube::Config,
    client: kube::Client,
    kubeconfig: tempfile::TempPath,
}

/// Prints only the kubeconfig's path, to leave out credentials.
impl std::fmt::Debug for AccountAccess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccountAccess").field("kubeconfig", &self.kubeconfig).finish_non_exhaustive()
    }
}

impl AccountAccess {
    /// Returns a client with these rights, for the async runtime that made this value.
    #[must_use]
    pub fn client(&self) -> kube::Client {
        self.client.clone()
    }

    /// Returns the configuration of [`AccountAccess::client`].
    #[must_use]
    pub fn config(&self) -> &kube::Config {
        &self.config
    }

    /// Returns the path of a kubeconfig with these rights, for programs. The file is deleted with this value.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }
}

impl Environment {
    /// Returns access with the rights of a ServiceAccount, given as `namespace/name`, or as `name` in the environment's
    /// namespace. A controller that runs in the test's process with it lacks the same verbs as in the cluster.
    ///
    /// ```no_run
    /// # async fn example(environment: &kind_harness::Environment) -> anyhow::Result<()> {
    /// environment.scale("operator", 0).await?;
    /// let access = environment.service_account("shop/operator").await?;
    /// // The controller, in this process: it can be debugged, and may do what it may in the cluster.
    /// # async fn run(_: kube::Client) -> anyhow::Result<()> { Ok(()) }
    /// tokio::spawn(run(access.client()));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When there is no such account, or a token for it is denied; or when the kubeconfig cannot be written.
    pub async fn service_account(&self, name: &str) -> Result<AccountAccess, EnvironmentError> {
        let (namespace, account) = name.split_once('/').unwrap_or((self.namespace(), name));
        let api: Api<ServiceAccount> = Api::namespaced(self.client(), namespace);
        let what = format!("make a token for service account {account} of {namespace}");
        let request = TokenRequest { spec: <_>::default(), ..TokenRequest::default() };
        let answer = api.create_token_request(account, &PostParams::default(), &request).await;
        let answer = answer.map_err(EnvironmentError::api(what))?;
        // Whether its fields are optional depends on the version of k8s-openapi.
        let unreadable = |error| EnvironmentError::File(std::io::Error::other(error));
        let answer = serde_json::to_value(answer).map_err(unreadable)?;
        let token = answer.pointer("/status/token").and_then(Value::as_str);
        let token = token.ok_or_else(|| EnvironmentError::NoToken { account: name.to_owned() })?;
        Redactor::global().learn([token]);

        let user = json!({"token": token});
        let mut config = self.running.cluster.config.clone();
        config.auth_info = serde_json::from_value(user.clone()).map_err(unreadable)?;
        config.default_namespace = namespace.to_owned();
        let client = kube::Client::try_from(config.clone()).map_err(EnvironmentError::api("make a client"))?;
        let kubeconfig = self.kubeconfig_of(&user, namespace).map_err(EnvironmentError::File)?;
        Ok(AccountAccess { config, client, kubeconfig })
    }

    /// Writes a kubeconfig of `user`, in the cluster's folder, which only this user may read.
    fn kubeconfig_of(&self, user: &Value, namespace: &str) -> std::io::Result<tempfile::TempPath> {
        let text = fs_err::read_to_string(self.kubeconfig())?;
        let mut all: Value = serde_saphyr::from_str(&text).map_err(std::io::Error::other)?;
        let context = self.record().context.clone().map(Value::from).unwrap_or_else(|| all["current-context"].clone());
        let mut contexts = all["contexts"].as_array().into_iter().flatten();
        let cluster = contexts.find(|it| it["name"] == context).map(|it| it["context"]["cluster"].clone());
        all["users"] = json!([{"name": "account", "user": user}]);
        let inner = json!({"cluster": cluster, "user": "account", "namespace": namespace});
        all["contexts"] = json!([{"name": "account", "context": inner}]);
        all["current-context"] = "account".into();
        let file = tempfile::Builder::new().prefix("account-").tempfile_in(self.folder())?;
        fs_err::write(file.path(), all.to_string())?;
        Ok(file.into_temp_path())
    }
}
