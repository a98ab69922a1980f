//! Moments in the start of pods, as their watch shows them.
//!
//! Kubernetes writes most of its times in whole seconds. The time at which the watch received a change is more exact,
//! and late only when the watch was interrupted: then the object's own time limits it.

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::view::{Key, Lenient, View};
use super::world::World;

/// Maximum number of moments whose component is not known yet.
const OPEN: usize = 1024;
/// Times in objects are truncated to this.
const RESOLUTION: f64 = 1.0;

/// A kind of moment in the start of a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum MomentKind {
    /// The scheduler assigned the pod to a node.
    Scheduled,
    /// The image of a container was on the node: pulled, or there already.
    Pulled,
    /// A container was created.
    Created,
    /// A container was started for the first time.
    Started,
    /// A probe of a container failed for the first time.
    ProbeFailed,
    /// A container was started again.
    Restarted,
    /// The pod was ready.
    PodReady,
    /// A Service of the component had a ready endpoint.
    Endpoint,
}

/// A moment in the start of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Moment {
    /// Its kind.
    pub kind: MomentKind,
    /// The name of the pod, or of the Service.
    pub object: String,
    /// The container, if it is about one.
    pub container: Option<String>,
    /// When it was.
    pub at: std::time::Instant,
    /// When the container is started: the schedule of its readiness probe, if it has one.
    pub probe: Option<ProbeSchedule>,
}

/// When the kubelet runs a readiness probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ProbeSchedule {
    /// Seconds from the start of the container to the first probe.
    pub initial_delay: u32,
    /// Seconds between two probes.
    pub period: u32,
}

/// The moments seen until now.
#[derive(Debug)]
pub(crate) struct Moments {
    began: Timestamp,
    /// What has been seen: uid, kind and container.
    known: HashSet<(String, MomentKind, String)>,
    /// The uids of the pods that were scheduled, started or ready during this run.
    pods: HashSet<String>,
    open: Vec<(Key, Moment)>,
    /// The smallest difference so far between the time at which something was received and the time in it, in seconds.
    lead: f64,
}

/// What a moment is about.
struct Subject<'a> {
    key: Key,
    uid: &'a str,
    container: Option<&'a str>,
}

impl Moments {
    pub(crate) fn new(began: Timestamp) -> Moments {
        Moments { began, known: HashSet::new(), pods: HashSet::new(), open: Vec::new(), lead: f64::MAX }
    }

    /// Keeps the moments that `view`, received at `now`, shows. `is_old` tells that it was there before the watch: what
    /// lacks a time is older than the run then.
    pub(crate) fn observe(&mut self, view: &View, is_old: bool, world: &World, now: (Instant, Timestamp)) {
        match view.object.kind.as_str() {
            "Event" => self.event(&view.json, is_old, world, now),
            "Pod" => self.pod(view, is_old, now),
            "EndpointSlice" => self.slice(view, is_old, now),
            _ => {}
        }
    }

    /// Returns the moments whose component is known by now, each with that component; `component_of` returns that of a
    /// pod or Service. The others are kept.
    pub(crate) fn take(&mut self, component_of: impl Fn(&Key) -> Option<String>) -> Vec<(String, Moment)> {
        let mut found = Vec::new();
        for (key, moment) in std::mem::take(&mut self.open) {
            match component_of(&key) {
                Some(component) => found.push((component, moment)),
                None => self.open.push((key, moment)),
            }
        }
        let surplus = self.open.len().saturating_sub(OPEN);
        self.open.drain(..surplus);
        found
    }

    fn event(&mut self, event: &serde_json::Value, is_old: bool, world: &World, now: (Instant, Timestamp)) {
        let kind = match event.text("/reason") {
            Some("Scheduled") => MomentKind::Scheduled,
            Some("Pulled") => MomentKind::Pulled,
            Some("Created") => MomentKind::Created,
            Some("Started") => MomentKind::Started,
            Some("Unhealthy") => MomentKind::ProbeFailed,
            _ => return,
        };
        let (Some("Pod"), Some(name), Some(uid)) =
            (event.text("/involvedObject/kind"), event.text("/involvedObject/name"), event.text("/involvedObject/uid"))
        else {
            return;
        };
        let namespace = event.text("/involvedObject/namespace").unwrap_or_default();
        let key = Key { group: String::new(), kind: "Pod".into(), namespace: namespace.into(), name: name.into() };
        let container = event.text("/involvedObject/fieldPath").and_then(container_of);
        let probe = container.filter(|_| kind == MomentKind::Started).and_then(|container| {
            let pod = world.get(&key)?;
            let mut containers = pod.json.list("/spec/containers").iter();
            probe_of(containers.find(|it| it.text("/name") == Some(container))?)
        });
        let time = event.text("/eventTime").or_else(|| event.text("/lastTimestamp"));
        self.add(kind, &Subject { key, uid, container }, time, is_old, probe, now);
    }

    fn pod(&mut self, pod: &View, is_old: bool, now: (Instant, Timestamp)) {
        let of = |container| Subject { key: pod.key(), uid: &pod.uid, container };
        for condition in pod.json.list("/status/conditions") {
            let kind = match condition.text("/type") {
                Some("PodScheduled") => MomentKind::Scheduled,
                Some("Ready") => MomentKind::PodReady,
                _ => continue,
            };
            if condition.text("/status") == Some("True") {
                self.add(kind, &of(None), condition.text("/lastTransitionTime"), is_old, None, now);
            }
        }
        for status in pod.json.list("/status/containerStatuses") {
            let (Some(name), Some(restarts @ 1..)) = (status.text("/name"), status.int("/restartCount")) else {
                continue;
            };
            // Each restart is a moment of its own.
            let subject = Subject { uid: &format!("{} {restarts}", pod.uid), ..of(Some(name)) };
            self.add(MomentKind::Restarted, &subject, status.text("/state/running/startedAt"), is_old, None, now);
        }
    }

    /// A Service has an endpoint once one of its pods that started during this run is ready in it.
    fn slice(&mut self, slice: &View, is_old: bool, now: (Instant, Timestamp)) {
        let Some(service) = super::world::service_of(slice) else { return };
        let is_ours = |uid: &str| self.pods.contains(uid);
        let is_ready = |endpoint: &&serde_json::Value| {
            endpoint.flag("/conditions/ready") && endpoint.text("/targetRef/uid").is_some_and(is_ours)
        };
        if slice.json.list("/endpoints").iter().any(|endpoint| is_ready(&endpoint)) {
            let (namespace, name) = service;
            let key = Key { group: String::new(), kind: "Service".into(), namespace, name };
            self.add(MomentKind::Endpoint, &Subject { key, uid: &slice.uid, container: None }, None, is_old, None, now);
        }
    }

    fn add(
        &mut self,
        kind: MomentKind,
        subject: &Subject<'_>,
        time: Option<&str>,
        is_old: bool,
        probe: Option<ProbeSchedule>,
        (now, wall): (Instant, Timestamp),
    ) {
        let time = time.and_then(|time| time.parse::<Timestamp>().ok());
        let container = subject.container.map(str::to_owned);
        let id = (subject.uid.to_owned(), kind, container.clone().unwrap_or_default());
        let before = |time: Timestamp| time < self.began;
        if is_old && time.is_none_or(before) || !self.known.insert(id) {
            return;
        }
        if subject.key.kind == "Pod" && kind != MomentKind::Restarted {
            self.pods.insert(subject.uid.to_owned());
        }
        let late = time.map(|time| self.late(time, wall)).unwrap_or_default();
        let at = now.into_std().checked_sub(late).unwrap_or_else(|| now.into_std());
        self.open.push((subject.key.clone(), Moment { kind, object: subject.key.name.clone(), container, at, probe }));
    }

    /// Returns how long after it happened something of this time was received, at least. The difference of both clocks
    /// is not known: the smallest one seen is taken for it.
    fn late(&mut self, time: Timestamp, received: Timestamp) -> Duration {
        let difference = received.duration_since(time).as_secs_f64();
        self.lead = self.lead.min(difference);
        Duration::try_from_secs_f64(difference - self.lead - RESOLUTION).unwrap_or_default()
    }
}

/// Returns the container of a path such as `spec.containers{app}`.
fn container_of(path: &str) -> Option<&str> {
    path.strip_prefix("spec.containers{")?.strip_suffix('}')
}

fn probe_of(container: &serde_json::Value) -> Option<ProbeSchedule> {
    let probe = container.get("readinessProbe")?;
    let number = |at: &str| probe.int(at).and_then(|number| u32::try_from(number).ok());
    // The API server's default of the period is 10 s.
    Some(ProbeSchedule {
        initial_delay: number("/initialDelaySeconds").unwrap_or(0),
        period: number("/periodSeconds").unwrap_or(10),
    })
}

#[cfg(test)]
mod tests;
