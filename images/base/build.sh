#!/usr/bin/env bash
# The base of every other image: Debian bookworm, minimal, made from Debian packages alone.
#
# In:  ENGINE (podman | docker | nerdctl), IMAGE (what to call the result),
#      DEBIAN_MIRROR (default http://deb.debian.org/debian),
#      DEBIAN_KEYRING (the keys that sign it; default those of the package debian-archive-keyring).
set -euo pipefail

mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
keyring=${DEBIAN_KEYRING:-/usr/share/keyrings/debian-archive-keyring.gpg}
suite=bookworm
security=${DEBIAN_SECURITY_MIRROR:-}
if [ -z "$security" ] && [ "$mirror" = http://deb.debian.org/debian ]; then
  security=http://deb.debian.org/debian-security
fi

say() { printf '%s\n' "$*"; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }
# -n: a build runs in the background, where sudo could wait for a password for ever.
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

work=$(mktemp -d "${TMPDIR:-/tmp}/kind-harness-base.XXXXXX")
cleanup() {
  status=$?
  trap - EXIT INT TERM HUP
  # The child leads a process group of its own, so that nothing it started goes on writing below us.
  [ -z "${child:-}" ] || as_root kill -- "-$child" 2>/dev/null || true
  wait
  # An interrupted debootstrap leaves /proc and /sys mounted in the root; never delete through a mount.
  while read -r mounted; do
    as_root umount -l "$mounted" || exit 1
  done < <(awk -v root="$work/" 'index($2, root) == 1 { print $2 }' /proc/mounts | sort -r)
  as_root rm -rf --one-file-system "$work"
  exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# It lives in sbin, which a user's PATH may lack.
PATH=$PATH:/usr/sbin
command -v debootstrap >/dev/null || die "debootstrap is not installed (apt-get install debootstrap)"
[ -r "$keyring" ] || die "the mirror's signatures cannot be checked: $keyring cannot be read (apt-get install debian-archive-keyring)"
as_root true || die "debootstrap takes root: run this as root, or permit sudo without a password"

include=()
case $mirror in https:*) include=(--include=ca-certificates) ;; esac

root=$work/root
packages=0
say "bootstrapping Debian $suite from $mirror (about a minute)"
# In the background, because bash runs traps only between foreground commands.
setsid bash -c "$(declare -f as_root)"'; as_root "$@"' - \
  debootstrap --variant=minbase --keyring="$keyring" --force-check-gpg "${include[@]}" "$suite" "$root" "$mirror" >"$work/log" 2>&1 &
child=$!
while kill -0 "$child" 2>/dev/null; do
  sleep 2 & wait $! || true
  done=$(grep -cE '^I: (Retrieving|Extracting|Unpacking|Configuring) ' "$work/log" || true)
  [ "$done" = "$packages" ] || say "bootstrapping Debian $suite: $done steps, $(grep '^I: ' "$work/log" | tail -n 1 | cut -c4-)"
  packages=$done
done
if ! wait "$child"; then
  child=
  tail -n 15 "$work/log" >&2
  die "debootstrap failed"
fi
child=

say "trimming"
# Later apt-get runs in images that build on this one leave the same things out.
as_root tee "$root/etc/dpkg/dpkg.cfg.d/small" >/dev/null <<'CFG'
force-unsafe-io
path-exclude /usr/share/doc/*
path-include /usr/share/doc/*/copyright
path-exclude /usr/share/man/*
path-exclude /usr/share/info/*
path-exclude /usr/share/locale/*
path-exclude /usr/share/lintian/*
path-exclude /usr/share/linda/*
path-exclude /usr/share/groff/*
CFG
as_root tee "$root/etc/apt/apt.conf.d/small" >/dev/null <<'CFG'
APT::Install-Recommends "false";
APT::Keep-Downloaded-Packages "false";
Acquire::Languages "none";
Acquire::GzipIndexes "true";
Acquire::Retries "3";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
CFG
# Packages must not start daemons while an image is built.
as_root tee "$root/usr/sbin/policy-rc.d" >/dev/null <<'SH'
#!/bin/sh
exit 101
SH
as_root chmod 755 "$root/usr/sbin/policy-rc.d"
{
  printf 'deb %s %s main\n' "$mirror" "$suite"
  printf 'deb %s %s-updates main\n' "$mirror" "$suite"
  [ -z "$security" ] || printf 'deb %s %s-security main\n' "$security" "$suite"
} | as_root tee "$root/etc/apt/sources.list" >/dev/null
as_root find "$root/usr/share/doc" -mindepth 2 ! -name copyright ! -type d -delete
as_root find "$root/usr/share/doc" -mindepth 1 -type d -empty -delete
for folder in usr/share/man usr/share/info usr/share/locale usr/share/lintian usr/share/groff \
  var/lib/apt/lists var/cache/apt var/cache/debconf var/log tmp; do
  [ ! -d "$root/$folder" ] || as_root find "$root/$folder" -mindepth 1 -delete
done
as_root find "$root/var/lib/dpkg" -name '*-old' -delete
as_root mkdir -p "$root/var/cache/apt/archives/partial" "$root/var/lib/apt/lists/partial" "$root/var/log/apt"
# The host's own name and resolver were copied in by debootstrap.
as_root rm -f "$root/etc/hostname" "$root/etc/resolv.conf"

say "importing"
as_root tar -C "$root" --numeric-owner --one-file-system -cf "$work/root.tar" .
[ "$(id -u)" = 0 ] || as_root chown "$(id -u)" "$work/root.tar"
case $ENGINE in
  podman | docker)
    # Tagged only once complete.
    setsid "$ENGINE" import --change 'CMD ["bash"]' "$work/root.tar" "$IMAGE" >"$work/log" 2>&1 &
    ;;
  *)
    mkdir "$work/context"
    mv "$work/root.tar" "$work/context/"
    printf 'FROM scratch\nADD root.tar /\nCMD ["bash"]\n' >"$work/context/Dockerfile"
    setsid "$ENGINE" build -t "$IMAGE" "$work/context" >"$work/log" 2>&1 &
    ;;
esac
child=$!
if ! wait "$child"; then
  child=
  tail -n 15 "$work/log" >&2
  die "$ENGINE could not import the base image"
fi
child=
say "done: $(as_root du -sm "$root" | cut -f1) MB"
