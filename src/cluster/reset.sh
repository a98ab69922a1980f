# Run in a node, by the harness: keeps the state of a cluster that nothing has been deployed into, and returns to it.
#   keep: copies etcd's data and the packet filter's rules
#   return: ends everything that runs in pods, and starts the control plane from that copy
# Certificates and keys stay, so that kubeconfigs and clients stay valid; images stay, too.
set -u
kept=/kind/reset

fail() {
  echo "$*" >&2
  exit 1
}

# A node that boots from a snapshot is copied while it waits for kube-proxy: from there on it writes nothing that matters.
# etcd is stopped while its files are copied, so that they are those of one moment.
keep() {
  local fresh boot=/run/snapshot
  until [ ! -e /kind/snapshot/etcd.tar ] || [ -e $boot/registered ] || [ -e $boot/ended ]; do
    sleep 0.1
  done
  fresh=$(mktemp -d "$kept.XXXXXX") || fail "no folder can be made in the node"
  trap 'pkill -CONT -x etcd; rm -rf "$fresh"' EXIT
  pkill -STOP -x etcd || fail "no etcd runs in the node"
  cp -a --sparse=always /var/lib/etcd "$fresh/etcd" || fail "etcd's data cannot be copied"
  pkill -CONT -x etcd
  # Without the rule that a boot removes at its end.
  iptables-save | grep -v '^-A PREROUTING .*--to-destination 10\.254\.254\.1:6443$' >"$fresh/iptables" ||
    fail "the packet filter's rules cannot be read"
  rm -rf "$kept" && mv "$fresh" "$kept" || fail "the copy cannot be put in its place"
}

control() { ctr --namespace=k8s.io "$@"; }

# What containers and pods have mounted.
mounts() { awk '{ print $5 }' /proc/self/mountinfo | grep -E '^/(run/containerd|var/lib/kubelet/pods|run/netns)/'; }

# Nothing of a pod is left: no process, no container, no file system, no address.
clean() {
  local process
  systemctl stop kubelet || fail "the kubelet does not stop"
  for process in /proc/[0-9]*; do
    ! grep -q kubepods "$process/cgroup" 2>/dev/null || echo "${process#/proc/}"
  done | xargs -r kill -KILL 2>/dev/null
  pkill -KILL -f containerd-shim
  control tasks ls -q | xargs -r ctr --namespace=k8s.io tasks rm -f >/dev/null 2>&1
  control containers ls -q | xargs -r ctr --namespace=k8s.io containers rm >/dev/null || fail "containers cannot be removed"
  systemctl stop containerd || fail "containerd does not stop"
  mounts | sort -r | xargs -r umount -l 2>/dev/null
  # What is still mounted is not deleted through its mount.
  ! mounts | grep -q . || fail "a file system of a pod stays mounted"
  rm -rf --one-file-system /run/containerd/* /run/netns/* /var/lib/cni /var/lib/kubelet/pods /var/log/pods /var/log/containers \
    /var/lib/containerd/io.containerd.grpc.v1.cri/{sandboxes,containers} /var/local-path-provisioner/*
}

restore() {
  find /var/lib/etcd -mindepth 1 -delete && cp -a "$kept/etcd/." /var/lib/etcd/ || fail "etcd's data cannot be put back"
  iptables-restore <"$kept/iptables" || fail "the packet filter's rules cannot be put back"
  systemctl start containerd kubelet || fail "the kubelet does not start"
}

case $1 in
  keep) keep ;;
  return)
    [ -d "$kept/etcd" ] || fail "no state was kept when it booted"
    clean
    restore
    ;;
esac
