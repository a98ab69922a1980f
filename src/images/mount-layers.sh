# Run in a node: makes images of the engine known to containerd without copying their layers, which lie in the engine's
# folder, mounted at /kind/engine. Arguments, in this order for each image, its lowest layer first:
#   "layer CHAIN PARENT FOLDER": a layer's chain id, its parent's or -, and its folder below /kind/engine
#   "image NAME ID LAYERS": the image's name, the hash of its configuration, and its layers for a manifest, as JSON
# What it relies on is checked before containerd is changed, and a layer counts only once it is committed. Exit code 3: layers
# cannot be used here; the reason is printed, and images can be copied instead.
set -eu
engine=/kind/engine
snapshots=/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots
work=$(mktemp -d /run/images.XXXXXX)
trap 'rm -rf "$work"' EXIT

refuse() {
  echo "$*" >&2
  exit 3
}

control() { ctr --namespace=k8s.io "$@"; }

# configuration ID: the path of an image's configuration, as podman or docker keeps it.
configuration() {
  local path
  for path in "$engine/overlay-images/$1/=$(printf 'sha256:%s' "$1" | base64 -w0)" "$engine/image/overlay2/imagedb/content/sha256/$1"; do
    [ ! -f "$path" ] || echo "$path"
  done
}

# A pod's own layer lies in containerd's folder, on top of the engine's: not every kernel and file system permits that.
can_stack() {
  local try stacks=no
  try=$(mktemp -d "$snapshots/../try.XXXXXX")
  mkdir "$try/upper" "$try/work" "$try/merged"
  if mount -t overlay -o "lowerdir=$engine/$1,upperdir=$try/upper,workdir=$try/work" overlay "$try/merged" 2>/dev/null; then
    umount "$try/merged"
    stacks=yes
  fi
  rm -rf "$try"
  [ "$stacks" = yes ]
}

check() {
  local what name id folder path
  for line in "$@"; do
    read -r what name id folder <<<"$line"
    if [ "$what" = layer ]; then
      [ -d "$engine/$folder" ] || refuse "the engine has no folder $folder"
      last=$folder
    else
      path=$(configuration "$id")
      [ -f "$path" ] || refuse "the engine has no configuration of $name"
      [ "$(sha256sum <"$path")" = "$id  -" ] || refuse "the configuration of $name is not the one of its id"
    fi
  done
  can_stack "$last" || refuse "pods cannot be started on layers of another file system here"
}

add_layer() {
  local chain=$1 parent=${2#-} folder=$3 key number
  ! grep -qxF "$chain" "$work/known" || return 0
  key="mounted-$chain-$$"
  # The folder of the new snapshot, still empty: where a layer is written, or what is mounted if it has no parent.
  number=$(control snapshots prepare --target /target "$key" $parent |
    sed -E 's#.*(upperdir=|overlayfs/|[ ,])[^ ,:=]*/snapshots/([0-9]+)/fs.*#\2#')
  [ -d "$snapshots/$number/fs" ] || refuse "containerd tells no folder of a layer"
  rmdir "$snapshots/$number/fs"
  ln -s "$engine/$folder" "$snapshots/$number/fs"
  control snapshots commit "$chain" "$key"
  echo "$chain" >>"$work/known"
}

add_image() {
  local name=$1 id=$2 layers=$3 path digest
  path=$(configuration "$id")
  cp "$path" "$work/image/blobs/sha256/$id"
  printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:%s","size":%d},"layers":%s}' \
    "$id" "$(stat -c %s "$path")" "$layers" >"$work/manifest"
  digest=$(sha256sum <"$work/manifest")
  digest=${digest%% *}
  printf '%s{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","size":%d,"annotations":{"io.containerd.image.name":"%s"}}' \
    "$separator" "$digest" "$(stat -c %s "$work/manifest")" "$name" >>"$work/manifests"
  mv "$work/manifest" "$work/image/blobs/sha256/$digest"
  separator=,
}

[ -d "$engine" ] || refuse "the engine's folder is not mounted in this node"
[ -d "$snapshots" ] || refuse "containerd keeps snapshots elsewhere in this node"
check "$@"
control snapshots ls | awk 'NR > 1 { print $1 }' >"$work/known"
mkdir -p "$work/image/blobs/sha256"
separator=
for line in "$@"; do
  read -r what one two three <<<"$line"
  "add_$what" "$one" "$two" "$three"
done
printf '{"imageLayoutVersion":"1.0.0"}' >"$work/image/oci-layout"
printf '{"schemaVersion":2,"manifests":[%s]}' "$(cat "$work/manifests")" >"$work/image/index.json"
tar -C "$work/image" -cf - . | control images import --no-unpack - >/dev/null
