#!/bin/bash
# Runs inside a container of the operating system's part: makes the control plane's images from the compiled programs and
# has containerd unpack them, so that a new node finds them there. /work is a tmpfs, /in holds the programs.
set -euo pipefail

version=$(cat /in/version)
arch=$(cat /in/arch)
install -m 755 /in/kubernetes /usr/local/bin/kubernetes
ln -s kubernetes /usr/local/bin/kubelet
ln -s kubernetes /usr/local/bin/kubectl
mkdir -p /usr/local/lib/kubernetes
ln -s /usr/local/bin/kubernetes /usr/local/lib/kubernetes/kubeadm
install -m 755 /in/coredns /usr/local/bin/coredns
mkdir -p /kind
printf '%s' "$version" >/kind/version

# ---- layers: a folder each under /work/layers -------------------------------------------------------------------------------
layers=/work/layers
mkdir -p $layers/kubernetes/usr/local/bin $layers/kubernetes/tmp $layers/coredns $layers/pause $layers/iptables/opt/iptables/{nft,legacy}
chmod 1777 $layers/kubernetes/tmp
cp /in/kubernetes $layers/kubernetes/usr/local/bin/
for name in etcd kube-apiserver kube-controller-manager kube-proxy kube-scheduler; do
  ln -s kubernetes "$layers/kubernetes/usr/local/bin/$name"
done
cp /in/coredns $layers/coredns/coredns
cp /in/pause $layers/pause/pause

# kube-proxy also needs iptables, of both kinds, with their libraries.
for kind in nft legacy; do
  for name in iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore; do
    ln -s /usr/sbin/xtables-$kind-multi $layers/iptables/opt/iptables/$kind/$name
  done
done
mkdir -p $layers/iptables/{usr/sbin,run,etc}
cp /usr/sbin/xtables-nft-multi /usr/sbin/xtables-legacy-multi $layers/iptables/usr/sbin/
extensions=$(dirname "$(find /usr/lib -name libxt_comment.so)")
mkdir -p "$layers/iptables$extensions"
# Not every link there leads somewhere: Debian has arptables and ebtables in packages of their own.
find "$extensions" -name '*.so' -exec test -e {} \; -exec cp -P {} "$layers/iptables$extensions/" \;
{ ldd /usr/sbin/xtables-nft-multi /usr/sbin/xtables-legacy-multi; find "$extensions" -name '*.so' -exec ldd {} +; } 2>/dev/null |
  sed -nE 's/^\t(.* => )?(\/[^ ]+) \(0x.*/\2/p' | sort -u | while read -r library; do
  mkdir -p "$layers/iptables$(dirname "$library")"
  cp -L "$library" "$layers/iptables$library"
done
cp /etc/protocols $layers/iptables/etc/ 2>/dev/null || true

# ---- images: one archive for all of them, in docker's format ----------------------------------------------------------------
archive=/work/archive
mkdir -p $archive
for layer in kubernetes coredns pause iptables; do
  tar -C "$layers/$layer" --sort=name --mtime=@0 --numeric-owner --owner=0 --group=0 -cf "$archive/$layer.tar" .
done
rm -rf $layers
declare -A digest
for layer in kubernetes coredns pause iptables; do
  digest[$layer]=$(sha256sum "$archive/$layer.tar" | cut -d' ' -f1)
done

manifests=()
# image REFERENCE ENTRYPOINT(JSON) LAYER...
image() {
  local reference=$1 entrypoint=$2 file=config-${#manifests[@]}.json ids=() files=() layer
  shift 2
  for layer in "$@"; do
    ids+=("sha256:${digest[$layer]}")
    files+=("$layer.tar")
  done
  jq -n --arg arch "$arch" --argjson entrypoint "$entrypoint" \
    '{architecture: $arch, os: "linux", created: "2026-01-01T00:00:00Z",
      config: {Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"], Entrypoint: $entrypoint, WorkingDir: "/"},
      rootfs: {type: "layers", diff_ids: $ARGS.positional},
      history: [$ARGS.positional[] | {created: "2026-01-01T00:00:00Z", created_by: "kind-harness"}]}' --args "${ids[@]}" >"$archive/$file"
  manifests+=("$(jq -n --arg config "$file" --arg tag "$reference" '{Config: $config, RepoTags: [$tag], Layers: $ARGS.positional}' --args "${files[@]}")")
}
sandbox=
while read -r reference; do
  name=${reference##*/}
  name=${name%%:*}
  case $name in
    pause)
      sandbox=$reference
      image "$reference" '["/pause"]' pause
      ;;
    coredns) image "$reference" '["/coredns"]' coredns ;;
    kube-proxy) image "$reference" '["/usr/local/bin/kube-proxy"]' kubernetes iptables ;;
    *) image "$reference" "[\"/usr/local/bin/$name\"]" kubernetes ;;
  esac
done < <(kubeadm config images list --kubernetes-version "$version" 2>/dev/null)
[ -n "$sandbox" ] || { echo "kubeadm names no pause image" >&2; exit 1; }
printf '%s\n' "${manifests[@]}" | jq -s . >$archive/manifest.json
sed -i "s#^  sandbox_image = .*#  sandbox_image = \"$sandbox\"#" /etc/containerd/config.toml
tar -C $archive -cf /work/images.tar .
rm -rf $archive

# ---- unpack -----------------------------------------------------------------------------------------------------------------
store=/work/containerd
printf 'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\nroot = "%s"\nstate = "/run/assemble"\n[grpc]\naddress = "/run/assemble.sock"\n' "$store" >/work/config.toml
containerd --config /work/config.toml >/work/containerd.log 2>&1 &
daemon=$!
for _ in $(seq 100); do
  ctr -a /run/assemble.sock version >/dev/null 2>&1 && break
  sleep 0.1
done
ctr -a /run/assemble.sock -n k8s.io images import --no-unpack=false /work/images.tar || { tail -n 20 /work/containerd.log >&2; exit 1; }
ctr -a /run/assemble.sock -n k8s.io images ls -q
kill $daemon
wait $daemon || true
rm -f /work/images.tar

# ---- keep /var small: it is copied whenever a node is created ----------------------------------------------------------------
# An unpacked layer is not read again; its blob must exist, or containerd takes the image for incomplete.
find $store/io.containerd.content.v1.content/blobs -type f -size +200k -exec truncate -s 0 {} +
rm -rf $store/io.containerd.content.v1.content/ingest/* $store/tmpmounts
snapshots=$store/io.containerd.snapshotter.v1.overlayfs/snapshots
mkdir -p /kind/snap
for snapshot in "$snapshots"/*; do
  number=${snapshot##*/}
  cp -a "$snapshot" "/kind/snap/$number"
  rm -rf "$snapshot"
  ln -s "/kind/snap/$number" "$snapshot"
done
# The same programs again: one file, once on disk and once in memory.
for name in kubernetes coredns; do
  find /kind/snap -type f -name "$name" -exec cmp -s {} "/usr/local/bin/$name" \; -exec ln -f "/usr/local/bin/$name" {} \;
done
rm -rf /var/lib/containerd
cp -a $store /var/lib/containerd
# Eight hundred files that nobody writes.
mv /var/lib/dpkg /kind/dpkg
ln -s /kind/dpkg /var/lib/dpkg
rm -rf /run/assemble /run/assemble.sock* /var/log/* /tmp/*
