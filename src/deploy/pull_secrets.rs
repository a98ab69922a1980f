//! Secrets with the host's login for the registry from which a component's pods pull their images.
//!
//! They are objects of the component like those in its manifests: applied before anything with pods, recorded, and
//! removed with the component.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::ComponentManifests;
use crate::host::credentials::Login;
use crate::readiness::redact::Redactor;
use crate::suite::manifests::{self, Manifest, ManifestSource};
use crate::suite::plan::Task;

/// Names of the Secrets begin with this, and end with the component's.
const PREFIX: &str = "kind-harness-pull-";

/// The type of the Secrets.
const TYPE: &str = "kubernetes.io/dockerconfigjson";

/// Returns the name of the Secret of a component.
pub(crate) fn pull_secret_of(component: &str) -> String {
    format!("{PREFIX}{component}")
}

impl ComponentManifests {
    /// Adds a Secret with `login` to each namespace in which the component has pods, and lets its pods use it. Objects
    /// that name no namespace are in `namespace`, unless the component has one. A component without images stays as it
    /// is.
    ///
    /// # Errors
    /// When the Secret cannot be made of the login.
    pub fn pull_with(&mut self, login: &Login, namespace: &str) -> Result<(), serde_json::Error> {
        if self.component.images.is_empty() {
            return Ok(());
        }
        let name = pull_secret_of(&self.component.name);
        let usual = self.component.namespace.as_deref().unwrap_or(namespace);
        let mut homes = BTreeSet::new();
        let tasks = self.before.iter_mut().chain(&mut self.after).flat_map(|task| match task {
            Task::Objects { manifests, .. } => &mut manifests[..],
            Task::Command(_) => &mut [],
        });
        for manifest in self.manifests.iter_mut().chain(tasks) {
            if manifests::pull_with(&mut manifest.object, &name) {
                homes.insert(manifest.object.metadata.namespace.clone().unwrap_or_else(|| usual.to_owned()));
            }
        }
        for home in homes {
            let config = STANDARD.encode(login.docker_config());
            let object = serde_json::from_value(json!({
                "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": home},
                "type": TYPE, "data": {".dockerconfigjson": config},
            }))?;
            let file = format!("cluster.pullSecrets, {} in {home}", self.component.name).into();
            let manifest = Manifest { source: ManifestSource { file, line: 1 }, object };
            manifest.teach(Redactor::global());
            self.manifests.insert(0, manifest);
        }
        Ok(())
    }
}

/// Returns whether a manifest is a Secret of [`ComponentManifests::pull_with`].
pub(super) fn is_pull_secret(manifest: &Manifest) -> bool {
    let object = &manifest.object;
    object.metadata.name.as_ref().is_some_and(|name| name.starts_with(PREFIX)) && object.data["type"] == TYPE
}
