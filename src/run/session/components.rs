//! Single components of a running environment: removed, and redeployed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::{Session, UpError};
use crate::cluster::{Cluster, ClusterError, Deployment, InventoryFile, InventoryObject, Provider, Target};
use crate::images::ImageBuilds;
use crate::readiness::ObjectRef;
use crate::readiness::redact::Redactor;
use crate::report::Phase;
use crate::run::Running;
use crate::run::diagnostics;
use crate::sources;
use crate::suite::plan::Plan;
use crate::teardown::{self, KillErrors, RemovalTarget, RemoveOptions, TakeOut, Undo};

impl Session {
    /// Announces the components and registers their secrets with the redactor, before anything else.
    pub(super) fn announce(&self) {
        self.plan.teach(Redactor::global());
        self.plan.components().for_each(|component| self.events.pending(&component.name));
    }

    /// Removes components, or all of them if none is named, and keeps the cluster. A namespace or definition that other
    /// components use is kept.
    ///
    /// # Errors
    /// When there is no cluster, or something of the components remains.
    pub async fn kill(&self, components: &[String], kill: &RemoveOptions) -> Result<(), UpError> {
        let name = self.plan.cluster_name();
        let records = self.records(name).await?;
        let mut record = records.read()?.ok_or_else(|| ClusterError::Missing { name: name.to_string() })?;
        let cluster = Cluster::attach(record.clone(), records.kubeconfig()).await?;
        let inventory = InventoryFile::open(&records)?;
        let is_doomed = |component: &String| components.is_empty() || components.contains(component);
        let (mut objects, kept): (BTreeMap<_, _>, BTreeMap<_, _>) =
            self.deployed(&cluster, inventory.as_ref()).into_iter().partition(|(component, _)| is_doomed(component));
        self.tell_dependants(Phase::Teardown, components, "is taken away");
        for (shared, component) in spare(&mut objects, &kept) {
            self.events.note(Phase::Teardown, format!("{shared} stays: {component} has objects in it"));
        }
        let doomed: Vec<String> = objects.keys().cloned().collect();
        doomed.iter().for_each(|component| self.events.pending(component));
        let removed = match &inventory {
            Some(inventory) => self.take_out(&cluster, inventory, &objects, kill).await,
            None => self.remove(&cluster, objects, kill).await,
        };
        let failed = removed.as_ref().err().map_or(&[][..], |errors| &errors.0);
        if let Some(deployment) = &mut record.deployment {
            for gone in doomed.iter().filter(|name| !failed.iter().any(|(failed, _)| failed == *name)) {
                forget(deployment, gone);
            }
            records.write(&record)?;
        }
        Ok(removed?)
    }

    /// Redeploys components in the current cluster, and waits until they are ready. All others are unchanged.
    ///
    /// # Errors
    /// When there is no cluster, and the other errors of [`Session::up`]. What was deployed is kept in any case.
    pub async fn up_only(&self, components: &[String]) -> Result<Running, UpError> {
        let mut part = Session {
            plan: self.plan.only(components),
            folders: self.folders.clone(),
            events: self.events.clone(),
            undo: Undo::default(),
            terms: self.terms.clone(),
            reports: self.reports.clone(),
            record: Mutex::default(),
            agree: self.agree,
            confirm: self.confirm,
        };
        part.render().await?;
        let parcels = part.parcels()?;
        let name = self.plan.cluster_name();
        let records = Arc::new(self.records(name).await?);
        let record = records.read()?.ok_or_else(|| ClusterError::Missing { name: name.to_string() })?;
        self.of_same_provider(&records)?;
        part.announce();
        self.tell_dependants(Phase::Deploy, components, "is deployed again");
        let (host, source) = part.host(&records).await?;
        let login = self.login(host.as_ref()).await?;
        // The cluster keeps its lease; this one only ends builds together with this process.
        self.lease(name, host.as_ref())?;
        let resilience = self.resilience(Phase::Deploy, name);
        let provider = Provider::of(&self.plan, host.as_ref(), &resilience);
        let mut cluster = Cluster::attach(record, records.kubeconfig()).await?;
        let builds = Arc::new(match &host {
            Some(host) => ImageBuilds::begin(host, &part.plan, source, false, &self.events, &resilience),
            None => ImageBuilds::none(),
        });
        let (nodes_up, loads) = part.loads(name, &provider, &builds, &resilience);
        nodes_up.certain();
        let known = cluster.record.deployment.clone().unwrap_or_default();
        let mut previous = known.clone();
        previous.objects.retain(|component, _| components.contains(component));
        let guest = self.visit(&cluster, &records)?.map(|guest| guest.with(login));
        let deployed = part.deploy(&cluster, guest.as_ref(), loads, parcels, &previous, &resilience).await;
        // The deployed components are kept, like the others.
        part.undo.keep();
        let is_owned = cluster.record.lease.as_ref().is_some_and(|lease| lease.owner.is_some());
        if let Some(guest) = guest.filter(|_| !is_owned) {
            guest.inventory.change(|inventory| inventory.keep(true))?;
        }
        cluster.record.deployment = Some(merge(known, deployed?, &self.rendered_like(&part))?);
        self.reach_ports(&mut cluster).await?;
        records.write(&cluster.record)?;
        Ok(self.running(cluster, false))
    }

    /// Returns the whole plan, with what `part` and earlier runs rendered of it.
    fn rendered_like(&self, part: &Session) -> Plan {
        let recalled = sources::recall(&self.plan, &self.folders);
        self.plan.clone().with_rendered(recalled).with_rendered(part.plan.rendered())
    }

    /// Notes which other components need these ones, and are not changed.
    fn tell_dependants(&self, phase: Phase, components: &[String], what: &str) {
        for component in self.plan.dependants(components) {
            let needs = component.needed().filter(|need| components.iter().any(|it| it == need));
            let needs = needs.collect::<Vec<_>>().join(" and ");
            self.events.note(phase, format!("{} needs {needs}, which {what}", component.name));
        }
    }

    /// Returns everything deployed into a cluster, by component. In an existing cluster these are only the objects of
    /// `inventory`, and no others of these names.
    fn deployed(&self, cluster: &Cluster, inventory: Option<&InventoryFile>) -> BTreeMap<String, Vec<Target>> {
        let mut objects: BTreeMap<String, Vec<Target>> = BTreeMap::new();
        if let Some(inventory) = inventory.map(InventoryFile::content) {
            for entry in &inventory.objects {
                if let Some(component) = &entry.component {
                    objects.entry(component.clone()).or_default().push(inventory.target(entry));
                }
            }
            return objects;
        }
        let known = cluster.record.deployment.iter().flat_map(|deployment| &deployment.objects);
        let known =
            known.map(|(component, applied)| (component.clone(), applied.iter().cloned().map(Target::from).collect()));
        objects.extend(known);
        for expected in diagnostics::expected(&self.plan, cluster) {
            let named = || expected.objects.iter().cloned().map(Target::from).collect();
            objects.entry(expected.component.clone()).or_insert_with(named);
        }
        objects
    }

    /// Removes components from an existing cluster, and from its inventory.
    async fn take_out(
        &self,
        cluster: &Cluster,
        inventory: &InventoryFile,
        objects: &BTreeMap<String, Vec<Target>>,
        kill: &RemoveOptions,
    ) -> Result<(), KillErrors> {
        let resilience = self.resilience(Phase::Teardown, &cluster.record.name);
        let (waves, events) = (self.wave_names(), &self.events);
        let take_out = TakeOut { inventory, waves, kill: *kill, events, resilience: &resilience };
        let is_chosen = |entry: &InventoryObject| {
            let component = entry.component.as_ref().and_then(|component| objects.get(component));
            component.is_some_and(|targets| targets.iter().any(|target| target.object == entry.object))
        };
        take_out.run(&cluster.client, is_chosen).await
    }

    async fn remove(
        &self,
        cluster: &Cluster,
        mut objects: BTreeMap<String, Vec<Target>>,
        kill: &RemoveOptions,
    ) -> Result<(), KillErrors> {
        let mut doomed = |component: &str| {
            let objects = objects.remove(component)?;
            Some(RemovalTarget { component: component.to_owned(), objects })
        };
        let waves = self.plan.waves().into_iter();
        let mut waves: Vec<Vec<_>> =
            waves.map(|wave| wave.iter().filter_map(|component| doomed(&component.name)).collect()).collect();
        let unplanned = objects.into_iter().map(|(component, objects)| RemovalTarget { component, objects });
        waves.push(unplanned.collect());
        let resilience = self.resilience(Phase::Teardown, &cluster.record.name);
        teardown::remove(&cluster.client, &cluster.record.namespace, waves, kill, &self.events, &resilience).await
    }
}

/// Removes from `objects` the namespaces and definitions that kept components use. Returns each with one of those
/// components.
fn spare(
    objects: &mut BTreeMap<String, Vec<Target>>,
    kept: &BTreeMap<String, Vec<Target>>,
) -> Vec<(ObjectRef, String)> {
    let mut spared = Vec::new();
    let user = |object: &ObjectRef| {
        let uses = |theirs: &[Target]| theirs.iter().any(|other| lives_in(&other.object, object));
        kept.iter().find(|(_, theirs)| uses(theirs)).map(|(name, _)| name.clone())
    };
    for object in objects.values_mut() {
        for shared in object.extract_if(.., |target| user(&target.object).is_some()) {
            spared.extend(user(&shared.object).map(|user| (shared.object, user)));
        }
    }
    spared
}

/// Returns whether `home` is the namespace of an object, or may define its kind.
fn lives_in(object: &ObjectRef, home: &ObjectRef) -> bool {
    match home.kind.as_str() {
        "Namespace" => object.namespace.as_ref() == Some(&home.name),
        // `widgets.example.com`: the plural of a kind is not known here, but its group is.
        "CustomResourceDefinition" => home.name.split_once('.').is_some_and(|(_, group)| object.gvk().group == group),
        _ => false,
    }
}

fn forget(deployment: &mut Deployment, component: &str) {
    deployment.objects.remove(component);
    deployment.images.remove(component);
    deployment.probes.remove(component);
}

/// Returns the deployment after a part was deployed. Its digest is the plan's only if all other components matched it
/// before.
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

    fn object(api_version: &str, kind: &str, namespace: Option<&str>, name: &str) -> Target {
        let object = ObjectRef {
            api_version: api_version.into(),
            kind: kind.into(),
            namespace: namespace.map(str::to_owned),
            name: name.into(),
        };
        object.into()
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
        let left: Vec<_> = objects["operator"].iter().map(|target| target.object.to_string()).collect();
        assert_eq!(left, ["namespace/own", "customresourcedefinition/widgets.example.org", "deployment/operator"]);
    }
}
