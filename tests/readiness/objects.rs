//! A Deployment with its ReplicaSet, pod and Service, as YAML.

/// A Deployment named `name` with `ready` of one replica.
pub(crate) fn deployment(name: &str, ready: u8) -> String {
    format!(
        "- {{apiVersion: apps/v1, kind: Deployment, metadata: {{name: {name}, namespace: shop, uid: d-{name}, generation: 1}}, \
         status: {{observedGeneration: 1, replicas: 1, updatedReplicas: 1, readyReplicas: {ready}, availableReplicas: {ready}}}}}\n"
    )
}

/// The ReplicaSet and the pod of that Deployment; the pod has this status.
pub(crate) fn pod(name: &str, status: &str) -> String {
    format!(
        "- {{apiVersion: apps/v1, kind: ReplicaSet, metadata: {{name: {name}-1, namespace: shop, uid: r-{name}, ownerReferences: [{}]}}}}\n\
         - {{apiVersion: v1, kind: Pod, metadata: {{name: {name}-1-a, namespace: shop, uid: p-{name}, labels: {{app: {name}}}, \
         ownerReferences: [{}]}}, status: {{{status}}}}}\n",
        owner("ReplicaSet", &format!("d-{name}")),
        owner("Pod", &format!("r-{name}")),
    )
}

fn owner(kind: &str, uid: &str) -> String {
    format!("{{apiVersion: v1, kind: {kind}, name: owner, uid: {uid}}}")
}

/// A Service for the Deployment's pods.
pub(crate) fn service(name: &str) -> String {
    format!(
        "- {{apiVersion: v1, kind: Service, metadata: {{name: {name}, namespace: shop, uid: s-{name}}}, \
         spec: {{selector: {{app: {name}}}, ports: [{{name: http, port: 80}}]}}}}\n"
    )
}

/// Its endpoints: one, ready or not.
pub(crate) fn endpoints(name: &str, ready: bool) -> String {
    format!(
        "- {{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {{name: {name}-x, namespace: shop, uid: e-{name}, \
         labels: {{kubernetes.io/service-name: {name}}}}}, addressType: IPv4, ports: [{{name: http, port: 80}}], \
         endpoints: [{{addresses: [10.0.0.1], conditions: {{ready: {ready}}}}}]}}\n"
    )
}

/// The status of a pod whose container waits for this reason.
pub(crate) fn waits(reason: &str, message: &str) -> String {
    format!(
        "containerStatuses: [{{name: app, image: img, restartCount: 0, ready: false, state: {{waiting: {{reason: {reason}, message: '{message}'}}}}}}]"
    )
}

/// The status of a pod whose container has crashed that often.
pub(crate) fn crashes(restarts: u8) -> String {
    format!(
        "containerStatuses: [{{name: app, image: img, restartCount: {restarts}, ready: false, \
         state: {{waiting: {{reason: CrashLoopBackOff}}}}, lastState: {{terminated: {{exitCode: 7, reason: Error}}}}}}]"
    )
}
