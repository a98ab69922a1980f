use super::*;

/// Returns a Deployment at generation 2 with this status, followed by `world`.
fn deployment(status: &str, world: &str) -> String {
    format!(
        "- {{apiVersion: apps/v1, kind: Deployment, metadata: {{name: web, namespace: shop, uid: d, generation: 2, \
         annotations: {{deployment.kubernetes.io/revision: '2'}}}}, spec: {{replicas: 2}}, status: {{{status}}}}}\n{world}"
    )
}

const BEHIND: &str = "observedGeneration: 2, replicas: 2, updatedReplicas: 2, readyReplicas: 1, availableReplicas: 1";
const OLD_SET: &str = "
- {apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: web-1, namespace: shop, uid: r1, annotations: {deployment.kubernetes.io/revision: '1'}, ownerReferences: [{uid: d}]}}
- {apiVersion: v1, kind: Pod, metadata: {name: web-1-a, namespace: shop, uid: p1, ownerReferences: [{uid: r1}]},
   status: {containerStatuses: [{name: app, restartCount: 7, state: {waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: {exitCode: 1}}}]}}";
const NEW_SET: &str = "
- {apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: web-2, namespace: shop, uid: r2, annotations: {deployment.kubernetes.io/revision: '2'}, ownerReferences: [{uid: d}]}}
- {apiVersion: v1, kind: Pod, metadata: {name: web-2-a, namespace: shop, uid: p2, ownerReferences: [{uid: r2}]},
   status: {containerStatuses: [{name: app, image: web:2, state: {waiting: {reason: ErrImageNeverPull}}}]}}";
const EVICTED: &str = "
- {apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: web-2, namespace: shop, uid: r2, annotations: {deployment.kubernetes.io/revision: '2'}, ownerReferences: [{uid: d}]}}
- {apiVersion: v1, kind: Pod, metadata: {name: web-2-a, namespace: shop, uid: p2, ownerReferences: [{uid: r2}]}, status: {phase: Failed, reason: Evicted}}
- {apiVersion: v1, kind: Pod, metadata: {name: web-2-b, namespace: shop, uid: p3, ownerReferences: [{uid: r2}]}, status: {containerStatuses: [{name: app, state: {waiting: {reason: ContainerCreating}}}]}}";

#[test]
fn deployments() {
    let ok = "observedGeneration: 2, replicas: 2, updatedReplicas: 2, readyReplicas: 2, availableReplicas: 2";
    check(&[
        ("all there", &deployment(ok, ""), Is::Ready),
        (
            "numbers as text",
            &deployment(
                "observedGeneration: '2', replicas: '2', updatedReplicas: '2', readyReplicas: '2', availableReplicas: '2'",
                "",
            ),
            Is::Ready,
        ),
        (
            "generation behind",
            &deployment(&ok.replace("observedGeneration: 2", "observedGeneration: 1"), ""),
            Is::Waiting("at generation 1, not yet at 2"),
        ),
        ("no status", &deployment("", ""), Is::Waiting("has not looked at it")),
        (
            "not available",
            &deployment(&format!("{ok}, conditions: [{{type: Available, status: 'False', message: too few}}]"), ""),
            Is::Waiting("too few"),
        ),
        (
            "old replicas",
            &deployment(&ok.replace(" replicas: 2", " replicas: 3"), ""),
            Is::Waiting("1 old replicas are still there"),
        ),
        ("behind", &deployment(BEHIND, ""), Is::Waiting("1 of 2 replicas ready")),
        (
            "a new pod's fault is its own",
            &deployment(BEHIND, NEW_SET),
            Is::Failing(Cause::Final, "imagePullPolicy is Never"),
        ),
        ("an old pod's fault is not", &deployment(BEHIND, OLD_SET), Is::Waiting("1 of 2 replicas ready")),
        (
            "an eviction is not",
            &deployment(BEHIND, EVICTED),
            Is::Waiting("pod/web-2-b: container app: ContainerCreating"),
        ),
        (
            "no progress",
            &deployment(
                &format!(
                    "{BEHIND}, conditions: [{{type: Progressing, status: 'False', reason: ProgressDeadlineExceeded, message: timed out}}]"
                ),
                EVICTED,
            ),
            Is::Failing(Cause::Final, "ProgressDeadlineExceeded: timed out; 1 of 2 replicas ready: pod/web-2-b"),
        ),
        (
            "quota",
            &deployment(
                &format!(
                    "{BEHIND}, conditions: [{{type: ReplicaFailure, status: 'True', reason: FailedCreate, message: 'exceeded quota: q'}}]"
                ),
                "",
            ),
            Is::Failing(Cause::PodCreation, "exceeded quota"),
        ),
        (
            "paused",
            &deployment(BEHIND, "").replace("replicas: 2}, status", "replicas: 2, paused: true}, status"),
            Is::Waiting("its rollout is paused"),
        ),
        (
            "deleted",
            "- {apiVersion: apps/v1, kind: Deployment, metadata: {name: web, deletionTimestamp: '2026-01-01T00:00:00Z'}}",
            Is::Waiting("being deleted"),
        ),
        (
            "none wanted",
            "- {apiVersion: apps/v1, kind: Deployment, metadata: {name: web, generation: 1}, spec: {replicas: 0}, status: {observedGeneration: 1}}",
            Is::Ready,
        ),
    ]);
}

fn stateful(spec: &str, status: &str, world: &str) -> String {
    format!(
        "- {{apiVersion: apps/v1, kind: StatefulSet, metadata: {{name: db, namespace: shop, uid: s, generation: 1}}, \
         spec: {{{spec}}}, status: {{observedGeneration: 1, {status}}}}}\n{world}"
    )
}

#[test]
fn stateful_sets() {
    let crash = |hash: &str| {
        format!(
            "- {{apiVersion: v1, kind: Pod, metadata: {{name: db-0, uid: p, namespace: shop, labels: {{controller-revision-hash: {hash}}}, \
             ownerReferences: [{{uid: s}}]}}, status: {{containerStatuses: [{{name: app, restartCount: 4, state: {{waiting: {{reason: CrashLoopBackOff}}}}, \
             lastState: {{terminated: {{exitCode: 2}}}}}}]}}}}"
        )
    };
    let rolling = "replicas: 1, readyReplicas: 0, currentRevision: a, updateRevision: b";
    check(&[
        (
            "one by default",
            &stateful("", "replicas: 1, readyReplicas: 1, currentRevision: a, updateRevision: a", ""),
            Is::Ready,
        ),
        (
            "too few",
            &stateful("replicas: 3", "replicas: 2, readyReplicas: 2", ""),
            Is::Waiting("2 of 3 replicas created"),
        ),
        ("surplus", &stateful("replicas: 1", "replicas: 2, readyReplicas: 2", ""), Is::Waiting("1 surplus")),
        (
            "rollout under way",
            &stateful(
                "replicas: 2",
                "replicas: 2, readyReplicas: 2, updatedReplicas: 1, currentRevision: a, updateRevision: b",
                "",
            ),
            Is::Waiting("1 of 2 replicas updated"),
        ),
        (
            "rollout under way, of which no revision tells",
            &stateful("replicas: 2", "replicas: 2, readyReplicas: 2, updatedReplicas: 1", ""),
            Is::Waiting("1 of 2 replicas updated"),
        ),
        (
            "rollout complete, of which no revision tells",
            &stateful("replicas: 2", "replicas: 2, readyReplicas: 2, updatedReplicas: 2", ""),
            Is::Ready,
        ),
        (
            "partition",
            &stateful(
                "replicas: 3, updateStrategy: {rollingUpdate: {partition: 2}}",
                "replicas: 3, readyReplicas: 3, updatedReplicas: 1, currentRevision: a, updateRevision: b",
                "",
            ),
            Is::Ready,
        ),
        (
            "on delete",
            &stateful(
                "replicas: 1, updateStrategy: {type: OnDelete}",
                "replicas: 1, readyReplicas: 1, updatedReplicas: 0, currentRevision: a, updateRevision: b",
                "",
            ),
            Is::Ready,
        ),
        (
            "crash of the new revision",
            &stateful("", rolling, &crash("b")),
            Is::Failing(Cause::Crash, "exit code 2, 4 restarts"),
        ),
        ("crash of the old revision", &stateful("", rolling, &crash("a")), Is::Waiting("of an older revision")),
        (
            "refused",
            &stateful(
                "",
                "replicas: 0",
                "- {apiVersion: v1, kind: Event, metadata: {name: e}, involvedObject: {uid: s}, reason: FailedCreate, message: 'violates PodSecurity'}",
            ),
            Is::Failing(Cause::PodCreation, "violates PodSecurity"),
        ),
    ]);
}

#[test]
fn daemon_sets_and_replica_sets() {
    let daemon = |status: &str| {
        format!(
            "- {{apiVersion: apps/v1, kind: DaemonSet, metadata: {{name: agent, uid: a, generation: 1}}, status: {{observedGeneration: 1, {status}}}}}"
        )
    };
    let ok = "desiredNumberScheduled: 2, currentNumberScheduled: 2, updatedNumberScheduled: 2, numberReady: 2, numberAvailable: 2";
    check(&[
        ("daemon", &daemon(ok), Is::Ready),
        ("daemon unready", &daemon(&ok.replace("numberReady: 2", "numberReady: 1")), Is::Waiting("1 of 2 pods ready")),
        (
            "daemon not updated",
            &daemon(&ok.replace("updatedNumberScheduled: 2", "x: 2")),
            Is::Waiting("0 of 2 pods updated"),
        ),
        (
            "set",
            "- {apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: r}, status: {observedGeneration: 1, replicas: 1, readyReplicas: 1, availableReplicas: 1}}",
            Is::Ready,
        ),
        (
            "set with a surplus",
            "- {apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: r}, status: {replicas: 3, readyReplicas: 3, availableReplicas: 3}}",
            Is::Waiting("2 surplus replicas are still there"),
        ),
        (
            "set not available",
            "- {apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: r}, status: {replicas: 1, readyReplicas: 1}}",
            Is::Waiting("0 of 1 replicas available"),
        ),
        (
            "controller refused",
            "- {apiVersion: v1, kind: ReplicationController, metadata: {name: r}, status: {conditions: [{type: ReplicaFailure, status: 'True', message: refused}]}}",
            Is::Failing(Cause::PodCreation, "pods cannot be created: refused"),
        ),
    ]);
}

#[test]
fn jobs() {
    let job = |status: &str, world: &str| {
        format!(
            "- {{apiVersion: batch/v1, kind: Job, metadata: {{name: seed, namespace: shop, uid: j}}, status: {{{status}}}}}\n{world}"
        )
    };
    let pod = |status: &str| {
        format!(
            "- {{apiVersion: v1, kind: Pod, metadata: {{name: seed-1, namespace: shop, uid: p, ownerReferences: [{{uid: j}}]}}, spec: {{restartPolicy: OnFailure}}, status: {{{status}}}}}"
        )
    };
    let crashing = "containerStatuses: [{name: app, restartCount: 5, state: {waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: {exitCode: 1}}}]";
    let ended = "phase: Failed, containerStatuses: [{name: app, state: {terminated: {exitCode: 3, reason: Error}}}]";
    check(&[
        ("complete", &job("conditions: [{type: Complete, status: 'True'}]", ""), Is::Ready),
        ("merely started", &job("active: 1, ready: 1", ""), Is::Waiting("0 of 1 pods completed")),
        ("crashes are the job's to count", &job("", &pod(crashing)), Is::Waiting("keeps crashing")),
        (
            "an image is not",
            &job(
                "",
                &pod("containerStatuses: [{name: app, image: 'A b', state: {waiting: {reason: InvalidImageName}}}]"),
            ),
            Is::Failing(Cause::Final, "no image name"),
        ),
        (
            "failed, told by its pod",
            &job("conditions: [{type: Failed, status: 'True', reason: BackoffLimitExceeded}]", &pod(ended)),
            Is::Failing(Cause::Final, "the job failed (BackoffLimitExceeded): container app ended with exit code 3"),
        ),
        (
            "failed",
            &job("conditions: [{type: Failed, status: 'True', reason: DeadlineExceeded}]", ""),
            Is::Failing(Cause::Final, "DeadlineExceeded"),
        ),
    ]);
}
