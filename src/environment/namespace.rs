//! Namespaces of single tests.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, PostParams};
use thiserror::Error;
use tokio::sync::mpsc;

use super::cleanup::{Chore, FinishedNamespace};
use super::current::current_test;
use super::scope::{Locks, Scope, UnknownComponent};
use super::{Environment, EnvironmentLock};
use crate::cluster::InventoryFile;
use crate::deploy::default_account;
use crate::report::{Outcome, Phase, Step};
use crate::suite::manifests::{ENVIRONMENT_ANNOTATION, MANAGED_BY, MANAGED_BY_LABEL, TEST_LABEL};

/// How long to wait for the default ServiceAccount of a new namespace. Without it, no pod can be created.
const ACCOUNT: Duration = Duration::from_secs(30);

/// A namespace that belongs to one test. It is deleted in the background: under [`kind_harness::test`](macro@crate::test) and
/// `Specs` when the test has ended, elsewhere when this value is dropped.
#[derive(Debug)]
pub struct TestNamespace {
    /// Its name, unique in the cluster.
    pub name: String,
    uid: Option<String>,
    step: Option<Step>,
    janitor: Option<mpsc::WeakUnboundedSender<Chore>>,
    _turn: Arc<EnvironmentLock>,
}

/// Errors of creating a namespace for a test.
#[derive(Debug, Error)]
pub enum NamespaceError {
    /// The API server denied it.
    #[error("the API server refused a namespace for the test")]
    Api(#[from] kube::Error),
    /// The lock files of the environment cannot be used, mostly because the environment is gone.
    #[error("cannot take turns with other tests")]
    EnvironmentLock(#[from] std::io::Error),
    /// The suite has no such component.
    #[error("the environment has no component {component}; it has {known}")]
    Unknown {
        /// The name.
        component: String,
        /// The components of the environment.
        known: String,
    },
    /// The namespace has no default ServiceAccount, which Kubernetes creates.
    #[error("namespace {namespace} has no ServiceAccount `default` after {ACCOUNT:?}")]
    NoAccount {
        /// The namespace.
        namespace: String,
    },
}

impl Environment {
    /// Creates a namespace for the test called `test`; its name starts with the test's. Waits for its default
    /// ServiceAccount, so that pods can be created. The test's time is reported from now until the namespace is
    /// dropped, and no [exclusive](Environment::exclusive) test runs meanwhile.
    ///
    /// Under [`kind_harness::test`](macro@crate::test) and `Specs` every failure of the test is detected. Elsewhere
    /// only a panic while the namespace exists is: a test that returns an error, times out, or panics after the
    /// namespace was dropped counts as passed for bundles and for `KIND_HARNESS_KEEP=on-failure`.
    ///
    /// # Errors
    /// When the API server denies it, or the environment is gone.
    pub async fn test_namespace(&self, test: &str) -> Result<TestNamespace, NamespaceError> {
        self.namespace_in(test, None).await
    }

    /// Creates a namespace like [`Environment::test_namespace`], for a test that uses only these components, and what they
    /// need. Tests that are [exclusive](Environment::exclusive_on) on other components run beside it.
    ///
    /// # Errors
    /// As [`Environment::test_namespace`]; and when the suite has no such component, or the test already has a namespace
    /// for others.
    ///
    /// ```no_run
    /// # async fn test(environment: &kind_harness::Environment) -> anyhow::Result<()> {
    /// let namespace = environment.test_namespace_on(["api"], "the_api_is_healthy").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn test_namespace_on(
        &self,
        components: impl IntoIterator<Item = impl Into<String>>,
        test: &str,
    ) -> Result<TestNamespace, NamespaceError> {
        self.namespace_in(test, Some(Scope::Uses(components.into_iter().map(Into::into).collect()))).await
    }

    /// Creates a namespace for a test that disturbs others: waits until no other test has a namespace, and blocks new
    /// ones until this one is dropped. Applies to all processes that share the environment.
    ///
    /// # Errors
    /// When the API server denies it, or the environment is gone; and when the test already has a namespace that is not
    /// exclusive.
    ///
    /// ```no_run
    /// # async fn test(environment: &kind_harness::Environment) -> anyhow::Result<()> {
    /// let alone = environment.exclusive("the_api_survives_its_database").await?;
    /// // Stop the database, check the API, wait until everything is ready again.
    /// drop(alone);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn exclusive(&self, test: &str) -> Result<TestNamespace, NamespaceError> {
        self.namespace_in(test, Some(Scope::Alone)).await
    }

    /// Creates a namespace for a test that disturbs these components, and with them every component that needs one of
    /// them, directly or not (`needs` in `e2e.yaml`). Waits until no other test uses any of these, and blocks those that
    /// want to until this namespace is dropped. Tests that use [other components](Environment::test_namespace_on) run
    /// beside it; a test that does not say what it uses uses all. Applies to all processes that share the environment.
    ///
    /// # Errors
    /// As [`Environment::exclusive`]; and when the suite has no such component.
    ///
    /// ```no_run
    /// # async fn test(environment: &kind_harness::Environment) -> anyhow::Result<()> {
    /// let namespace = environment.exclusive_on(["cache"], "the_api_survives_its_cache").await?;
    /// environment.scale("cache", 0).await?;
    /// // Check the API.
    /// environment.scale("cache", 1).await?;
    /// drop(namespace);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn exclusive_on(
        &self,
        components: impl IntoIterator<Item = impl Into<String>>,
        test: &str,
    ) -> Result<TestNamespace, NamespaceError> {
        let on = components.into_iter().map(Into::into).collect();
        self.namespace_in(test, Some(Scope::Exclusive { on, uses: Vec::new() })).await
    }

    /// Creates a namespace for a test with this scope; without one, for the test's own.
    async fn namespace_in(&self, test: &str, scope: Option<Scope>) -> Result<TestNamespace, NamespaceError> {
        let turn = self.turn(scope).await?;
        self.namespace_for(test, turn).await
    }

    /// Returns the locks of the current test, or of another with this scope.
    pub(super) async fn turn(&self, scope: Option<Scope>) -> Result<Arc<EnvironmentLock>, NamespaceError> {
        if let Some(current) = current_test() {
            return current.turn(self, scope).await;
        }
        let locks = self.locks(&scope.unwrap_or_default())?;
        Ok(Arc::new(EnvironmentLock::take(self.folder(), &locks).await?))
    }

    /// Returns the locks of a test with this scope.
    pub(super) fn locks(&self, scope: &Scope) -> Result<Locks, NamespaceError> {
        scope
            .locks(&self.running.plan.needs())
            .map_err(|UnknownComponent { component, known }| NamespaceError::Unknown { component, known })
    }

    async fn namespace_for(&self, test: &str, turn: Arc<EnvironmentLock>) -> Result<TestNamespace, NamespaceError> {
        let label = label(test);
        let prefix: String = label.chars().take(40).collect();
        let namespace: Namespace = serde_json::from_value(serde_json::json!({
            "metadata": {
                "generateName": format!("{}-", prefix.trim_end_matches('-')),
                "labels": {MANAGED_BY_LABEL: MANAGED_BY, TEST_LABEL: label},
                // In an existing cluster: marks the namespace for removal in case this process is killed.
                "annotations": InventoryFile::environment_in(self.folder()).map(|it| serde_json::json!({ENVIRONMENT_ANNOTATION: it})),
            },
        }))
        .map_err(kube::Error::SerdeError)?;
        let current = current_test();
        let step = || self.running.events.step(Phase::Specs, test);
        // The time of a known test is reported by itself.
        let own = current.is_none().then(step);
        let api: Api<Namespace> = Api::all(self.client());
        let made = api.create(&PostParams::default(), &namespace).await?;
        let (name, uid) = (made.metadata.name.unwrap_or_default(), made.metadata.uid);
        let mut namespace = TestNamespace { name, uid, step: own, janitor: None, _turn: turn };
        match &current {
            Some(current) => current.made(namespace.leftover(), self, step),
            None => namespace.janitor = self.janitor.clone(),
        }
        self.account(&namespace.name).await?;
        Ok(namespace)
    }

    /// Waits for the default ServiceAccount of a namespace.
    async fn account(&self, namespace: &str) -> Result<(), NamespaceError> {
        match default_account(self.client(), namespace, ACCOUNT).await {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => {
                // Without permission to watch ServiceAccounts, namespaces can still be used.
                let text = format!("whether namespace {namespace} has a ServiceAccount is not known: {error}");
                self.running.events.warn(Phase::Specs, text);
                Ok(())
            }
            None => Err(NamespaceError::NoAccount { namespace: namespace.to_owned() }),
        }
    }
}

impl TestNamespace {
    fn leftover(&self) -> FinishedNamespace {
        let failed = std::thread::panicking();
        FinishedNamespace { namespace: self.name.clone(), uid: self.uid.clone(), failed, told: false }
    }
}

impl Drop for TestNamespace {
    fn drop(&mut self) {
        let failed = std::thread::panicking();
        if let Some(step) = self.step.take() {
            step.finish(if failed { Outcome::Failed } else { Outcome::Done });
        }
        // If clean-up has already stopped, the namespace is removed with the cluster.
        if let Some(janitor) = self.janitor.as_ref().and_then(mpsc::WeakUnboundedSender::upgrade) {
            let _ = janitor.send(Chore::Delete(self.leftover()));
        }
    }
}

/// Returns `test` as a DNS label.
fn label(test: &str) -> String {
    let word = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let label: String = test.chars().map(word).take(63).collect();
    let label = label.trim_matches('-');
    if label.is_empty() { "test".into() } else { label.into() }
}

#[cfg(test)]
mod tests {
    use super::label;

    #[test]
    fn any_test_name_becomes_a_label() {
        assert_eq!(label("health::data_storage_answers"), "health--data-storage-answers");
        assert_eq!(label("__"), "test");
        assert_eq!(label(&"x".repeat(80)).len(), 63);
    }
}
