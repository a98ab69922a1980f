#!/bin/bash
# Run in a node: what a cluster has to answer, whichever way it booted. One line for each check, `name: answer`.
# $1: an image that is on the node and has a shell, perl and getent.
set -u
image=$1
name=$(hostname)
k() { timeout 30 kubectl -n checks "$@" 2>&1; }
say() { printf '%s: %s\n' "$1" "$(printf '%s' "$2" | tr '\n' ' ' | sed "s/$name/NODE/g")"; }
# wait_for COMMAND...: until it succeeds, 60 s at least: a pod of the checks takes 30 s to end.
wait_for() {
  local tries
  for tries in $(seq 300); do
    "$@" >/dev/null 2>&1 && return
    sleep 0.2
  done
  echo "still not so: $*" >&2
}
apply() { k apply -f - >/dev/null || echo "apply failed" >&2; }
pod() {
  printf '{apiVersion: v1, kind: Pod, metadata: {name: %s, namespace: checks, labels: {app: %s}}, spec: {terminationGracePeriodSeconds: 0, containers: [{name: c, image: "%s", command: [bash, -c, "%s"]%s}]%s}}\n' \
    "$1" "$1" "$image" "$2" "${3:-}" "${4:-}"
}
serve="perl -MIO::Socket::INET -e 'my \$s = IO::Socket::INET->new(LocalPort => 8080, Listen => 9, ReuseAddr => 1); while (my \$c = \$s->accept) { print \$c qq(HTTP/1.0 200 OK\\\\r\\\\n\\\\r\\\\nhello); close \$c }'"
serve=${serve//\"/\\\"}

# ---- the cluster itself ----
say readyz "$(kubectl get --raw /readyz)"
say livez "$(kubectl get --raw /livez)"
say version "$(kubectl get --raw /version | jq -r .gitVersion)"
wait_for kubectl wait --for=condition=Ready node --all --timeout=1s
say nodes "$(kubectl get nodes -o json | jq -r '.items[] | .metadata.name, (.status.conditions[] | select(.type == "Ready") | .status)')"
say role "$(kubectl get nodes -l node-role.kubernetes.io/control-plane -o name)"
say taints "$(kubectl get nodes -o json | jq -c '[.items[].spec.taints // [] | .[]]')"
say provider-id "$(kubectl get nodes -o json | jq -r '.items[].spec.providerID' | sed "s/${name%-control-plane}/CLUSTER/g")"
say node-address "$([ "$(kubectl get nodes -o json | jq -r '.items[0].status.addresses[] | select(.type == "InternalIP") | .address')" = "$(cat /kind/address)" ] && echo own)"
say pod-cidr "$(kubectl get nodes -o json | jq -r '.items[].spec.podCIDR')"
say namespaces "$(kubectl get namespaces -o json | jq -r '.items[].metadata.name' | grep -v lifecycle | sort)"
static_pods() { [ "$(kubectl -n kube-system get pods -o json | jq '[.items[] | select(.metadata.annotations["kubernetes.io/config.mirror"] and .status.phase == "Running")] | length')" = 4 ]; }
wait_for static_pods
say static-pods "$(kubectl -n kube-system get pods -o json | jq -r '.items[] | select(.metadata.annotations["kubernetes.io/config.mirror"]) | .metadata.name' | sort)"
say old-nodes "$(kubectl -n kube-system get pods -o json | jq -r --arg name "$name" '.items[] | select(.spec.nodeName != $name) | .metadata.name' | wc -l)"
wait_for kubectl -n kube-system rollout status daemonset kube-proxy --timeout=1s
say kube-proxy "$(kubectl -n kube-system get daemonset kube-proxy -o json | jq -c '.status | [.desiredNumberScheduled, .numberReady, .updatedNumberScheduled]')"
wait_for kubectl -n kube-system rollout status deployment coredns --timeout=1s
say coredns "$(kubectl -n kube-system get deployment coredns -o json | jq -c '.status | [.replicas, .readyReplicas, .updatedReplicas]')"
say storage-class "$(kubectl get storageclass -o json | jq -c '.items[] | [.metadata.name, .provisioner, .metadata.annotations["storageclass.kubernetes.io/is-default-class"]]')"
say api-endpoints "$(kubectl get endpointslices kubernetes -o json | jq -c '[.endpoints[].addresses[]]')"
say authority "$(kubectl -n kube-system get configmap kube-root-ca.crt -o json | jq -j '.data["ca.crt"]' | cmp - /etc/kubernetes/pki/ca.crt && echo own)"
own_bundle() { ! kubectl -n kube-system get configmap extension-apiserver-authentication -o json | jq -r '.data["client-ca-file"]' | grep -v -x -F -f /etc/kubernetes/pki/ca.crt | grep -q .; }
wait_for own_bundle
say client-authority "$(own_bundle && echo own)"
fresh_lease() { [ $(($(date +%s) - $(date -d "$(kubectl -n kube-node-lease get lease "$name" -o json | jq -r .spec.renewTime)" +%s))) -lt 15 ]; }
wait_for fresh_lease
say node-lease "$(fresh_lease && echo fresh)"
say certificate "$([ "$(stat -c %Y /etc/kubernetes/pki/ca.key)" -gt $(($(date +%s) - 3600)) ] && echo new)"

configured() { kubectl get --raw "$1" | jq -cS . | sed "s/$(cat /kind/address | sed 's/[.]/[.]/g')/ADDRESS/g; s/${name%-control-plane}/CLUSTER/g"; }
say kubelet-configuration "$(configured "/api/v1/nodes/$name/proxy/configz")"
say kube-proxy-configuration "$(curl -s http://127.0.0.1:10249/configz | jq -cS .)"
say static-pod-commands "$(sed -n 's/^ *- //p' /etc/kubernetes/manifests/*.yaml | grep -e '^--' -e '^kube' -e '^etcd' | sed "s/$(cat /kind/address | sed 's/[.]/[.]/g')/ADDRESS/g; s/${name%-control-plane}/CLUSTER/g" | sort)"

# ---- objects ----
kubectl create namespace checks >/dev/null
wait_for kubectl -n checks get serviceaccount default
say service-account "$(k get serviceaccounts -o name)"
wait_for kubectl -n checks get configmap kube-root-ca.crt
say namespace-authority "$(k get configmap kube-root-ca.crt -o json | jq -j '.data["ca.crt"]' | cmp - /etc/kubernetes/pki/ca.crt && echo own)"
say configmap "$(k create configmap settings --from-literal=a=1 -o name; k get configmap settings -o jsonpath='{.data.a}')"
say secret "$(k create secret generic token --from-literal=t=open -o name; k get secret token -o jsonpath='{.data.t}')"
say apply-conflict "$(k create configmap mine --from-literal=a=1 --field-manager=one >/dev/null; echo '{apiVersion: v1, kind: ConfigMap, metadata: {name: mine, namespace: checks}, data: {a: "2"}}' | k apply --server-side --field-manager=two -f - | grep -c conflict)"

# ---- pods ----
pod plain "echo started; sleep infinity" ", env: [{name: T, valueFrom: {secretKeyRef: {name: token, key: t}}}], volumeMounts: [{name: s, mountPath: /s}, {name: e, mountPath: /e}]" ", volumes: [{name: s, configMap: {name: settings}}, {name: e, emptyDir: {}}]" | apply
wait_for kubectl -n checks wait --for=condition=Ready pod/plain --timeout=1s
say pod "$(k get pod plain -o json | jq -c '.status | [.phase, .containerStatuses[0].ready, .containerStatuses[0].restartCount]')"
say exec "$(k exec plain -- echo hello)"
say logs "$(k logs plain)"
say environment "$(k exec plain -- printenv T)"
say configmap-volume "$(k exec plain -- cat /s/a)"
say empty-dir "$(k exec plain -- bash -c 'echo x > /e/x; cat /e/x')"
say events "$(k get events -o json | jq -r '[.items[] | select(.involvedObject.name == "plain") | .reason] | unique | join(",")')"
say token "$(k exec plain -- test -s /var/run/secrets/kubernetes.io/serviceaccount/token && echo mounted)"
say copies "$(k exec plain -- cat /var/run/secrets/kubernetes.io/serviceaccount/ca.crt | cmp - /etc/kubernetes/pki/ca.crt && echo own)"
say cluster-dns "$(k exec plain -- getent hosts kubernetes.default.svc.cluster.local | awk '{print $1}')"
say api-from-pod "$(k exec plain -- bash -c 'exec 3<>/dev/tcp/kubernetes.default/443 && echo connected')"

# ---- services ----
{ pod server "$serve"; echo ---; echo '{apiVersion: v1, kind: Service, metadata: {name: server, namespace: checks}, spec: {type: NodePort, selector: {app: server}, ports: [{port: 80, targetPort: 8080, nodePort: 31999}]}}'; } | apply
wait_for kubectl -n checks wait --for=condition=Ready pod/server --timeout=1s
wait_for curl -sf --max-time 1 http://127.0.0.1:31999/
say node-port "$(curl -s --max-time 2 "http://$(cat /kind/address):31999/")"
say service "$(curl -s --max-time 2 "http://$(k get service server -o jsonpath='{.spec.clusterIP}')/")"
say service-name "$(k exec plain -- bash -c 'exec 3<>/dev/tcp/server/80 && echo connected')"

# ---- controllers ----
k create deployment web --image="$image" --replicas=2 -- sleep infinity >/dev/null
wait_for kubectl -n checks rollout status deployment web --timeout=1s
say deployment "$(k get deployment web -o json | jq -c '.status | [.replicas, .readyReplicas]')"
k scale deployment web --replicas=1 >/dev/null
scaled() { [ "$(kubectl -n checks get pods -l app=web --no-headers | grep -c Running)" = 1 ]; }
say scale "$(k delete pods -l app=web --grace-period=0 --force >/dev/null; wait_for scaled; scaled && echo replaced)"
k create job once --image="$image" -- true >/dev/null
wait_for kubectl -n checks wait --for=condition=Complete job/once --timeout=1s
say job "$(k get job once -o jsonpath='{.status.succeeded}')"
k create cronjob daily --image="$image" --schedule='0 0 1 1 *' -- true >/dev/null
k create job --from=cronjob/daily now >/dev/null
wait_for kubectl -n checks wait --for=condition=Complete job/now --timeout=1s
say cronjob "$(k get job now -o jsonpath='{.status.succeeded}')"
echo '{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: db, namespace: checks}, spec: {replicas: 2, serviceName: db, selector: {matchLabels: {app: db}}, template: {metadata: {labels: {app: db}}, spec: {terminationGracePeriodSeconds: 0, containers: [{name: c, image: "'"$image"'", command: [bash, -c, "echo kept > /d/x; sleep infinity"], volumeMounts: [{name: d, mountPath: /d}]}]}}, volumeClaimTemplates: [{metadata: {name: d}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}}]}}' | apply
wait_for kubectl -n checks rollout status statefulset db --timeout=1s
say statefulset "$(k get pods -l app=db -o name | sort)"
say volume-claim "$(k get persistentvolumeclaims -o json | jq -c '[.items[] | [.metadata.name, .status.phase]] | sort'; k exec db-0 -- cat /d/x)"
echo '{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: agent, namespace: checks}, spec: {selector: {matchLabels: {app: agent}}, template: {metadata: {labels: {app: agent}}, spec: {terminationGracePeriodSeconds: 0, containers: [{name: c, image: "'"$image"'", command: [sleep, infinity]}]}}}}' | apply
wait_for kubectl -n checks rollout status daemonset agent --timeout=1s
say daemonset "$(k get daemonset agent -o jsonpath='{.status.numberReady}')"
say garbage "$(k delete daemonset agent >/dev/null; gone() { [ -z "$(kubectl -n checks get pods -l app=agent -o name)" ]; }; wait_for gone; gone && echo collected)"
evict() { kubectl create --raw "/api/v1/namespaces/checks/pods/server/eviction" -f - <<<'{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":"server","namespace":"checks"}}'; }
say eviction "$(evict | jq -r .status; evicted() { ! kubectl -n checks get pod server; }; wait_for evicted; k get pod server -o name | grep -c NotFound)"

# ---- rights and admission ----
say denied "$(kubectl auth can-i list pods --as=system:serviceaccount:checks:default -n checks)"
k create role reader --verb=list --resource=pods >/dev/null
k create rolebinding reader --role=reader --serviceaccount=checks:default >/dev/null
allowed() { kubectl auth can-i list pods --as=system:serviceaccount:checks:default -n checks; }
wait_for allowed
say allowed "$(allowed)"
say token-request "$(kubectl --kubeconfig=/dev/null --server=https://127.0.0.1:6443 --certificate-authority=/etc/kubernetes/pki/ca.crt --token="$(k create token default)" auth whoami -o json | jq -r .status.userInfo.username)"
echo '{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: things.checks.example}, spec: {group: checks.example, scope: Namespaced, names: {plural: things, kind: Thing, singular: thing}, versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {size: {type: integer, maximum: 3}}}}}}}]}}' | apply
wait_for kubectl wait --for=condition=Established crd/things.checks.example --timeout=1s
thing() { echo '{apiVersion: checks.example/v1, kind: Thing, metadata: {name: a, namespace: checks}, spec: {size: '"$1"'}}'; }
served() { thing 2 | kubectl apply -f -; }
wait_for served
say custom-resource "$(k get thing a -o jsonpath='{.spec.size}'; thing 4 | k apply -f - | grep -c 'less than or equal to 3')"
echo '{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicy, metadata: {name: no-x}, spec: {matchConstraints: {resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}]}, validations: [{expression: "object.metadata.name != '"'x'"'", message: no x here}]}}
---
{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicyBinding, metadata: {name: no-x}, spec: {policyName: no-x, validationActions: [Deny], matchResources: {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: checks}}}}}' | apply
refused() { kubectl -n checks create configmap x --dry-run=server 2>&1 | grep -q 'no x here'; }
wait_for refused
say admission "$(refused && echo refused)"
say quota "$(k create quota small --hard=configmaps=1 >/dev/null; over() { kubectl -n checks create configmap more --dry-run=server 2>&1 | grep -q 'exceeded quota'; }; wait_for over; over && echo exceeded)"

kubectl delete namespace checks --wait=false >/dev/null
kubectl delete crd things.checks.example >/dev/null
kubectl delete validatingadmissionpolicybinding,validatingadmissionpolicy no-x >/dev/null 2>&1
ended() { ! kubectl get namespace checks; }
wait_for ended
say namespace "$(kubectl get namespace checks 2>&1 | grep -c NotFound)"
