//! Single components of an environment that is up: taken away, and deployed again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::sync::oneshot;

use super::{Session, UpError};
use crate::cluster::{Cluster, ClusterError, Deployment, Provider};
use crate::diagnostics;
use crate::environment::Environment;
use crate::images::ImageBuilds;
use crate::object::ObjectRef;
use crate::plan::Plan;
use crate::redact::Redactor;
use crate::report::Phase;
use crate::teardown::{self, Doomed, Kill, KillErrors, Undo};

impl Session {
    /// Says which components there are, and learns their secrets, before anything is done with them.
    pub(super) fn announce(&self) {
        self.plan.teach(Redactor::global());
        self.plan.components().for_each(|component| self.events.pending(&component.name));
    }

    /// Takes components away, or all of them when none is named, and leaves the cluster as it is. What others live in, a
    /// namespace or a definition, stays.
    ///
    /// # Errors
    /// When there is no cluster, or something of the components is still there.
    pub async fn kill(&self, components: &[String], kill: &Kill) -> Result<(), UpError> {
        let name = self.plan.cluster_name();
        let records = self.records(name).await?;
        let mut record = records.read()?.ok_or_else(|| ClusterError::Missing { name: name.to_string() })?;
        let cluster = Cluster::attach(record.clone(), records.kubeconfig()).await?;
        let mut objects = self.deployed(&cluster);
        let kept = match components {
            [] => BTreeMap::new(),
            some => {
                let is_kept = |component: &String, _: &mut Vec<ObjectRef>| !some.contains(component);
                objects.extract_if(.., is_kept).collect()
            }
        };
        self.tell_dependants(Phase::Teardown, components, "is taken away");
        for (shared, component) in spare(&mut objects, &kept) {
            self.events.note(Phase::Teardown, format!("{shared} stays: {component} has objects in it"));
        }
        let doomed: Vec<String> = objects.keys().cloned().collect();
        doomed.iter().for_each(|component| self.events.pending(component));
        let removed = self.remove(&cluster, objects, kill).await;
        let failed = removed.as_ref().err().map_or(&[][..], |errors| &errors.0);
        if let Some(deployment) = &mut record.deployment {
            for gone in doomed.iter().filter(|name| !failed.iter().any(|(failed, _)| failed == *name)) {
                forget(deployment, gone);
            }
            records.write(&record)?;
        }
        Ok(removed?)
    }

    /// Deploys components again into the cluster that is there, and waits until they are ready. All others stay as they
    /// are.
    ///
    /// # Errors
    /// When there is no cluster, and what else may go wrong in [`Session::up`]. What was deployed stays in any case.
    pub async fn up_only(&self, components: &[String]) -> Result<Environment, UpError> {
        let part = Session {
            plan: self.plan.only(components),
            folders: self.folders.clone(),
            events: self.events.clone(),
            undo: Undo::default(),
            terms: self.terms.clone(),
            record: Mutex::default(),
            agree: self.agree,
        };
        let parcels = part.parcels()?;
        let name = self.plan.cluster_name();
        let records = self.records(name).await?;
        let record = records.read()?.ok_or_else(|| ClusterError::Missing { name: name.to_string() })?;
        part.announce();
        self.tell_dependants(Phase::Deploy, components, "is deployed again");
        let (host, source) = part.host().await?;
        // The cluster stays whose it is; but what is being built for it ends with this process.
        self.lease(name, host.as_ref())?;
        let resilience = self.resilience(Phase::Deploy, name);
        let provider = Provider::of(&self.plan, host.as_ref(), &resilience);
        let mut cluster = Cluster::attach(record, records.kubeconfig()).await?;
        let builds = Arc::new(match &host {
            Some(host) => ImageBuilds::begin(host, &part.plan, source, false, &self.events, &resilience),
            None => ImageBuilds::none(),
        });
        let (nodes_up, up) = oneshot::channel();
        // The other end is there: this function holds it.
        let _ = nodes_up.send(());
        let loads = part.loads(name, &provider, &builds, up, &resilience);
        let known = cluster.record.deployment.clone().unwrap_or_default();
        let mut previous = known.clone();
        previous.objects.retain(|component, _| components.contains(component));
        let deployed = part.deploy(&cluster, loads, parcels, &previous, &resilience).await;
        // What was deployed stays, as what it was deployed beside does.
        part.undo.keep();
        cluster.record.deployment = Some(merge(known, deployed?, &self.plan)?);
        records.write(&cluster.record)?;
        Ok(self.environment(cluster, false))
    }

    /// Says who needs one of these components, and stays as it is.
    fn tell_dependants(&self, phase: Phase, components: &[String], what: &str) {
        for component in self.plan.dependants(components) {
            let needs = component.needs.iter().filter(|need| components.contains(need));
            let needs = needs.map(String::as_str).collect::<Vec<_>>().join(" and ");
            self.events.note(phase, format!("{} needs {needs}, which {what}", component.name));
        }
    }

    /// Everything that was deployed into a cluster, by component.
    fn deployed(&self, cluster: &Cluster) -> BTreeMap<String, Vec<ObjectRef>> {
        let expected = diagnostics::expected(&self.plan, cluster).into_iter();
        let mut objects: BTreeMap<_, _> = expected.map(|it| (it.component, it.objects)).collect();
        // What the plan does not name any more is there all the same.
        for (component, applied) in cluster.record.deployment.iter().flat_map(|deployment| &deployment.objects) {
            let known = applied.iter().map(|applied| applied.object.clone());
            objects.entry(component.clone()).or_insert_with(|| known.collect());
        }
        objects
    }

    /// Takes everything out of a cluster that was deployed into it.
    pub(super) async fn remove_all(&self, cluster: &Cluster, kill: &Kill) -> Result<(), KillErrors> {
        self.remove(cluster, self.deployed(cluster), kill).await
    }

    async fn remove(
        &self,
        cluster: &Cluster,
        mut objects: BTreeMap<String, Vec<ObjectRef>>,
        kill: &Kill,
    ) -> Result<(), KillErrors> {
        let mut doomed = |component: &str| {
            let objects = objects.remove(component)?;
            Some(Doomed { component: component.to_owned(), objects })
        };
        let waves = self.plan.waves().into_iter();
        let mut waves: Vec<Vec<_>> =
            waves.map(|wave| wave.iter().filter_map(|component| doomed(&component.name)).collect()).collect();
        let unplanned = objects.into_iter().map(|(component, objects)| Doomed { component, objects });
        waves.push(unplanned.collect());
        let resilience = self.resilience(Phase::Teardown, &cluster.record.name);
        teardown::remove(&cluster.client, &cluster.record.namespace, waves, kill, &self.events, &resilience).await
    }
}

/// Takes out of `objects` what those live in who stay. Returns it, each with one of them.
fn spare(
    objects: &mut BTreeMap<String, Vec<ObjectRef>>,
    kept: &BTreeMap<String, Vec<ObjectRef>>,
) -> Vec<(ObjectRef, String)> {
    let mut spared = Vec::new();
    let user = |object: &ObjectRef| {
        kept.iter().find(|(_, theirs)| theirs.iter().any(|other| lives_in(other, object))).map(|(name, _)| name.clone())
    };
    for object in objects.values_mut() {
        for shared in object.extract_if(.., |object| user(object).is_some()) {
            spared.extend(user(&shared).map(|user| (shared, user)));
        }
    }
    spared
}

/// Whether `home` is the namespace of an object, or may define its kind.
fn lives_in(object: &ObjectRef, home: &ObjectRef) -> bool {
    match home.kind.as_str() {
        "Namespace" => object.namespace.as_ref() == Some(&home.name),
        // `widgets.example.com`: which plural a kind has is not known here, its group is.
        "CustomResourceDefinition" => home.name.split_once('.').is_some_and(|(_, group)| object.gvk().group == group),
        _ => false,
    }
}

fn forget(deployment: &mut Deployment, component: &str) {
    deployment.objects.remove(component);
    deployment.images.remove(component);
    deployment.probes.remove(component);
}

/// What runs after a part was deployed. It is what `plan` says only if all else was already.
fn merge(mut known: Deployment, part: Deployment, plan: &Plan) -> Result<Deployment, std::io::Error> {
    if known.plan != plan.digest()? {
        known.plan.clear();
    }
    known.objects.extend(part.objects);
    known.images.extend(part.images);
    known.probes.extend(part.probes);
    Ok(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(api_version: &str, kind: &str, namespace: Option<&str>, name: &str) -> ObjectRef {
        ObjectRef {
            api_version: api_version.into(),
            kind: kind.into(),
            namespace: namespace.map(str::to_owned),
            name: name.into(),
        }
    }

    #[test]
    fn what_others_live_in_is_spared_and_nothing_else() {
        let crds = "apiextensions.k8s.io/v1";
        let mut objects = BTreeMap::from([(
            "operator".to_owned(),
            vec![
                object("v1", "Namespace", None, "shop"),
                object("v1", "Namespace", None, "own"),
                object(crds, "CustomResourceDefinition", None, "widgets.example.com"),
                object(crds, "CustomResourceDefinition", None, "widgets.example.org"),
                object("apps/v1", "Deployment", Some("shop"), "operator"),
            ],
        )]);
        let theirs = vec![
            object("example.com/v1", "Widget", Some("shop"), "w"),
            object("apps/v1", "Deployment", Some("shop"), "operator"),
        ];
        let kept = BTreeMap::from([("app".to_owned(), theirs)]);
        let spared = spare(&mut objects, &kept);
        let spared: Vec<_> = spared.iter().map(|(object, user)| format!("{object} {user}")).collect();
        assert_eq!(spared, ["namespace/shop app", "customresourcedefinition/widgets.example.com app"]);
        let left: Vec<_> = objects["operator"].iter().map(ToString::to_string).collect();
        assert_eq!(left, ["namespace/own", "customresourcedefinition/widgets.example.org", "deployment/operator"]);
    }
}
