# Run in a node whose control plane kubeadm has booted, before anything is deployed: writes its snapshot, an archive, to standard
# output. $0 is the cluster's name.
#
# Waits until kube-proxy's and CoreDNS's pods have their node: those that have none would wait, in each later cluster, until its
# scheduler has started. Then stops etcd for the 0.2 s in which its files are copied, so that they are those of one moment. A second
# etcd removes from the copy what belongs to this node: the node itself, its pods (which are kept as text, so that each cluster makes
# its own), and the authorities that its API server trusted. etcd's files are preallocated: most of them is zeros, of which the
# archive keeps none.
set -e

scheduled() {
  kubectl get --namespace kube-system daemonsets,deployments,pods -o json | jq -e '.items | group_by(.kind) | map({(.[0].kind): .}) | add
    | all(.DaemonSet[]?; .status.desiredNumberScheduled > 0 and .status.currentNumberScheduled == .status.desiredNumberScheduled)
      and all(.Deployment[]?; .status.replicas == .spec.replicas) and all(.Pod[]; .spec.nodeName)' >/dev/null
}
# until_true SECONDS WHAT COMMAND...
until_true() {
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@"; do
    [ $SECONDS -lt $end ] || { echo "$what" >&2; exit 1; }
    sleep 0.05
  done
}
api=http://127.0.0.1:2399
# forget KEY [END]: removes a key, or those from it up to END.
forget() {
  jq -n --arg from "/registry/$1" --arg to "${2:+/registry/$2}" '{key: ($from | @base64), range_end: ($to | @base64)}' |
    curl --silent --show-error --fail --output /dev/null --data @- "$api/v3/kv/deleterange"
}
until_true 20 "pods of kube-system have no node after 20 s" scheduled
taken=$(mktemp -d /run/taken.XXXXXX)
etcd=$(pgrep -x etcd)
copy=
trap 'kill -CONT $etcd; [ -z "$copy" ] || kill -KILL $copy || true; rm -rf "$taken"' EXIT
kubectl get --namespace kube-system pods -o json >"$taken/pods.json"
kubectl get service kubernetes -o jsonpath='{.spec.clusterIP}' >"$taken/service"
kill -STOP $etcd
cp -a /var/lib/etcd "$taken/etcd"
kill -CONT $etcd
(exec -a etcd /proc/$etcd/exe --data-dir "$taken/etcd" --listen-client-urls $api --advertise-client-urls $api \
  --listen-peer-urls http://127.0.0.1:2398 --heartbeat-interval 10 --election-timeout 100 >"$taken/log" 2>&1) &
copy=$!
until_true 10 "the copy of etcd did not start within 10 s" curl --silent --fail --output /dev/null --max-time 1 $api/health
for kind in minions csinodes leases/kube-node-lease pods/kube-system events; do
  forget $kind/ ${kind}0
done
forget configmaps/kube-system/extension-apiserver-authentication
kill $copy
wait $copy || true
copy=
mkdir "$taken/sparse"
cp -a --sparse=always "$taken/etcd" "$taken/sparse"
tar -C "$taken/sparse" -S --exclude='*.tmp' -cf "$taken/etcd.tar" etcd
rm -rf "$taken/etcd" "$taken/sparse" "$taken/log"
cp /kind/kubeadm.conf /kind/elliptic.conf /kind/address "$taken"
printf %s "$0" > "$taken/cluster"
tar -C "$taken" -cf - .
