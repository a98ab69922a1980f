#!/usr/bin/env bash
# A kind node image made from packages alone: Debian's for the operating system, Go modules for Kubernetes.
#
# In:  ENGINE (podman | docker | nerdctl), IMAGE (what to call the result), BASE (a built base image),
#      VERSION (of Kubernetes: the one of kubernetes/go.mod, or of one of the folders beside it),
#      CACHE (a folder for compiled programs; entries are named by the hash of their sources).
set -euo pipefail
cd "$(dirname "$0")"

version=$VERSION
minor=${version#v1.}
minor=${minor%%.*}

say() { printf '%s\n' "$*"; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

work=$(mktemp -d "${TMPDIR:-/tmp}/kind-harness-node.XXXXXX")
container=kind-harness-node-build-${work##*.}
child=
unpublished=()
cleanup() {
  status=$?
  trap - EXIT INT TERM HUP
  # The child leads a process group of its own, so that all it has started ends with it.
  [ -z "$child" ] || kill -- "-$child" 2>/dev/null || true
  wait
  "$ENGINE" rm -f "$container" >/dev/null 2>&1 || true
  rm -rf "$work" "${unpublished[@]}"
  exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# background LOG COMMAND...: in the background, because bash runs traps only between foreground commands.
background() {
  local log=$1
  shift
  setsid "$@" >"$log" 2>&1 &
  child=$!
}
# finish LOG WHAT: waits, and shows the end of the log when it failed.
finish() {
  if ! wait "$child"; then
    child=
    tail -n 15 "$1" >&2
    die "$2 failed"
  fi
  child=
}

# compile FOLDER TITLE DURATION LDFLAGS → $CACHE/NAME-HASH/NAME; NAME is the folder's
compile() {
  local folder=$1 name=${1##*/} title=$2 duration=$3 ldflags=$4 key log lines=-1 now
  key=$({ cat "$folder"/*.go "$folder"/go.mod "$folder"/go.sum 2>/dev/null; go version; go env GOARCH GOAMD64; printf '%s' "$ldflags"; } | sha256sum | cut -c1-16)
  compiled=$CACHE/$name-$key/$name
  [ ! -x "$compiled" ] || return 0
  mkdir -p "$CACHE"
  # What a power failure interrupted; a compilation that still goes on is younger.
  find "$CACHE" -maxdepth 1 -name ".$name.*" -mmin +240 -exec rm -rf {} +
  local fresh
  fresh=$(mktemp -d "$CACHE/.$name.XXXXXX")
  unpublished+=("$fresh")
  log=$work/$name.log
  say "compiling $title ($duration the first time)"
  background "$log" env CGO_ENABLED=0 GOWORK=off GOFLAGS=-buildvcs=false \
    go build -C "$folder" -v -trimpath -ldflags "-s -w $ldflags" -o "$fresh/$name" .
  while kill -0 "$child" 2>/dev/null; do
    sleep 3 &
    wait $! || true
    now=$(grep -cv ' ' "$log" || true)
    [ "$now" -le 1 ] || [ "$now" = "$lines" ] || say "compiling $title: $now packages, $(tail -n 1 "$log" | cut -c1-80)"
    lines=$now
  done
  finish "$log" "compiling $title"
  # Whoever comes second finds the folder there and throws its own away.
  mv -T "$fresh" "${compiled%/*}" 2>/dev/null || [ -x "$compiled" ]
}
command -v go >/dev/null || die "go is not installed, and Kubernetes is compiled from its modules"
if [ "$ENGINE" = docker ]; then
  # Where docker remaps user ids, `docker commit` leaves out what the host's root owns, and says nothing.
  case $(docker info --format '{{json .SecurityOptions}}') in
    *name=userns*) die "docker remaps user ids (userns-remap), so files would be missing from a node image that is built here:" \
      "load one that was built elsewhere ('docker save', 'docker load'), or take kind's (--images registry)" ;;
  esac
fi

stamp=
for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
  stamp+=" -X $package.gitVersion=$version -X $package.gitMajor=1 -X $package.gitMinor=$minor -X $package.gitTreeState=clean"
  stamp+=" -X $package.gitCommit=0000000000000000000000000000000000000000 -X $package.buildDate=2026-01-01T00:00:00Z"
done
sources=$PWD/kubernetes
if [ -d "kubernetes-1.$minor" ]; then
  sources=$work/kubernetes
  cp -r kubernetes "$sources"
  cp "kubernetes-1.$minor"/go.* "$sources/"
  sed -i -f "kubernetes-1.$minor/edits.sed" "$sources/main.go"
fi
compile "$sources" "Kubernetes $version" "about 9 minutes" "$stamp"
kubernetes=$compiled
compile "$PWD/coredns" CoreDNS "about 2 minutes" ""
coredns=$compiled
compile "$PWD/pause" pause "seconds" ""
pause=$compiled

say "installing the node's Debian packages"
# Otherwise docker's old builder keeps the container of an instruction that failed.
options=()
[ "$ENGINE" != docker ] || options=(--force-rm)
background "$work/os.log" "$ENGINE" build "${options[@]}" --build-arg "BASE=$BASE" --iidfile "$work/os" -f Containerfile .
lines=
while kill -0 "$child" 2>/dev/null; do
  sleep 3 &
  wait $! || true
  now=$(grep -E '^(Get:|Unpacking|Setting up|STEP)' "$work/os.log" | tail -n 1 | cut -c1-100 || true)
  [ "$now" = "$lines" ] || say "$now"
  lines=$now
done
finish "$work/os.log" "building the operating system's part"

# The rest happens in a container of that image, which is committed at the end.
mkdir "$work/in"
cp "$kubernetes" "$coredns" "$pause" assemble.sh "$work/in/"
printf '%s\n' "$version" >"$work/in/version"
go env GOARCH >"$work/in/arch"
say "unpacking the control plane's images into the node"
background "$work/assemble.log" "$ENGINE" run --name "$container" --privileged --network none --entrypoint /bin/bash \
  -v "$work/in:/in:ro" --tmpfs /work:size=2g,exec,mode=755 "$(cat "$work/os")" /in/assemble.sh
finish "$work/assemble.log" "unpacking the control plane's images"

say "committing the node image"
background "$work/commit.log" "$ENGINE" commit \
  --change 'ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]' --change 'CMD []' "$container" "$IMAGE"
finish "$work/commit.log" "committing the node image"
say "done: $("$ENGINE" image inspect -f '{{.Size}}' "$IMAGE" | awk '{ printf "%d MB", $1 / 1e6 }')"
