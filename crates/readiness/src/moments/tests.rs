use serde_json::{Value, json};

use super::*;

const BEGAN: &str = "2026-01-01T00:00:10Z";

struct Stage {
    moments: Moments,
    world: World,
    began: (Instant, Timestamp),
}

impl Stage {
    fn new() -> Stage {
        let began: Timestamp = BEGAN.parse().unwrap();
        Stage { moments: Moments::new(began), world: World::default(), began: (Instant::now(), began) }
    }

    /// Receives an object that many milliseconds after the beginning.
    fn receive(&mut self, after: u64, is_old: bool, object: Value) {
        let (instant, wall) = self.began;
        let after = Duration::from_millis(after);
        let now = (instant + after, wall + after);
        let view = View::new(object);
        self.moments.observe(&view, is_old, &self.world, now);
        self.world.put(view);
    }

    /// Returns the moments since the last call: kind, object, container, milliseconds.
    fn seen(&mut self) -> Vec<(MomentKind, String, Option<String>, u128)> {
        let began = self.began.0.into_std();
        let all = self.moments.take(|_| Some("app".into())).into_iter();
        all.map(|(_, it)| (it.kind, it.object, it.container, it.at.duration_since(began).as_millis())).collect()
    }
}

fn event(reason: &str, uid: &str, time: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Event", "metadata": {"name": format!("{reason}.{uid}"), "namespace": "shop"},
        "reason": reason, "type": "Normal", "lastTimestamp": time,
        "involvedObject": {"kind": "Pod", "name": "app-0", "namespace": "shop", "uid": uid, "fieldPath": "spec.containers{app}"},
    })
}

fn pod(uid: &str, status: Value) -> Value {
    let probe = json!({"initialDelaySeconds": 5, "periodSeconds": 3});
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "app-0", "namespace": "shop", "uid": uid},
        "spec": {"containers": [{"name": "app", "readinessProbe": probe}]}, "status": status,
    })
}

fn slice(pod: &str) -> Value {
    json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {"name": "app-x", "namespace": "shop", "uid": "s", "labels": {"kubernetes.io/service-name": "web"}},
        "endpoints": [{"conditions": {"ready": true}, "targetRef": {"uid": pod}}],
    })
}

#[test]
fn each_moment_of_a_pod_is_seen_once_and_when_it_was_received() {
    let mut stage = Stage::new();
    let app = Some("app".to_owned());
    stage.receive(50, false, pod("u", json!({"conditions": [{"type": "PodScheduled", "status": "True"}]})));
    stage.receive(300, false, event("Created", "u", "2026-01-01T00:00:10Z"));
    stage.receive(400, false, event("Started", "u", "2026-01-01T00:00:10Z"));
    stage.receive(700, false, event("Started", "u", "2026-01-01T00:00:10Z"));
    let ready = json!({"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:12Z"});
    stage.receive(2400, false, pod("u", json!({"conditions": [ready]})));
    let probes: Vec<_> = stage.moments.open.iter().filter_map(|(_, moment)| moment.probe).collect();
    assert_eq!(probes, [ProbeSchedule { initial_delay: 5, period: 3 }]);
    let expected = [
        (MomentKind::Scheduled, "app-0".to_owned(), None, 50),
        (MomentKind::Created, "app-0".to_owned(), app.clone(), 300),
        (MomentKind::Started, "app-0".to_owned(), app, 400),
        (MomentKind::PodReady, "app-0".to_owned(), None, 2400),
    ];
    assert_eq!(stage.seen(), expected);
    assert!(stage.seen().is_empty(), "each is told once");
}

#[test]
fn what_was_there_before_the_watch_is_no_moment_of_this_run() {
    let mut stage = Stage::new();
    stage.receive(20, true, event("Started", "old", "2026-01-01T00:00:03Z"));
    stage.receive(20, true, pod("old", json!({"conditions": [{"type": "Ready", "status": "True"}]})));
    stage.receive(30, false, slice("old"));
    assert!(stage.seen().is_empty());
    // A namespace is watched when its first component is expected: its pods are in the first list.
    stage.receive(1500, true, event("Started", "new", "2026-01-01T00:00:11Z"));
    let [(MomentKind::Started, ..)] = stage.seen()[..] else { panic!("it started during the run") };
    stage.receive(1600, false, slice("new"));
    let [(MomentKind::Endpoint, ref service, ..)] = stage.seen()[..] else { panic!("its pod is of this run") };
    assert_eq!(service, "web");
}

#[test]
fn a_moment_received_late_is_moved_back_to_what_the_object_says() {
    let mut stage = Stage::new();
    // Both clocks differ by 60 s: what was received at once says so.
    stage.receive(100, false, event("Created", "u", "2025-12-31T23:59:10Z"));
    stage.receive(7300, false, event("Started", "u", "2025-12-31T23:59:12Z"));
    let times: Vec<_> = stage.seen().into_iter().map(|(.., at)| at).collect();
    // Written in whole seconds: it was after 2.1 s, and before 3.1 s.
    assert_eq!(times, [100, 3100]);
}

#[test]
fn every_restart_is_a_moment() {
    let mut stage = Stage::new();
    for (at, restarts) in [(1000, 1), (1100, 1), (3000, 2)] {
        stage.receive(at, false, pod("u", json!({"containerStatuses": [{"name": "app", "restartCount": restarts}]})));
    }
    let seen: Vec<_> = stage.seen().into_iter().map(|(kind, .., at)| (kind, at)).collect();
    assert_eq!(seen, [(MomentKind::Restarted, 1000), (MomentKind::Restarted, 3000)]);
}

#[test]
fn moments_wait_until_their_component_is_known_and_are_bounded() {
    let mut stage = Stage::new();
    for pod in 0..OPEN + 10 {
        stage.receive(1, false, event("Started", &pod.to_string(), BEGAN));
    }
    assert!(stage.moments.take(|_| None).is_empty());
    assert_eq!(stage.seen().len(), OPEN);
}
