//! A namespace of its own for every test.

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, PostParams};
use tokio::sync::mpsc;

use super::Environment;
use crate::manifests::{MANAGED_BY, MANAGED_BY_LABEL};
use crate::report::{Outcome, Phase, Step};

/// Label that carries the name of the test a namespace belongs to.
const TEST_LABEL: &str = "kind-harness.dev/test";

/// A namespace that belongs to one test. It is deleted in the background when this value is dropped.
#[derive(Debug)]
pub struct TestNamespace {
    /// Its name, unique in the cluster.
    pub name: String,
    step: Option<Step>,
    janitor: Option<mpsc::UnboundedSender<String>>,
}

impl Environment {
    /// Makes a namespace for the test called `test`; its name begins with the test's. The test's time is reported from
    /// now until the namespace is dropped.
    ///
    /// # Errors
    /// When the API server refuses.
    pub async fn test_namespace(&self, test: &str) -> Result<TestNamespace, kube::Error> {
        let label = label(test);
        let prefix: String = label.chars().take(40).collect();
        let namespace: Namespace = serde_json::from_value(serde_json::json!({
            "metadata": {
                "generateName": format!("{}-", prefix.trim_end_matches('-')),
                "labels": {MANAGED_BY_LABEL: MANAGED_BY, TEST_LABEL: label},
            },
        }))
        .map_err(kube::Error::SerdeError)?;
        let step = Some(self.events.step(Phase::Specs, test));
        let api: Api<Namespace> = Api::all(self.client());
        let made = api.create(&PostParams::default(), &namespace).await?;
        let name = made.metadata.name.unwrap_or_default();
        Ok(TestNamespace { name, step, janitor: self.janitor.clone() })
    }
}

impl Drop for TestNamespace {
    fn drop(&mut self) {
        let failed = std::thread::panicking();
        if let Some(step) = self.step.take() {
            step.finish(if failed { Outcome::Failed } else { Outcome::Done });
        }
        if let Some(janitor) = &self.janitor {
            // A janitor who went home has left the namespace to the end of the cluster.
            let _ = janitor.send(std::mem::take(&mut self.name));
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
