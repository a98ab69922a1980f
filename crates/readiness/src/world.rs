//! The known state of the cluster: objects from watches, and their relations.

use std::borrow::Borrow;
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::hash::Hash;

use jiff::Timestamp;
use serde_json::Value;

use super::view::{Key, Lenient, View, made_up};
use crate::object::ObjectRef;

/// Number of events kept per object: the newest describe the current problem.
const NOTES: usize = 8;
/// Reasons of normal events that a rule reads; others would only displace warnings.
const WELCOME: [&str; 4] = ["SuccessfulCreate", "WaitForFirstConsumer", "ExternalProvisioning", "Provisioning"];

/// The known state of the cluster.
#[derive(Debug, Default)]
pub(crate) struct World {
    objects: HashMap<Key, View>,
    keys: HashMap<String, Key>,
    children: HashMap<String, BTreeSet<Key>>,
    slices: HashMap<(String, String), BTreeSet<Key>>,
    notes: HashMap<String, VecDeque<Note>>,
    saved: bool,
}

/// An event about one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) name: String,
    pub(crate) reason: String,
    pub(crate) message: String,
    /// When it was last seen; lists return events ordered by name.
    at: Option<Timestamp>,
}

impl World {
    /// Returns a world of saved objects, including events. Other objects may have existed without being saved.
    pub(crate) fn saved(objects: impl IntoIterator<Item = View>) -> World {
        let mut world = World { saved: true, ..World::default() };
        for object in objects {
            world.put(object);
        }
        world
    }

    /// Returns whether it is a saved one, in which absent objects may just not have been saved.
    pub(crate) fn is_saved(&self) -> bool {
        self.saved
    }

    /// Adds the current state of an object. Returns every object whose judgement may change: itself, its owners, and
    /// the object of an event.
    pub(crate) fn put(&mut self, view: View) -> HashSet<Key> {
        if view.object.kind == "Event" {
            return self.note(&view.json);
        }
        let key = view.key();
        if self.objects.get(&key).is_some_and(|known| known.uid != view.uid || !known.owners().eq(view.owners())) {
            self.remove(&key);
        }
        for owner in view.owners() {
            self.children.entry(owner.into_owned()).or_default().insert(key.clone());
        }
        if let Some(service) = service_of(&view) {
            self.slices.entry(service).or_default().insert(key.clone());
        }
        self.keys.insert(view.uid.clone(), key.clone());
        self.objects.insert(key.clone(), view);
        self.concerned(&key)
    }

    /// Removes an object. Returns every object whose judgement may change.
    pub(crate) fn remove(&mut self, key: &Key) -> HashSet<Key> {
        let concerned = self.concerned(key);
        let Some(view) = self.objects.remove(key) else { return concerned };
        for owner in view.owners() {
            unlink(&mut self.children, owner.as_ref(), key);
        }
        if let Some(service) = service_of(&view) {
            unlink(&mut self.slices, &service, key);
        }
        self.keys.remove(&view.uid);
        self.notes.remove(&view.uid);
        concerned
    }

    /// Returns the object of that name.
    pub(crate) fn get(&self, key: &Key) -> Option<&View> {
        self.objects.get(key)
    }

    /// Returns whether the object exists, regardless of the version.
    pub(crate) fn has(&self, object: &ObjectRef) -> bool {
        self.objects.contains_key(&Key::from(object))
    }

    /// Returns all objects of a kind in a namespace (empty for cluster-scoped ones).
    pub(crate) fn all<'a>(&'a self, kind: &'a str, namespace: &'a str) -> impl Iterator<Item = &'a View> {
        self.objects.iter().filter(move |(key, _)| key.kind == kind && key.namespace == namespace).map(|(_, view)| view)
    }

    /// Returns all objects of a kind, in all namespaces.
    pub(crate) fn each<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a View> {
        self.objects.iter().filter(move |(key, _)| key.kind == kind).map(|(_, view)| view)
    }

    /// Returns the objects of a kind and scope (no namespace: all) that are not in `fresh`.
    pub(crate) fn stale(&self, group: &str, kind: &str, scope: Option<&str>, fresh: &HashSet<Key>) -> Vec<Key> {
        let of_watch =
            |key: &&Key| key.group == group && key.kind == kind && scope.is_none_or(|ns| key.namespace == ns);
        self.objects.keys().filter(of_watch).filter(|key| !fresh.contains(*key)).cloned().collect()
    }

    /// Returns the objects of a kind that `owner` owns, ordered by name.
    pub(crate) fn children<'a>(&'a self, owner: &View, kind: &'a str) -> impl Iterator<Item = &'a View> {
        let keys = self.children.get(&owner.uid).into_iter().flatten();
        keys.filter(move |key| key.kind == kind).filter_map(|key| self.objects.get(key))
    }

    /// Returns the endpoint slices of a Service.
    pub(crate) fn slices(&self, service: &View) -> impl Iterator<Item = &View> {
        let of = (service.namespace().to_owned(), service.object.name.clone());
        self.slices.get(&of).into_iter().flatten().filter_map(|key| self.objects.get(key))
    }

    /// Returns the events about an object, newest first.
    pub(crate) fn notes(&self, about: &View) -> impl Iterator<Item = &Note> {
        self.notes.get(&about.uid).into_iter().flatten().rev()
    }

    /// Returns the newest event about an object with one of these reasons.
    pub(crate) fn newest(&self, about: &View, reasons: &[&str]) -> Option<&Note> {
        self.notes(about).find(|note| reasons.contains(&note.reason.as_str()))
    }

    fn note(&mut self, event: &Value) -> HashSet<Key> {
        let text = |pointer: &str| event.text(pointer).unwrap_or_default().to_owned();
        if event.text("/type") == Some("Normal") && !WELCOME.contains(&text("/reason").as_str()) {
            return HashSet::new();
        }
        // The newer events API has other names for the same fields.
        let involved = event.get("involvedObject").or_else(|| event.get("regarding")).unwrap_or(&Value::Null);
        let of = |pointer: &str| involved.text(pointer).unwrap_or_default().to_owned();
        let about = Key {
            group: involved.text("/apiVersion").and_then(|v| v.split_once('/')).map_or("", |v| v.0).into(),
            kind: of("/kind"),
            namespace: of("/namespace"),
            name: of("/name"),
        };
        let uid = involved.text("/uid").map(str::to_owned);
        let uid = uid.or_else(|| self.objects.get(&about).map(|view| view.uid.clone()));
        let message = event.text("/message").or_else(|| event.text("/note")).unwrap_or_default().trim().to_owned();
        let note = Note { name: text("/metadata/name"), reason: text("/reason"), message, at: time_of(event) };
        let notes = self.notes.entry(uid.unwrap_or_else(|| made_up(&about))).or_default();
        if !note.name.is_empty() {
            notes.retain(|known| known.name != note.name);
        }
        if notes.len() == NOTES {
            notes.pop_front();
        }
        let place = notes.iter().rposition(|known| known.at <= note.at).map_or(0, |at| at + 1);
        notes.insert(if note.at.is_none() { notes.len() } else { place }, note);
        self.concerned(&about)
    }

    /// Returns the object, its owners and theirs, and the Service of an endpoint slice.
    pub(crate) fn concerned(&self, key: &Key) -> HashSet<Key> {
        let mut found = HashSet::new();
        let mut open = vec![key.clone()];
        while let Some(key) = open.pop() {
            if let Some(view) = self.objects.get(&key) {
                open.extend(
                    view.owners()
                        .filter_map(|uid| self.keys.get(uid.as_ref()))
                        .filter(|k| !found.contains(*k))
                        .cloned(),
                );
                if let Some((namespace, name)) = service_of(view) {
                    found.insert(Key { group: String::new(), kind: "Service".into(), namespace, name });
                }
            }
            found.insert(key);
        }
        found
    }
}

/// Returns when an event was last seen, if known.
fn time_of(event: &Value) -> Option<Timestamp> {
    const FIELDS: [&str; 6] = [
        "/series/lastObservedTime",
        "/lastTimestamp",
        "/deprecatedLastTimestamp",
        "/eventTime",
        "/firstTimestamp",
        "/metadata/creationTimestamp",
    ];
    FIELDS.iter().find_map(|field| event.text(field)?.parse().ok())
}

pub(crate) fn service_of(view: &View) -> Option<(String, String)> {
    let labels = || view.json.texts("/metadata/labels").find(|(key, _)| *key == "kubernetes.io/service-name");
    let service = match view.object.kind.as_str() {
        "EndpointSlice" => labels()?.1,
        "Endpoints" => view.object.name.as_str(),
        _ => return None,
    };
    Some((view.namespace().to_owned(), service.to_owned()))
}

fn unlink<K, Q>(index: &mut HashMap<K, BTreeSet<Key>>, from: &Q, key: &Key)
where
    K: Borrow<Q> + Hash + Eq,
    Q: Hash + Eq + ?Sized,
{
    if let Some(keys) = index.get_mut(from) {
        keys.remove(key);
        if keys.is_empty() {
            index.remove(from);
        }
    }
}
