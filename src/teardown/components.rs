//! Removes components from a cluster that is kept.
//!
//! The API server tracks ownership: workloads are deleted in the foreground, so that each is deleted after its last
//! pod, and deletion is awaited by watch. Custom objects are deleted first, because the controller that removes their
//! finalizers may be one of the components.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;

use futures::future::join_all;
use kube::ResourceExt;
use tokio::sync::Barrier;
use tokio::time::{Instant, timeout};

use super::objects::{Asked, Going, Objects, is_custom};
use super::{KillError, KillErrors, RemoveOptions};
use crate::cluster::{Ownership, Target};
use crate::host::resilience::Resilience;
use crate::readiness::{Missed, ObjectRef, errors};
use crate::report::{Events, Phase, Step};

/// How long a forced deletion may take to have an effect.
const FORCED: Duration = Duration::from_secs(5);
/// Deadline for a response of the API server.
const ANSWER: Duration = Duration::from_secs(15);
/// The finalizer that the API server adds to an object deleted in the foreground.
const FOREGROUND: &str = "foregroundDeletion";

/// A component to remove.
#[derive(Debug, Clone, PartialEq)]
pub struct RemovalTarget {
    /// Its name.
    pub component: String,
    /// Its objects. Their pods and other dependents are deleted with them.
    pub objects: Vec<Target>,
}

/// Removes the components of `waves`, which are in the order in which they were deployed: all at once, or wave by wave
/// from the last. Objects that name no namespace are in `namespace`. Each component has a step in the teardown phase,
/// which reports every request that `resilience` retries.
///
/// # Errors
/// Every object that remains at the end; the others are removed all the same.
pub async fn remove(
    client: &kube::Client,
    namespace: &str,
    waves: Vec<Vec<RemovalTarget>>,
    kill: &RemoveOptions,
    events: &Events,
    resilience: &Resilience,
) -> Result<(), KillErrors> {
    let objects = Objects::new(client.clone(), namespace, resilience.clone());
    let groups: Vec<Vec<RemovalTarget>> =
        if kill.parallel { vec![waves.into_iter().flatten().collect()] } else { waves.into_iter().rev().collect() };
    let mut errors = Vec::new();
    for group in groups {
        let dismiss = dismiss(&objects, &group);
        let turn = Barrier::new(group.len().max(1));
        let began = Instant::now();
        let removals = group.iter().map(|doomed| {
            let objects = objects.of(events.handle(Phase::Teardown, &doomed.component));
            Removal { objects, kill, events, began, turn: &turn }.component(doomed)
        });
        let removed = tokio::select! {
            removed = join_all(removals) => removed,
            never = dismiss => match never {},
        };
        for (component, failed) in removed {
            errors.extend(failed.into_iter().map(|error| (component.clone(), error)));
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(KillErrors(errors)) }
}

/// Force-deletes pods of `group` whose containers have ended, until it is dropped.
async fn dismiss(objects: &Objects, group: &[RemovalTarget]) -> Infallible {
    let components: BTreeSet<&str> = group.iter().map(|doomed| doomed.component.as_str()).collect();
    let places = group.iter().flat_map(|doomed| &doomed.objects).map(|target| objects.namespace(&target.object));
    let places: BTreeSet<&str> = places.collect();
    join_all(places.into_iter().map(|namespace| objects.dismiss(&components, namespace))).await;
    pending().await
}

/// The removal of one component of a group.
pub(super) struct Removal<'a> {
    pub(super) objects: Objects,
    kill: &'a RemoveOptions,
    pub(super) events: &'a Events,
    began: Instant,
    /// Each component waits here until the custom objects of all are gone.
    turn: &'a Barrier,
}

impl Removal<'_> {
    async fn component(self, doomed: &RemovalTarget) -> (String, Vec<KillError>) {
        let step = self.events.step(Phase::Teardown, &doomed.component);
        let mut round = Round::default();
        let is_adopted = |target: &Target| matches!(target.ownership, Ownership::Adopted(_));
        let all = || doomed.objects.iter().filter(|target| !is_adopted(target));
        let definitions = all().filter(|target| target.object.kind == "CustomResourceDefinition");
        let is_namespace = |target: &&Target| target.object.kind == "Namespace";
        // Half of the deadline for objects whose controller may be missing.
        let soon = self.began + self.kill.deadline / 2;
        let until = self.began + self.kill.deadline;
        self.delete(all().filter(|target| is_custom(&target.object)), soon, &step, &mut round).await;
        // Definitions whose kind has objects that are not on the list. Deleting any other definition takes the API
        // server 1 s, and needs no controller.
        let used = join_all(definitions.map(async |it| self.is_used(&it.object).await.then_some(it))).await;
        let used: Vec<_> = used.into_iter().flatten().collect();
        self.delete(used.iter().copied(), soon, &step, &mut round).await;
        self.turn.wait().await;
        let others = all().filter(|it| !is_custom(&it.object) && !used.contains(it) && !is_namespace(it));
        self.delete(others, until, &step, &mut round).await;
        self.delete(all().filter(is_namespace), until, &step, &mut round).await;
        self.give_back(doomed, &mut round).await;
        let left = self.await_all(std::mem::take(&mut round.left), until).await;
        let mut errors = round.errors;
        errors.extend(self.force(&doomed.component, left, &step).await);
        if self.kill.verify && errors.is_empty() {
            errors.extend(self.verify(doomed, &round.others).await);
        }
        match errors.first() {
            Some(error) => step.fail(Missed::Failed, errors::chain(error)),
            None if round.there => step.done(),
            None => step.unchanged(),
        }
        (doomed.component.clone(), errors)
    }

    /// Returns whether objects of a definition's kind would be deleted with it; `true` if that is unknown.
    async fn is_used(&self, definition: &ObjectRef) -> bool {
        answer(definition, self.objects.is_used(definition)).await.unwrap_or(true)
    }

    /// Deletes objects, and waits until they are gone.
    async fn delete<'a>(
        &self,
        targets: impl Iterator<Item = &'a Target>,
        until: Instant,
        step: &Step,
        round: &mut Round,
    ) {
        let asked = targets.map(async |it| (&it.object, answer(&it.object, self.objects.delete(it)).await));
        let mut going = Vec::new();
        for (object, answer) in join_all(asked).await {
            match answer {
                Ok(Asked::Absent) => {}
                Ok(Asked::Another) => {
                    let text = format!("{object} is another one than was deployed; it is left alone");
                    self.events.warn(Phase::Teardown, text);
                    round.others.push(object.clone());
                }
                Ok(Asked::Gone) => round.there = true,
                Ok(Asked::Going(object)) => going.push(*object),
                Err(error) => round.errors.push(error),
            }
        }
        if going.is_empty() {
            return;
        }
        round.there = true;
        step.progress(format!("waits for {}", names(&going)));
        round.left.extend(self.await_all(going, until).await);
    }

    /// Returns those that are not gone in time.
    async fn await_all(&self, going: Vec<Going>, until: Instant) -> Vec<Going> {
        let waits = going.into_iter().map(|going| async {
            let gone = self.objects.gone(&going, until).await;
            (!gone).then_some(going)
        });
        join_all(waits).await.into_iter().flatten().collect()
    }

    /// Deletes the remaining pods without grace, and removes finalizers if the options allow it. Returns why objects
    /// still remain.
    async fn force(&self, component: &str, left: Vec<Going>, step: &Step) -> Vec<KillError> {
        if left.is_empty() {
            return Vec::new();
        }
        step.progress(format!("forces {}", names(&left)));
        let (mut errors, mut pods) = (Vec::new(), Vec::new());
        for owner in &left {
            match answer(&owner.object, self.objects.pods_of(owner)).await {
                Ok(own) => pods.extend(own),
                Err(error) => errors.push(error),
            }
        }
        let mut text = match self.kill.deadline {
            Duration::ZERO => format!("{component}: {} not waited for", names(&left)),
            deadline => format!("{component}: {} not gone after {deadline:?}", names(&left)),
        };
        if !pods.is_empty() {
            text.push_str(&format!("; ended without grace: {}", names(&pods)));
        }
        self.events.warn(Phase::Teardown, text);
        let ended = join_all(pods.iter().map(|pod| answer(&pod.object, self.objects.end(pod)))).await;
        errors.extend(ended.into_iter().filter_map(Result::err));
        let owners = left.into_iter().filter(|owner| !pods.iter().any(|pod| pod.uid == owner.uid));
        let owners: Vec<_> = owners.collect();
        // Pods too: an owner is kept while one of its pods is.
        let mut left = self.await_all(pods.into_iter().chain(owners).collect(), Instant::now() + FORCED).await;
        if self.kill.force && !left.is_empty() {
            let released = join_all(left.iter().map(|it| answer(&it.object, self.objects.release(it)))).await;
            errors.extend(released.into_iter().filter_map(Result::err));
            left = self.await_all(left, Instant::now() + FORCED).await;
        }
        for going in &left {
            errors.extend(self.why(going).await);
        }
        errors
    }

    /// Returns why a deleted object still exists; `None` if it is gone.
    async fn why(&self, going: &Going) -> Option<KillError> {
        let object = going.object.clone();
        let found = match answer(&object, self.objects.look(going)).await {
            Ok(found) => found?,
            Err(error) => return Some(error),
        };
        let finalizers: Vec<String> = found.finalizers().iter().filter(|it| *it != FOREGROUND).cloned().collect();
        if !finalizers.is_empty() {
            return Some(KillError::Kept { object, finalizers });
        }
        // A namespace's conditions list what is left in it.
        let conditions = found.data.pointer("/status/conditions").and_then(|all| all.as_array()).into_iter().flatten();
        let remains = conditions.filter(|it| it["status"] == "True").filter_map(|it| it["message"].as_str());
        let why: String =
            remains.filter(|_| object.kind == "Namespace").map(|message| format!(": {message}")).collect();
        Some(KillError::Left { object, why })
    }

    /// Checks that every object of the component is gone, except `others`, which were not its to remove.
    async fn verify(&self, doomed: &RemovalTarget, others: &[ObjectRef]) -> Vec<KillError> {
        let names = || doomed.objects.iter().map(|target| &target.object);
        // An object whose create request may still be in flight is checked once more when all others are gone.
        let is_late = |target: &&Target| matches!(target.ownership, Ownership::Mark(_));
        let known = doomed.objects.iter().filter(|target| !is_late(target)).map(|target| &target.object);
        let objects = known.filter(|name| !others.contains(name)).map(|object| async move {
            match answer(object, self.objects.exists(object)).await {
                Ok(false) => None,
                Ok(true) => {
                    Some(KillError::Left { object: object.clone(), why: ": somebody has made it again".into() })
                }
                Err(error) => Some(error),
            }
        });
        let mut left: Vec<KillError> = join_all(objects).await.into_iter().flatten().collect();
        // Pods of workloads that are kept have the label until their replacements run.
        if names().any(|name| others.contains(name)) {
            return left;
        }
        let namespaces: BTreeSet<&str> = names().map(|object| self.objects.namespace(object)).collect();
        for namespace in namespaces {
            match answer(&pods_in(namespace), self.objects.labelled(&doomed.component, namespace)).await {
                Ok(pods) => {
                    left.extend(pods.into_iter().map(|object| KillError::Left { object, why: String::new() }));
                }
                Err(error) => left.push(error),
            }
        }
        left
    }
}

/// Progress of removing a component's objects.
#[derive(Default)]
pub(super) struct Round {
    /// Whether any of them existed.
    pub(super) there: bool,
    /// Objects that are kept, since we did not create them.
    pub(super) others: Vec<ObjectRef>,
    left: Vec<Going>,
    pub(super) errors: Vec<KillError>,
}

/// Awaits the API server's response about an object, until a deadline.
pub(super) async fn answer<T>(
    object: &ObjectRef,
    asked: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, KillError> {
    match timeout(ANSWER, asked).await {
        Ok(answer) => answer.map_err(|source| KillError::Api { object: object.clone(), source: Box::new(source) }),
        Err(_) => Err(KillError::Silent { object: object.clone() }),
    }
}

fn names(going: &[Going]) -> String {
    going.iter().map(|going| going.object.to_string()).collect::<Vec<_>>().join(", ")
}

fn pods_in(namespace: &str) -> ObjectRef {
    ObjectRef { api_version: "v1".into(), kind: "Pods".into(), namespace: Some(namespace.into()), name: "all".into() }
}
