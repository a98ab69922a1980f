//! A namespace of its own for every test.

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, PostParams};
use thiserror::Error;
use tokio::sync::mpsc;

use super::janitor::Leftover;
use super::{Environment, Turn};
use crate::cluster::InventoryFile;
use crate::report::{Outcome, Phase, Step};
use crate::suite::manifests::{ENVIRONMENT_ANNOTATION, MANAGED_BY, MANAGED_BY_LABEL, TEST_LABEL};

/// A namespace that belongs to one test. It is deleted in the background when this value is dropped.
#[derive(Debug)]
pub struct TestNamespace {
    /// Its name, unique in the cluster.
    pub name: String,
    uid: Option<String>,
    step: Option<Step>,
    janitor: Option<mpsc::WeakUnboundedSender<Leftover>>,
    _turn: Turn,
}

/// Why a test has no namespace of its own.
#[derive(Debug, Error)]
pub enum NamespaceError {
    /// The API server refused it.
    #[error("the API server refused a namespace for the test")]
    Api(#[from] kube::Error),
    /// The files by which tests take turns cannot be used: mostly because the environment is gone.
    #[error("cannot take turns with other tests")]
    Turn(#[from] std::io::Error),
}

impl Environment {
    /// Makes a namespace for the test called `test`; its name begins with the test's. The test's time is reported from
    /// now until the namespace is dropped, and so long no test runs that asked to be [alone](Environment::exclusive).
    ///
    /// # Errors
    /// When the API server refuses, or the environment is gone.
    pub async fn test_namespace(&self, test: &str) -> Result<TestNamespace, NamespaceError> {
        self.namespace_for(test, Turn::shared(self.folder()).await?).await
    }

    /// The same for a test that disturbs what others use: it waits until no other test has a namespace, and none begins
    /// until this one is dropped. It holds for all processes that share the environment.
    ///
    /// # Errors
    /// When the API server refuses, or the environment is gone.
    ///
    /// ```no_run
    /// # async fn test(environment: &kind_harness::Environment) -> anyhow::Result<()> {
    /// let alone = environment.exclusive("the_api_survives_its_database").await?;
    /// // Take the database down, look at the API, wait until all is well again.
    /// drop(alone);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn exclusive(&self, test: &str) -> Result<TestNamespace, NamespaceError> {
        self.namespace_for(test, Turn::alone(self.folder()).await?).await
    }

    async fn namespace_for(&self, test: &str, turn: Turn) -> Result<TestNamespace, NamespaceError> {
        let label = label(test);
        let prefix: String = label.chars().take(40).collect();
        let namespace: Namespace = serde_json::from_value(serde_json::json!({
            "metadata": {
                "generateName": format!("{}-", prefix.trim_end_matches('-')),
                "labels": {MANAGED_BY_LABEL: MANAGED_BY, TEST_LABEL: label},
                // In a cluster that is not ours: whose it is when this process is killed.
                "annotations": InventoryFile::environment_in(self.folder()).map(|it| serde_json::json!({ENVIRONMENT_ANNOTATION: it})),
            },
        }))
        .map_err(kube::Error::SerdeError)?;
        let step = Some(self.events.step(Phase::Specs, test));
        let api: Api<Namespace> = Api::all(self.client());
        let made = api.create(&PostParams::default(), &namespace).await?;
        let (name, uid) = (made.metadata.name.unwrap_or_default(), made.metadata.uid);
        Ok(TestNamespace { name, uid, step, janitor: self.janitor.clone(), _turn: turn })
    }
}

impl Drop for TestNamespace {
    fn drop(&mut self) {
        let failed = std::thread::panicking();
        if let Some(step) = self.step.take() {
            step.finish(if failed { Outcome::Failed } else { Outcome::Done });
        }
        // A janitor who went home has left the namespace to the end of the cluster.
        if let Some(janitor) = self.janitor.as_ref().and_then(mpsc::WeakUnboundedSender::upgrade) {
            let _ = janitor.send(Leftover { namespace: std::mem::take(&mut self.name), uid: self.uid.take(), failed });
        }
    }
}

/// `test` as a DNS label.
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
