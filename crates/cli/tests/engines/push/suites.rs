//! The suites of the tests with a registry and a cluster that is not ours.

/// kind's configuration of the cluster that is not ours: its containerd speaks HTTP to the registry.
pub(super) const KIND: &str = "\
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
nodes:
  - role: control-plane
    extraMounts: [{hostPath: CERTS, containerPath: /etc/containerd/certs.d}]
containerdConfigPatches:
  - |
    [plugins.\"io.containerd.grpc.v1.cri\".registry]
      config_path = \"/etc/containerd/certs.d\"
";

/// The suite by which that cluster is made.
pub(super) const OUTER: &str = "\
suite: outer
namespace: outer
cluster: {config: kind.yaml, name: engines-push}
components:
  - name: nothing
    manifests: [{inline: '{apiVersion: v1, kind: ConfigMap, metadata: {name: nothing}}'}]
";

/// A suite in that cluster.
pub(super) const GUEST: &str = "\
suite: guest
namespace: 'NAMESPACE'
deadline: 60s
cluster: {provider: existing, context: CONTEXT, name: guest, push: 'REGISTRY/e2e', pullSecrets: true}
components:
  - name: api
    images: [{name: tests/registry, recipe: image}]
    ports: [{name: http, node: 30080}]
    checks: [{port: http, path: /v2/}]
    manifests: [app.yaml]
";

/// What it deploys.
pub(super) const APP: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: api}
spec:
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: api, image: tests/registry, command: [perl, /registry.pl]}]
---
apiVersion: v1
kind: Service
metadata: {name: api}
spec:
  type: NodePort
  selector: {app: api}
  ports: [{name: http, port: 80, targetPort: 5000, nodePort: 30080}]
";

/// An object of the cluster's scope.
pub(super) const ROLE: &str = "
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: guest}, rules: []}
";
