//! All watches of a run: one per kind and scope, started when it is first needed.

use std::collections::HashSet;
use std::time::Duration;

use futures::FutureExt;
use futures::stream::{self, AbortHandle, BoxStream, SelectAll, StreamExt, abortable};
use kube::core::{ApiResource, GroupVersionKind};
use tokio::time::Instant;

use super::finding::Finding;
use super::kinds::{defined_by, is_builtin, plural_of};
use super::masked;
use super::recording::WatchName;
use super::view::{Key, View};
use super::watch::{Update, updates};
use super::world::World;
use crate::object::ObjectRef;

/// How long a refusal may be transient: a cluster's first access rules are created shortly after its API is up.
const REFUSED: Duration = Duration::from_secs(3);
/// How long a custom kind may lack a definition before its plural is guessed, as for an aggregated API.
const UNDEFINED: Duration = Duration::from_secs(2);
/// A retried watch that has not failed for this long is connected: kube reports no success by itself.
const HEALED: Duration = Duration::from_secs(3);

/// All watches of a run.
pub(crate) struct Watches {
    /// `None` in a replay.
    client: Option<kube::Client>,
    streams: SelectAll<BoxStream<'static, (usize, Update)>>,
    watches: Vec<Watch>,
    undefined: Vec<Undefined>,
}

struct Watch {
    resource: ApiResource,
    namespace: Option<String>,
    /// Whether verdicts depend on it, or only their reasons.
    needed: bool,
    /// The objects received of a list in progress.
    listing: Option<HashSet<Key>>,
    listed: bool,
    trouble: Option<Trouble>,
    stop: AbortHandle,
}

struct Trouble {
    since: Instant,
    last: Instant,
    forbidden: bool,
    error: String,
}

/// A custom kind without a known definition.
struct Undefined {
    kind: GroupVersionKind,
    namespace: Option<String>,
    since: Instant,
}

impl Watches {
    /// Returns the client of the API server; `None` in a replay.
    pub(crate) fn client(&self) -> Option<kube::Client> {
        self.client.clone()
    }

    /// Returns an empty set of watches; without a client, for a replay, they receive nothing by themselves.
    pub(crate) fn new(client: Option<kube::Client>) -> Watches {
        Watches { client, streams: SelectAll::new(), watches: Vec::new(), undefined: Vec::new() }
    }

    /// Watches the kinds that determine the state of workloads in a namespace, and Secrets, which the redactor must
    /// learn before they are quoted.
    pub(crate) fn start_namespace(&mut self, namespace: &str) {
        let kinds = [
            ("", "v1", "Pod", true),
            ("apps", "v1", "ReplicaSet", true),
            ("discovery.k8s.io", "v1", "EndpointSlice", true),
            ("", "v1", "Event", false),
            ("", "v1", "Secret", false),
        ];
        for (group, version, kind, needed) in kinds {
            let kind = GroupVersionKind::gvk(group, version, kind);
            self.start(ApiResource::from_gvk(&kind), Some(namespace), needed);
        }
        self.start(ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "Node")), None, false);
    }

    /// Watches the kinds that determine when claims are bound.
    pub(crate) fn start_classes(&mut self) {
        let kind = GroupVersionKind::gvk("storage.k8s.io", "v1", "StorageClass");
        self.start(ApiResource::from_gvk(&kind), None, false);
    }

    /// Watches the kind of `object` in its scope. `needed` is whether verdicts depend on it.
    pub(crate) fn start_for(&mut self, object: &ObjectRef, needed: bool, world: &World, now: Instant) {
        let kind = object.gvk();
        if is_builtin(&kind.group) {
            return self.start(ApiResource::from_gvk(&kind), object.namespace.as_deref(), needed);
        }
        let known = self.watches.iter().any(|w| same(&w.resource, &kind) && w.namespace == object.namespace);
        if known || self.undefined.iter().any(|u| u.kind == kind && u.namespace == object.namespace) {
            return;
        }
        let definitions = GroupVersionKind::gvk("apiextensions.k8s.io", "v1", "CustomResourceDefinition");
        self.start(ApiResource::from_gvk(&definitions), None, false);
        self.undefined.push(Undefined { kind, namespace: object.namespace.clone(), since: now });
        self.start_defined(world, now);
    }

    fn start(&mut self, resource: ApiResource, namespace: Option<&str>, needed: bool) {
        let same_watch = |w: &&mut Watch| w.resource == resource && w.namespace.as_deref() == namespace;
        if let Some(watch) = self.watches.iter_mut().find(same_watch) {
            watch.needed |= needed;
            return;
        }
        let id = self.watches.len();
        let stream = match &self.client {
            Some(client) => updates(client.clone(), resource.clone(), namespace),
            None => stream::pending().boxed(),
        };
        let (stream, stop) = abortable(stream.map(move |update| (id, update)));
        self.streams.push(stream.boxed());
        let namespace = namespace.map(str::to_owned);
        let watch = Watch { resource, namespace, needed, listing: None, listed: false, trouble: None, stop };
        self.watches.push(watch);
    }

    /// Starts the watches of custom kinds whose definition has appeared, or is overdue.
    pub(crate) fn start_defined(&mut self, world: &World, now: Instant) {
        let definitions = self.watches.iter().find(|w| w.resource.kind == "CustomResourceDefinition");
        let blind = definitions.is_none_or(|w| w.stop.is_aborted());
        for open in std::mem::take(&mut self.undefined) {
            let plural = world.all("CustomResourceDefinition", "").find_map(|view| plural_of(view, &open.kind));
            let resource = match plural {
                Some(plural) => ApiResource::from_gvk_with_plural(&open.kind, plural),
                None if blind || now >= open.since + UNDEFINED => ApiResource::from_gvk(&open.kind),
                None => {
                    self.undefined.push(open);
                    continue;
                }
            };
            self.start(resource, open.namespace.as_deref(), true);
        }
    }

    /// Watches the kind of a definition, the only way to know whether it is served.
    pub(crate) fn start_kind_of(&mut self, definition: &View) {
        let Some(resource) = defined_by(&definition.json) else { return };
        let kind = GroupVersionKind::gvk(&resource.group, &resource.version, &resource.kind);
        if !self.watches.iter().any(|watch| same(&watch.resource, &kind)) {
            self.start(resource, None, false);
        }
    }

    /// Returns ready once the kind of an established definition is served.
    pub(crate) fn served(&self, definition: &View) -> Finding {
        let Some(resource) = defined_by(&definition.json) else { return Finding::Ready };
        let kind = GroupVersionKind::gvk(&resource.group, &resource.version, &resource.kind);
        let mut watches = self.watches.iter().filter(|watch| same(&watch.resource, &kind));
        // A refusal also shows that the kind is served.
        let answers = |watch: &Watch| watch.listed || watch.trouble.as_ref().is_some_and(|trouble| trouble.forbidden);
        if watches.any(answers) {
            return Finding::Ready;
        }
        Finding::waiting("NotServed", "it is established, but the API server does not serve its kind yet")
    }

    /// Returns when to call [`Watches::start_defined`] again, without an event before.
    pub(crate) fn wake(&self) -> Option<Instant> {
        self.undefined.iter().map(|open| open.since + UNDEFINED).min()
    }

    /// Returns the kind and scope of a watch.
    pub(crate) fn name(&self, id: usize) -> WatchName {
        let Watch { resource, namespace, .. } = &self.watches[id];
        let kind = GroupVersionKind::gvk(&resource.group, &resource.version, &resource.kind);
        WatchName::new(&kind, &resource.plural, namespace.as_deref())
    }

    /// Returns the watch of a kind and scope; started if needed.
    pub(crate) fn find_or_start(&mut self, name: &WatchName) -> usize {
        let resource = ApiResource::from_gvk_with_plural(&name.gvk(), &name.plural);
        self.start(resource.clone(), name.namespace.as_deref(), false);
        let is_it = |watch: &Watch| watch.resource == resource && watch.namespace == name.namespace;
        self.watches.iter().position(is_it).unwrap_or_default()
    }

    /// Returns whether a watch receives what was there when it started.
    pub(crate) fn is_first_list(&self, id: usize) -> bool {
        !self.watches[id].listed
    }

    /// Resolves to the next update.
    pub(crate) async fn next(&mut self) -> (usize, Update) {
        match self.streams.next().await {
            Some(next) => next,
            None => std::future::pending().await,
        }
    }

    /// Returns an update that has arrived already.
    pub(crate) fn ready(&mut self) -> Option<(usize, Update)> {
        self.streams.next().now_or_never().flatten()
    }

    /// Applies an update to the world. Returns the objects whose judgement may change, and a warning if there is one.
    pub(crate) fn feed(
        &mut self,
        id: usize,
        update: Update,
        world: &mut World,
        now: Instant,
    ) -> (HashSet<Key>, Option<String>) {
        let watch = &mut self.watches[id];
        let mut concerned = HashSet::new();
        match update {
            Update::Listing => watch.listing = Some(HashSet::new()),
            Update::Put(view) => {
                watch.trouble = None;
                if let Some(listing) = &mut watch.listing {
                    listing.insert(view.key());
                }
                concerned = world.put(*view);
            }
            Update::Removed(view) => concerned = world.remove(&view.key()),
            Update::Listed => {
                watch.trouble = None;
                watch.listed = true;
                let fresh = watch.listing.take().unwrap_or_default();
                let resource = &watch.resource;
                for gone in world.stale(&resource.group, &resource.kind, watch.namespace.as_deref(), &fresh) {
                    concerned.extend(world.remove(&gone));
                }
            }
            Update::Failed { forbidden, error } => return (concerned, watch.fail(forbidden, error, now)),
        }
        (concerned, None)
    }

    /// Returns a denied watch that verdicts depend on, and the API server's error.
    pub(crate) fn refused(&self, now: Instant) -> Option<(String, String)> {
        self.watches.iter().filter(|watch| watch.needed).find_map(|watch| {
            let lasts = |t: &&Trouble| t.forbidden && now >= t.since + REFUSED && now < t.last + HEALED;
            let trouble = watch.trouble.as_ref().filter(lasts)?;
            Some((watch.what(), trouble.error.clone()))
        })
    }

    /// Returns why the state of an object is unknown: its watch fails, or has not listed yet.
    pub(crate) fn ignorance(&self, object: &ObjectRef, now: Instant) -> Option<String> {
        let kind = object.gvk();
        let watch = self.watches.iter().find(|w| same(&w.resource, &kind) && w.namespace == object.namespace);
        let Some(watch) = watch else {
            return Some(format!("the cluster does not serve {} {} yet", object.api_version, object.kind));
        };
        match &watch.trouble {
            Some(trouble) if now < trouble.last + HEALED => {
                Some(format!("{} cannot be watched: {}", watch.what(), trouble.error))
            }
            _ => (!watch.listed).then(|| "it has not been listed yet".into()),
        }
    }
}

impl Watch {
    /// Formats a watch: `deployments.apps in namespace shop`.
    fn what(&self) -> String {
        let ApiResource { plural, group, .. } = &self.resource;
        let resource = if group.is_empty() { plural.clone() } else { format!("{plural}.{group}") };
        let place = self.namespace.as_ref().map(|namespace| format!(" in namespace {namespace}"));
        resource + &place.unwrap_or_default()
    }

    fn fail(&mut self, forbidden: bool, error: String, now: Instant) -> Option<String> {
        let since = self.trouble.as_ref().filter(|t| t.forbidden == forbidden).map_or(now, |t| t.since);
        self.trouble = Some(Trouble { since, last: now, forbidden, error });
        if !forbidden || self.needed || now < since + REFUSED || self.stop.is_aborted() {
            return None;
        }
        self.stop.abort();
        Some(format!("may not list and watch {}: {}", self.what(), masked::cost_of_refusal(&self.resource.kind)))
    }
}

fn same(resource: &ApiResource, kind: &GroupVersionKind) -> bool {
    resource.group == kind.group && resource.kind == kind.kind
}
