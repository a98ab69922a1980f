//! Registers a suite's secrets with a redactor, before anything of it is written.

use super::{ComponentObjects, Plan};
use crate::readiness::redact::Redactor;

impl Plan {
    /// Registers the secrets in the suite's manifests, and its public names, with `redactor`. Problems of manifests are
    /// reported when they are applied.
    pub fn teach(&self, redactor: &Redactor) {
        let suite = self.suite();
        redactor.spare([suite.suite.as_str(), suite.namespace.as_str(), self.cluster_name().as_str()]);
        redactor.spare(suite.components.iter().map(|component| &component.name));
        for check in suite.components.iter().flat_map(|component| &component.checks) {
            redactor.learn_arguments(check.exec.iter().flatten().map(String::as_str));
        }
        let objects = self.objects().unwrap_or_default();
        objects.iter().flat_map(ComponentObjects::all).for_each(|manifest| manifest.teach(redactor));
    }
}
