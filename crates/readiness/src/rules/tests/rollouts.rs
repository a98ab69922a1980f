//! Rollouts: which of a workload's pods count, and which of their problems is told.

use super::*;

/// Returns a Deployment for two replicas, one of which is ready, with this condition.
fn deployment(spec: &str, condition: &str, world: &str) -> String {
    format!(
        "- {{apiVersion: apps/v1, kind: Deployment, metadata: {{name: web, namespace: shop, uid: d, generation: 1}}, spec: {{replicas: 2{spec}}}, \
         status: {{observedGeneration: 1, replicas: 2, updatedReplicas: 2, readyReplicas: 1, availableReplicas: 1, conditions: [{condition}]}}}}\n{world}"
    )
}

#[test]
fn deployments_that_go_on() {
    let unsure = "{type: Progressing, status: 'False', reason: ReplicaSetCreateError}";
    assert_eq!(told(&deployment("", "", "")), "1 of 2 replicas ready");
    assert_eq!(
        told(&deployment(", paused: true", "", "")),
        "1 of 2 replicas ready; its rollout is paused (spec.paused)"
    );
    assert_eq!(told(&deployment("", unsure, "")), "1 of 2 replicas ready", "only a passed deadline is final");
    let surplus =
        deployment("", "", "").replace("replicas: 2}, ", "replicas: 1}, ").replace("Replicas: 1", "Replicas: 2");
    assert_eq!(told(&surplus), "1 surplus replicas are still there");
}

/// Returns a pod that its set `of` owns, with this container.
fn pod(name: &str, of: &str, labels: &str, container: &str) -> String {
    format!(
        "- {{apiVersion: v1, kind: Pod, metadata: {{name: {name}, namespace: shop, uid: {name}, labels: {{{labels}}}, ownerReferences: [{{uid: {of}}}]}}, \
         status: {{containerStatuses: [{{name: app, image: 'shop/web:1', {container}}}]}}}}\n"
    )
}

const CREATING: &str = "state: {waiting: {reason: ContainerCreating}}";
const PULLING: &str = "state: {waiting: {reason: ErrImagePull, message: i/o timeout}}";
const NO_IMAGE: &str = "state: {waiting: {reason: ErrImageNeverPull}}";
const NO_NAME: &str = "state: {waiting: {reason: InvalidImageName}}";

#[test]
fn of_several_pods_the_one_is_told_that_fails_first() {
    let set = "- {apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: web-1, namespace: shop, uid: r, ownerReferences: [{uid: d}]}}\n";
    let with = |a: &str, b: &str| deployment("", "", &[set, &pod("a", "r", "", a), &pod("b", "r", "", b)].concat());
    check(&[
        (
            "the first that waits",
            &with(CREATING, "state: {running: {}}"),
            Is::Waiting("pod/a: container app: Container"),
        ),
        ("a failure, not a wait", &with(CREATING, PULLING), Is::Failing(Cause::ImageNetwork, "cannot be pulled")),
        ("the sooner failure", &with(PULLING, NO_IMAGE), Is::Failing(Cause::Final, "imagePullPolicy is Never")),
        ("not the later one", &with(NO_IMAGE, PULLING), Is::Failing(Cause::Final, "imagePullPolicy is Never")),
        ("of equals, the first", &with(NO_IMAGE, NO_NAME), Is::Failing(Cause::Final, "imagePullPolicy is Never")),
    ]);
}

#[test]
fn pods_of_a_daemon_set() {
    let daemon = |spec: &str, updated: u8, world: &[String]| {
        format!(
            "- {{apiVersion: apps/v1, kind: DaemonSet, metadata: {{name: agent, namespace: shop, uid: s, generation: 1}}, spec: {{{spec}}}, \
             status: {{observedGeneration: 1, desiredNumberScheduled: 2, currentNumberScheduled: 2, updatedNumberScheduled: {updated}, numberReady: 0}}}}\n{}",
            world.concat()
        )
    };
    let of = |template: u8, container: &str| {
        pod(&format!("agent-{template}"), "s", &format!("pod-template-generation: '{template}'"), container)
    };
    let by_hand = "updateStrategy: {type: OnDelete}";
    check(&[
        (
            "a new pod's fault is its own",
            &daemon("", 1, &[of(1, CREATING), of(2, NO_IMAGE)]),
            Is::Failing(Cause::Final, "imagePullPolicy is Never"),
        ),
        (
            "an old pod's fault is not, as it is being replaced",
            &daemon("", 1, &[of(1, NO_IMAGE), of(2, CREATING)]),
            Is::Waiting("1 of 2 pods updated: pod/agent-2: container app: ContainerCreating"),
        ),
        ("no pod is new yet", &daemon("", 0, &[of(1, NO_IMAGE)]), Is::Waiting("0 of 2 pods updated")),
        (
            "old pods stay where they are replaced by hand",
            &daemon(by_hand, 0, &[of(1, NO_IMAGE), of(2, CREATING)]),
            Is::Failing(Cause::Final, "imagePullPolicy is Never"),
        ),
        (
            "pods that do not tell their template",
            &daemon("", 0, &[pod("agent-a", "s", "", NO_IMAGE)]),
            Is::Failing(Cause::Final, "imagePullPolicy is Never"),
        ),
    ]);
}
