//! Takes components away, and leaves the cluster.
//!
//! The server keeps track of what belongs to whom: workloads are deleted in the foreground, so that each goes after its
//! last pod, and is awaited by watch. Custom objects go before everything else, because the controller that must let
//! them go may be one of the components.

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

/// How long a step of force may take to show.
const FORCED: Duration = Duration::from_secs(5);
/// How long the API server may take to answer.
const ANSWER: Duration = Duration::from_secs(15);
/// What the server itself puts on an object that is deleted in the foreground.
const FOREGROUND: &str = "foregroundDeletion";

/// A component that is to go.
#[derive(Debug, Clone, PartialEq)]
pub struct RemovalTarget {
    /// Its name.
    pub component: String,
    /// Its objects. Pods, and what else these own, go with them.
    pub objects: Vec<Target>,
}

/// Takes away the components of `waves`, which are in the order in which they were deployed: all at once, or wave by
/// wave from the last. What names no namespace is in `namespace`. Each component has a step in the teardown phase, which
/// tells of every request that `resilience` makes again.
///
/// # Errors
/// Everything that is still there at the end; the rest is gone all the same.
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

/// The removal of a component among those that go together.
pub(super) struct Removal<'a> {
    pub(super) objects: Objects,
    kill: &'a RemoveOptions,
    pub(super) events: &'a Events,
    began: Instant,
    /// Passed by each component when its custom objects are gone.
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
        // Half of the time for those who may have to wait for a controller that is not there.
        let soon = self.began + self.kill.deadline / 2;
        let until = self.began + self.kill.deadline;
        self.delete(all().filter(|target| is_custom(&target.object)), soon, &step, &mut round).await;
        // Those of objects that are not on the list. Any other takes the server a second, and needs no controller.
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

    /// Whether objects of a definition's kind would go with it. Where that is not known, they may.
    async fn is_used(&self, definition: &ObjectRef) -> bool {
        answer(definition, self.objects.is_used(definition)).await.unwrap_or(true)
    }

    /// Asks objects to go, and waits for them.
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

    /// Those that are not gone in time.
    async fn await_all(&self, going: Vec<Going>, until: Instant) -> Vec<Going> {
        let waits = going.into_iter().map(|going| async {
            let gone = self.objects.gone(&going, until).await;
            (!gone).then_some(going)
        });
        join_all(waits).await.into_iter().flatten().collect()
    }

    /// What can still be done: end pods without grace, remove finalizers if that is wanted. Returns why what is still
    /// there then is.
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
        // Pods too: while one of them is kept, its owner is.
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

    /// Why an object that was deleted is there; nothing when it is not.
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
        // A namespace says itself what is left in it.
        let conditions = found.data.pointer("/status/conditions").and_then(|all| all.as_array()).into_iter().flatten();
        let remains = conditions.filter(|it| it["status"] == "True").filter_map(|it| it["message"].as_str());
        let why: String =
            remains.filter(|_| object.kind == "Namespace").map(|message| format!(": {message}")).collect();
        Some(KillError::Left { object, why })
    }

    /// Looks again for everything that the component had, but for `others`: objects that were not its to remove.
    async fn verify(&self, doomed: &RemovalTarget, others: &[ObjectRef]) -> Vec<KillError> {
        let names = || doomed.objects.iter().map(|target| &target.object);
        // One whose request may still be on its way is looked for once more when all else is gone.
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
        // The pods of workloads that stay bear the label until these have replaced them.
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

/// What became of a component's objects so far.
#[derive(Default)]
pub(super) struct Round {
    /// Whether anything of it was there.
    pub(super) there: bool,
    /// Those that stay, since they were not made by us.
    pub(super) others: Vec<ObjectRef>,
    left: Vec<Going>,
    pub(super) errors: Vec<KillError>,
}

/// What the API server answers about an object, if it does.
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
