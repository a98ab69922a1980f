//! Deletion of the namespaces that killed tests left behind.

use k8s_openapi::api::core::v1::Namespace;
use kube::ResourceExt;
use kube::api::{Api, ListParams};

use super::KillError;
use super::objects::Objects;
use crate::cluster::{Ownership, Target, is_marked};
use crate::readiness::ObjectRef;
use crate::suite::manifests::TEST_LABEL;

impl Objects {
    /// Deletes the namespaces left behind by killed tests of `environment`. Returns the errors of those that could not
    /// be deleted.
    pub(super) async fn delete_namespaces_of_tests(&self, environment: &str) -> Vec<KillError> {
        let api: Api<Namespace> = Api::all(self.kinds.client().clone());
        let object =
            |name: String| ObjectRef { api_version: "v1".into(), kind: "Namespace".into(), namespace: None, name };
        let params = ListParams::default().labels(TEST_LABEL);
        let list = self.resilience.api("listing namespaces of tests", || api.list_metadata(&params)).await;
        let failed = |object, source| KillError::Api { object, source: Box::new(source) };
        let all = match list {
            Ok(list) => list.items,
            // Who may not list namespaces could not make any for tests.
            Err(kube::Error::Api(status)) if status.code == 403 => return Vec::new(),
            Err(error) => return vec![failed(object("of tests".into()), error)],
        };
        let mut errors = Vec::new();
        for namespace in all.into_iter().filter(|it| is_marked(&it.metadata, environment)) {
            let object = object(namespace.name_any());
            let target =
                Target { ownership: Ownership::Uid(namespace.uid().unwrap_or_default()), object: object.clone() };
            errors.extend(self.delete(&target).await.err().map(|error| failed(object, error)));
        }
        errors
    }
}
