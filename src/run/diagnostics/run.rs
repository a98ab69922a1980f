//! Diagnoses of a run's cluster, after a failure or at any time.

use kube::core::DynamicObject;
use serde_json::Value;

use super::{Diagnosis, Unreadiness, investigate};
use crate::cluster::{Cluster, Deployment, Record, Records};
use crate::deploy::{Asked, probes};
use crate::host::folders::Folders;
use crate::readiness::kinds;
use crate::readiness::{self, Expectation, Lenient, NotReady, ObjectRef, Settings, Unready};
use crate::suite::config::Component;
use crate::suite::plan::Plan;

/// Returns the cluster of `plan`, in its current state; `None` when there is no reachable one.
pub async fn cluster_of(plan: &Plan, folders: &Folders) -> Option<Cluster> {
    let name = plan.cluster_name();
    let record = Records::peek(folders, name).ok()??;
    Cluster::attach(record, folders.cluster(name).join("kubeconfig")).await.ok()
}

/// Returns why a wait ended without everything being ready; `None` when the cause was not the components.
pub async fn after(plan: &Plan, cluster: &Cluster, error: &NotReady) -> Option<Diagnosis> {
    let (unready, of) = match error {
        NotReady::Failed { failed, waiting, of } => (failed.iter().chain(waiting).cloned().collect(), *of),
        NotReady::Deadline { waiting, of, .. } => (waiting.clone(), *of),
        NotReady::Gone { .. } | NotReady::Forbidden { .. } => return None,
    };
    Some(investigate(&cluster.client, &cluster.record.namespace, &trouble(plan, unready, of)).await)
}

/// Returns the current state of the components.
///
/// # Errors
/// When the API server is unreachable, or denies a request that the result depends on.
pub async fn now(plan: &Plan, cluster: &Cluster) -> Result<Diagnosis, kube::Error> {
    let (expected, settings) = (expected(plan, cluster), Settings::from(&plan.suite().ready));
    let namespace = &cluster.record.namespace;
    let unready = readiness::examine(&cluster.client, namespace, &expected, &settings).await?;
    Ok(investigate(&cluster.client, namespace, &trouble(plan, unready, expected.len())).await)
}

fn trouble(plan: &Plan, unready: Vec<Unready>, of: usize) -> Unreadiness {
    let needs =
        plan.components().map(|component| (component.name.clone(), component.needed().map(str::to_owned).collect()));
    Unreadiness { unready, of, needs: needs.collect() }
}

/// Returns what must be ready: the deployed objects or, of components not known to be deployed, those in the manifests.
#[must_use]
pub fn expected(plan: &Plan, cluster: &Cluster) -> Vec<Expectation> {
    let deployment = cluster.record.deployment.clone().unwrap_or_default();
    let mut expected = expectations(plan, &deployment);
    let is_known = |expectation: &Expectation| deployment.objects.contains_key(&expectation.component);
    if !expected.iter().all(is_known)
        && let Ok(all) = plan.manifests()
    {
        let objects: Vec<&DynamicObject> = all.iter().flatten().map(|manifest| &manifest.object).collect();
        let (ports, namespace) = (&cluster.record.ports, &cluster.record.namespace);
        let asked = Asked::by(cluster.record.provider);
        let unknown = expected.iter_mut().zip(plan.components()).zip(&all).filter(|((it, _), _)| !is_known(it));
        for ((expectation, component), manifests) in unknown {
            let named = manifests.iter().map(|manifest| placed(&manifest.object, &objects, &cluster.record));
            expectation.objects = named.collect();
            expectation.probes = probes(component, manifests, ports, asked, namespace);
        }
    }
    expected
}

/// Returns an object's reference, with the namespace in which it is applied.
fn placed(object: &DynamicObject, all: &[&DynamicObject], record: &Record) -> ObjectRef {
    let name = ObjectRef::of(object);
    let group = name.gvk().group;
    let defines = |definition: &Value| {
        definition.text("/spec/group") == Some(&group)
            && definition.text("/spec/names/kind") == Some(&name.kind)
            && definition.text("/spec/scope") == Some("Cluster")
    };
    let is_ours = kinds::find(&group, &name.kind).is_some_and(|kind| !kind.namespaced);
    let everywhere = is_ours || all.iter().any(|other| defines(&other.data));
    let namespace = name.namespace.clone().or_else(|| Some(record.namespace.clone())).filter(|_| !everywhere);
    ObjectRef { namespace, ..name }
}

/// Returns what must be ready of a deployment, for a check without a watch.
#[must_use]
pub fn expectations(plan: &Plan, deployment: &Deployment) -> Vec<Expectation> {
    let expectation = |component: &Component| Expectation {
        component: component.name.clone(),
        objects: deployment
            .objects
            .get(&component.name)
            .into_iter()
            .flatten()
            .map(|applied| applied.object.clone())
            .collect(),
        probes: deployment.probes.get(&component.name).cloned().unwrap_or_default(),
    };
    plan.components().map(expectation).collect()
}
