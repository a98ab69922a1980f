//! Copies of components in a test's own namespace.

use futures::future::try_join_all;
use k8s_openapi::api::core::v1::{Secret, Service};
use kube::api::{Api, ListParams};
use kube::core::DynamicObject;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Environment, EnvironmentError, TestNamespace};
use crate::cluster::PortMap;
use crate::cluster::kinds::Kinds;
use crate::deploy::{Applier, Asked, complete, probes, pull_secret_of};
use crate::host::folders::Folders;
use crate::host::resilience::Resilience;
use crate::readiness::{Applied, ObjectRef, Probe, Readiness, kinds};
use crate::report::Events;
use crate::sources;
use crate::suite::config::Component;
use crate::suite::manifests::{self, ImageMap, Manifest, ManifestSource, order};

impl Environment {
    /// Deploys copies of components into the namespace of a test, for tests that disturb them: what others use is not
    /// touched. Returns the environment of the copies, with which [`scale`](Environment::scale),
    /// [`restart`](Environment::restart), [`exec`](Environment::exec), [`logs`](Environment::logs) and
    /// [`port_forward`](Environment::port_forward) work on them, once they are ready. They are deleted with the namespace.
    ///
    /// A copy is made of the manifests with which the environment came up, and of the images on the nodes:
    ///
    /// - Objects are put into the test's namespace. A ClusterRoleBinding becomes a RoleBinding, so that a copy has its
    ///   rights in that namespace only. Other objects of the cluster's scope are shared.
    /// - Services have no node ports: a copy has no [`endpoint`](Environment::endpoint), and checks of host ports are left
    ///   out.
    /// - The Services of all other components are known by their names in the test's namespace, too, and lead to the shared
    ///   components, unless these have been copied into it before.
    /// - `change` is called with each object before it is applied, for example to write the namespace into a
    ///   configuration. A component that it gives 0 replicas has no pods until it is scaled, and no check has to succeed.
    ///
    /// ```no_run
    /// # async fn test(environment: &kind_harness::Environment) -> anyhow::Result<()> {
    /// let namespace = environment.test_namespace("the_api_survives_its_cache").await?;
    /// // This API uses this cache, and the database of all.
    /// let own = environment.copy(["api", "cache"], &namespace, |_| {}).await?;
    /// own.scale("cache", 0).await?;
    /// let api = own.port_forward("api", 8080).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When there is no such component, or it has objects in a namespace of its own; when the API server denies an object,
    /// or a copy is not ready in the suite's deadline.
    pub async fn copy(
        &self,
        components: impl IntoIterator<Item = impl Into<String>>,
        namespace: &TestNamespace,
        change: impl Fn(&mut DynamicObject),
    ) -> Result<Environment, EnvironmentError> {
        let names: Vec<String> = components.into_iter().map(Into::into).collect();
        names.iter().try_for_each(|name| self.known(name))?;
        let (from, to) = (self.namespace(), namespace.name.as_str());
        let folders = Folders::of_user().map_err(|error| EnvironmentError::File(std::io::Error::other(error)))?;
        let plan = (*self.running.plan).clone();
        let rendered = sources::recall(&plan, &folders);
        let plan = plan.with_rendered(rendered);
        let manifests = plan.manifests().map_err(|error| EnvironmentError::Manifests(Box::new(error)))?;
        let (kinds, none) = (Kinds::new(self.client(), to), ImageMap::new());
        let deployment = self.record().deployment.as_ref();
        let (mut copies, mut aliases) = (Vec::new(), Vec::new());
        for (component, manifests) in plan.components().zip(manifests) {
            if !names.contains(&component.name) {
                aliases.extend(manifests.iter().filter_map(|manifest| alias(manifest, from, to)));
                continue;
            }
            let images = deployment.and_then(|it| it.images.get(&component.name)).unwrap_or(&none);
            let secret = self.pull_secret(&component.name).await?;
            let mut objects = Vec::from_iter(secret.clone());
            for mut manifest in manifests {
                if let Some(name) = secret.as_ref().and_then(|secret| secret.object.metadata.name.as_deref()) {
                    manifests::pull_with(&mut manifest.object, name);
                }
                if !self.is_copied(&mut manifest, &component.name, &kinds).await? {
                    continue;
                }
                complete(&mut manifest.object, component, images, &self.record().ports);
                move_to(&mut manifest.object, from, to);
                change(&mut manifest.object);
                objects.push(manifest);
            }
            order(&mut objects);
            copies.push((component, objects));
        }
        let applier = Applier::new(self.client(), to);
        // Before the copies that use them. An earlier copy keeps its Services.
        let services = Api::<Service>::namespaced(self.client(), to).list(&ListParams::default()).await;
        let services = services.map_err(EnvironmentError::api(format!("list the Services in {to}")))?;
        aliases.retain(|alias| services.iter().all(|service| service.metadata.name != alias.object.metadata.name));
        apply(&applier, &aliases).await?;
        let applied = copies.iter().map(async |(component, objects)| {
            let probes = probes(component, objects, &PortMap::default(), Asked::FromHost, to);
            Ok::<_, EnvironmentError>((*component, apply(&applier, objects).await?, probes))
        });
        let applied = try_join_all(applied).await?;
        let readiness = Readiness::start_with(self.client(), to, (), self.running.settings.clone());
        for ((component, objects, probes), (_, manifests)) in applied.iter().zip(&copies) {
            let probes = if has_pods(manifests) { probes.clone() } else { Vec::new() };
            readiness.expect(&component.name, objects.clone(), probes);
        }
        let deadline = Instant::now() + self.running.deadline;
        readiness.wait_for_all_ready(None, deadline).await.map_err(Box::new)?;
        Ok(self.of_copies(to, applied))
    }

    /// Returns the Secret with which pods of a component pull their images, as the copies' pods need it in their own
    /// namespace; `None` if the suite has none.
    async fn pull_secret(&self, component: &str) -> Result<Option<Manifest>, EnvironmentError> {
        if !self.running.plan.suite().cluster.pull_secrets {
            return Ok(None);
        }
        let name = pull_secret_of(component);
        let secrets: Api<Secret> = Api::namespaced(self.client(), self.namespace());
        let found = secrets.get_opt(&name).await;
        let found = found.map_err(EnvironmentError::api(format!("read secret/{name}")))?;
        let Some(Secret { data, type_, .. }) = found else { return Ok(None) };
        let secret =
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "type": type_, "data": data});
        let object = serde_json::from_value(secret).map_err(|error| EnvironmentError::File(error.into()))?;
        Ok(Some(Manifest { source: ManifestSource { file: "cluster.pullSecrets".into(), line: 1 }, object }))
    }

    /// Returns whether an object is copied. A ClusterRoleBinding is made a RoleBinding.
    async fn is_copied(
        &self,
        manifest: &mut Manifest,
        component: &str,
        kinds: &Kinds,
    ) -> Result<bool, EnvironmentError> {
        let Some(types) = &mut manifest.object.types else { return Ok(false) };
        if types.kind == "ClusterRoleBinding" {
            types.kind = "RoleBinding".into();
            return Ok(true);
        }
        let object = ObjectRef::of(&manifest.object);
        let is_namespaced = match kinds::find(kinds::group_of(&object.api_version), &object.kind) {
            Some(kind) => kind.namespaced,
            None => {
                let placed = kinds.place(&object, &Resilience::default()).await;
                placed.map_err(EnvironmentError::api(format!("look up {object}")))?.1.namespace.is_some()
            }
        };
        let elsewhere = object.namespace.as_deref().filter(|namespace| *namespace != self.namespace());
        match elsewhere {
            Some(namespace) if is_namespaced => Err(EnvironmentError::Elsewhere {
                component: component.to_owned(),
                object: format!("{object} in {namespace}"),
            }),
            _ => Ok(is_namespaced),
        }
    }

    /// Returns this environment with the copies of components in `namespace`, and no others.
    fn of_copies(&self, namespace: &str, copies: Vec<(&Component, Vec<Applied>, Vec<Probe>)>) -> Environment {
        let mut own = self.clone();
        let record = &mut own.running.cluster.record;
        namespace.clone_into(&mut record.namespace);
        let deployment = record.deployment.get_or_insert_default();
        deployment.objects.clear();
        deployment.probes.clear();
        for (component, objects, probes) in copies {
            record.ports.0.remove(&component.name);
            deployment.objects.insert(component.name.clone(), objects);
            deployment.probes.insert(component.name.clone(), probes);
        }
        own
    }
}

/// Returns whether no workload is told to have no pods.
fn has_pods(objects: &[Manifest]) -> bool {
    objects.iter().all(|manifest| manifest.object.data.pointer("/spec/replicas") != Some(&json!(0)))
}

/// Applies objects one after the other.
async fn apply(applier: &Applier, objects: &[Manifest]) -> Result<Vec<Applied>, EnvironmentError> {
    let mut applied = Vec::new();
    for manifest in objects {
        applied.push(applier.apply(manifest, &Events::discard()).await.map_err(Box::new)?);
    }
    Ok(applied)
}

/// Moves an object, and what it says of its own namespace, to another one. A Service loses what only one can have.
fn move_to(object: &mut DynamicObject, from: &str, to: &str) {
    object.metadata.namespace = Some(to.to_owned());
    for subject in object.data.pointer_mut("/subjects").and_then(Value::as_array_mut).into_iter().flatten() {
        if subject["kind"] == "ServiceAccount" && subject.get("namespace").is_none_or(|it| it == from) {
            subject["namespace"] = to.into();
        }
    }
    if object.types.as_ref().is_none_or(|types| types.kind != "Service") {
        return;
    }
    let Some(spec) = object.data.pointer_mut("/spec").and_then(Value::as_object_mut) else { return };
    if spec.get("type").is_some_and(|it| it == "NodePort" || it == "LoadBalancer") {
        spec.remove("type");
    }
    if spec.get("clusterIP").is_some_and(|it| it != "None") {
        spec.remove("clusterIP");
    }
    for field in ["clusterIPs", "externalTrafficPolicy", "healthCheckNodePort", "loadBalancerIP", "externalIPs"] {
        spec.remove(field);
    }
    for port in spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
        port.as_object_mut().and_then(|port| port.remove("nodePort"));
    }
}

/// Returns a Service in `to` by whose name the Service of a shared component is found.
fn alias(manifest: &Manifest, from: &str, to: &str) -> Option<Manifest> {
    let object = &manifest.object;
    let is_shared = object.metadata.namespace.as_deref().is_none_or(|namespace| namespace == from);
    if !is_shared || object.types.as_ref()?.kind != "Service" {
        return None;
    }
    let name = object.metadata.name.as_deref()?;
    let alias = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": to},
        "spec": {"type": "ExternalName", "externalName": format!("{name}.{from}.svc.cluster.local")},
    });
    let ManifestSource { file, line } = manifest.source.clone();
    Some(Manifest { source: ManifestSource { file, line }, object: serde_json::from_value(alias).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(object: Value) -> Manifest {
        let source = ManifestSource { file: "api.yaml".into(), line: 1 };
        Manifest { source, object: serde_json::from_value(object).unwrap() }
    }

    fn moved(object: Value) -> Value {
        let mut object = manifest(object).object;
        move_to(&mut object, "shop", "mine");
        serde_json::to_value(object).unwrap()
    }

    #[test]
    fn a_service_keeps_its_ports_and_gives_up_those_of_the_nodes() {
        let spec = json!({"type": "NodePort", "externalTrafficPolicy": "Local", "clusterIP": "10.0.0.1",
            "selector": {"app": "api"}, "ports": [{"port": 80, "nodePort": 30080, "targetPort": "http"}]});
        let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "api", "namespace": "shop"}, "spec": spec});
        let own = moved(service);
        assert_eq!(own["metadata"], json!({"name": "api", "namespace": "mine"}));
        assert_eq!(own["spec"], json!({"selector": {"app": "api"}, "ports": [{"port": 80, "targetPort": "http"}]}));
        let headless =
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "db"}, "spec": {"clusterIP": "None"}});
        assert_eq!(moved(headless)["spec"]["clusterIP"], "None");
    }

    #[test]
    fn rights_are_those_of_the_copys_own_account() {
        let subjects = json!([
            {"kind": "ServiceAccount", "name": "api", "namespace": "shop"},
            {"kind": "ServiceAccount", "name": "api"},
            {"kind": "ServiceAccount", "name": "other", "namespace": "elsewhere"},
            {"kind": "User", "name": "jane"},
        ]);
        let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": {"name": "api"}, "subjects": subjects});
        let own = moved(binding);
        let namespaces: Vec<_> =
            own["subjects"].as_array().unwrap().iter().map(|subject| subject["namespace"].as_str()).collect();
        assert_eq!(namespaces, [Some("mine"), Some("mine"), Some("elsewhere"), None]);
    }

    #[test]
    fn the_others_services_are_known_by_their_names() {
        let service = |kind: &str, namespace: Option<&str>| {
            manifest(json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "db", "namespace": namespace},
                "spec": {"selector": {"app": "db"}}}))
        };
        let alias_of = |kind, namespace| alias(&service(kind, namespace), "shop", "mine");
        let known = alias_of("Service", Some("shop")).unwrap().object;
        assert_eq!(known.metadata.namespace.as_deref(), Some("mine"));
        assert_eq!(known.data["spec"], json!({"type": "ExternalName", "externalName": "db.shop.svc.cluster.local"}));
        assert!(alias_of("Service", None).is_some());
        assert!(alias_of("Service", Some("elsewhere")).is_none() && alias_of("Secret", None).is_none());
    }
}
