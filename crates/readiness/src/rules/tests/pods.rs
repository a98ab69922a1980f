use super::*;

fn pod(spec: &str, status: &str, world: &str) -> String {
    format!(
        "- {{apiVersion: v1, kind: Pod, metadata: {{name: web, namespace: shop, uid: p}}, spec: {{{spec}}}, status: {{{status}}}}}\n{world}"
    )
}

#[test]
fn phases() {
    let unhealthy = "- {apiVersion: v1, kind: Event, metadata: {name: e}, involvedObject: {uid: p}, reason: Unhealthy, message: 'Readiness probe failed: 503'}";
    check(&[
        ("ready", &pod("", "conditions: [{type: Ready, status: 'True'}]", ""), Is::Ready),
        ("ended well", &pod("restartPolicy: Never", "phase: Succeeded", ""), Is::Ready),
        (
            "ended well, though it should keep running",
            &pod("restartPolicy: Always", "phase: Succeeded", ""),
            Is::Waiting("it should keep running"),
        ),
        (
            "evicted",
            &pod("", "phase: Failed, reason: Evicted, message: low on memory", ""),
            Is::Failing(Cause::Final, "Evicted: low on memory"),
        ),
        (
            "ended badly",
            &pod(
                "restartPolicy: Never",
                "phase: Failed, containerStatuses: [{name: app, state: {terminated: {exitCode: 4}}}]",
                "",
            ),
            Is::Failing(Cause::Final, "container app ended with exit code 4"),
        ),
        (
            "readiness probe",
            &pod("", "containerStatuses: [{name: app, ready: false, state: {running: {}}}]", unhealthy),
            Is::Waiting("is running, not ready yet: Readiness probe failed: 503"),
        ),
        (
            "readiness gate",
            &pod(
                "",
                "conditions: [{type: Ready, status: 'False', reason: ReadinessGatesNotReady, message: gate}], containerStatuses: [{name: app, ready: true, state: {running: {}}}]",
                "",
            ),
            Is::Waiting("ReadinessGatesNotReady: gate"),
        ),
        ("nothing known", &pod("", "", ""), Is::Waiting("not scheduled yet")),
        ("on its node", &pod("nodeName: n1", "", ""), Is::Waiting("starting on node n1")),
    ]);
}

#[test]
fn containers_that_complete() {
    let copied = "containerStatuses: [{name: copy, state: {terminated: {exitCode: 0, reason: Completed}}}, {name: serve, state: {running: {}}}]";
    let judged = |policy: &str| pod(&format!("nodeName: n1, restartPolicy: {policy}"), copied, "");
    check(&[
        ("it may", &judged("OnFailure"), Is::Waiting("container serve is running, not ready yet")),
        ("it may, and is never restarted", &judged("Never"), Is::Waiting("container serve is running, not ready yet")),
        ("it must keep running", &judged("Always"), Is::Waiting("container copy is not running after exit code 0")),
    ]);
}

#[test]
fn sidecars() {
    let beside = |proxy: &str| {
        pod(
            "initContainers: [{name: migrate}, {name: proxy, restartPolicy: Always}]",
            &format!(
                "initContainerStatuses: [{{name: migrate, state: {{terminated: {{exitCode: 0}}}}}}, {{name: proxy, {proxy}}}], \
                 containerStatuses: [{{name: app, state: {{waiting: {{reason: PodInitializing}}}}}}]"
            ),
            "",
        )
    };
    check(&[
        ("started", &beside("started: true, state: {running: {}}"), Is::Waiting("container app: PodInitializing")),
        (
            "running, but not started",
            &beside("started: false, state: {running: {}}"),
            Is::Waiting("init container proxy is running"),
        ),
        (
            "not running yet",
            &beside("state: {waiting: {reason: PodInitializing}}"),
            Is::Waiting("init container proxy: PodInitializing"),
        ),
        (
            "ended, though with success",
            &beside("state: {terminated: {exitCode: 0}}"),
            Is::Waiting("init container proxy is not running"),
        ),
    ]);
}

#[test]
fn scheduling() {
    let unschedulable = |message: &str| {
        format!("conditions: [{{type: PodScheduled, status: 'False', reason: Unschedulable, message: '{message}'}}]")
    };
    let node = |ready: &str| {
        format!(
            "- {{apiVersion: v1, kind: Node, metadata: {{name: n1}}, status: {{conditions: [{{type: Ready, status: '{ready}'}}]}}}}"
        )
    };
    let memory = unschedulable("0/1 nodes are available: 1 Insufficient memory.");
    check(&[
        ("memory", &pod("", &memory, &node("True")), Is::Failing(Cause::Unschedulable, "Insufficient memory")),
        ("the node is still starting", &pod("", &memory, &node("False")), Is::Waiting("node/n1 is not ready yet")),
        (
            "on a node already, though its condition is old",
            &pod("nodeName: n1", &memory, &node("True")),
            Is::Waiting("it is starting on node n1"),
        ),
        (
            "as its taint says",
            &pod("", &unschedulable("1 node(s) had untolerated taint {node.kubernetes.io/not-ready: }"), ""),
            Is::Waiting("not-ready"),
        ),
        (
            "a taint",
            &pod("", &unschedulable("1 node(s) had untolerated taint {gpu: only}"), ""),
            Is::Failing(Cause::Unschedulable, "gpu"),
        ),
        (
            "no claim",
            &pod("", &unschedulable("persistentvolumeclaim \"data\" not found"), ""),
            Is::Failing(Cause::Unschedulable, "data"),
        ),
        (
            "claim not bound",
            &pod("", &unschedulable("pod has unbound immediate PersistentVolumeClaims"), ""),
            Is::Waiting("unbound immediate"),
        ),
        (
            "gated",
            &pod("", "conditions: [{type: PodScheduled, status: 'False', reason: SchedulingGated}]", ""),
            Is::Waiting("SchedulingGated"),
        ),
    ]);
}

/// Returns a pod on node n1.
fn holder(metadata: &str, spec: &str, status: &str) -> String {
    format!(
        "- {{apiVersion: v1, kind: Pod, metadata: {{name: holder, namespace: shop, uid: h{metadata}}}, spec: {{nodeName: n1{spec}}}, status: {{{status}}}}}\n"
    )
}

#[test]
fn what_other_pods_hold_may_become_free() {
    let lacks = |what: &str| {
        let message = format!("0/1 nodes are available: {what}.");
        format!("conditions: [{{type: PodScheduled, status: 'False', reason: Unschedulable, message: '{message}'}}]")
    };
    let lacking = |what: &str, world: &str| pod("", &lacks(what), world);
    let ports = "1 node(s) did not have free ports for the requested pod ports";
    let going = holder(", deletionTimestamp: x", "", "phase: Running");
    let job = |phase: &str| holder("", ", restartPolicy: Never", &format!("phase: {phase}"));
    let rollout = |new_pod: &str| {
        holder(", ownerReferences: [{uid: r1}]", ", restartPolicy: Always", "phase: Running")
            + "- {apiVersion: apps/v1, kind: Deployment, metadata: {name: d, namespace: shop, uid: d, annotations: {deployment.kubernetes.io/revision: '2'}}}\n"
            + "- {apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: d-1, namespace: shop, uid: r1, ownerReferences: [{uid: d}], annotations: {deployment.kubernetes.io/revision: '1'}}}\n"
            + "- {apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: d-2, namespace: shop, uid: r2, ownerReferences: [{uid: d}], annotations: {deployment.kubernetes.io/revision: '2'}}}\n"
            + &format!(
                "- {{apiVersion: v1, kind: Pod, metadata: {{name: d-2-a, namespace: shop, uid: p2, ownerReferences: [{{uid: r2}}]}}, spec: {{{new_pod}}}}}"
            )
    };
    let of = |set: &str| {
        let bare = "\n- {apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: bare, namespace: shop, uid: r9}}";
        rollout("nodeName: n1").replace("[{uid: r1}]", &format!("[{{uid: {set}}}]")) + bare
    };
    let failing = |what| Is::Failing(Cause::Unschedulable, what);
    check(&[
        (
            "memory of a pod that is being deleted",
            &lacking("1 Insufficient memory", &going),
            Is::Waiting("pod/holder is being deleted"),
        ),
        ("its port", &lacking(ports, &going), Is::Waiting("pod/holder is being deleted")),
        ("a label it cannot give", &lacking("1 node(s) did not match Pod node selector", &going), failing("selector")),
        (
            "cpu of a job's pod",
            &lacking("1 Insufficient cpu", &job("Running")),
            Is::Waiting("will make room when it has completed"),
        ),
        ("of one that has ended", &lacking("1 Insufficient cpu", &job("Succeeded")), failing("Insufficient cpu")),
        (
            "of one that stays",
            &lacking("1 Insufficient cpu", &holder("", ", restartPolicy: Always", "phase: Running")),
            failing("Insufficient cpu"),
        ),
        (
            "a port that a rollout frees",
            &lacking(ports, &rollout("nodeName: n1")),
            Is::Waiting("pod/holder is replaced by a rollout"),
        ),
        ("a rollout that waits itself", &lacking(ports, &rollout("")), failing("free ports")),
        ("a pod that the rollout has made", &lacking(ports, &of("r2")), failing("free ports")),
        ("a pod of no rollout, beside one", &lacking(ports, &of("r9")), failing("free ports")),
    ]);
}
