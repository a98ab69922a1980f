#!/usr/bin/env bash
# The steps of action.yml.
# Usage: ci/action.sh keys|install|run|collect, with the variables that action.yml sets.
set -euo pipefail
# The repository of the action, which is not that of the workflow.
repository=$(cd "$(dirname "$0")/.." && pwd)
results=$RUNNER_TEMP/kind-harness

hash() {
    sha256sum | cut -c 1-16
}

# Prints which kind-harness is to be installed: the version, or a hash of this repository's.
binary() {
    if [ -n "$VERSION" ]; then
        printf '%s' "$VERSION"
        return
    fi
    cd "$repository"
    find Cargo.toml Cargo.lock src images schema crates -type f -not -path '*/tests/*' -print0 | sort -z | xargs -0 sha256sum | hash
}

# Sets the outputs that caches are found by.
keys() {
    local binary
    binary=$(binary)
    {
        printf 'root=%s\n' "$HOME/.cache/kind-harness-cli/$binary"
        printf 'binary=%s\n' "$binary"
        printf 'cache=%s\n' "${XDG_CACHE_HOME:-$HOME/.cache}/kind-harness"
        # A project without a lock file has none in its key.
        printf 'suite=%s\n' "$(cat "$SUITE_FILE" Cargo.lock 2>/dev/null | hash)"
        printf 'results=%s\n' "$results"
    } >>"$GITHUB_OUTPUT"
}

# Installs kind-harness, unless the cache had it.
install() {
    local root from=(--path "$repository/crates/cli" --target-dir "$RUNNER_TEMP/kind-harness-target")
    root=$HOME/.cache/kind-harness-cli/$(binary)
    [ -z "$VERSION" ] || from=(kind-harness-cli --version "$VERSION")
    [ -x "$root/bin/kind-harness" ] || cargo install --locked --root "$root" "${from[@]}"
    printf '%s\n' "$root/bin" >>"$GITHUB_PATH"
}

run() {
    mkdir -p "$results"
    # Files have the time of the kernel's last tick: what is made within it would not count as newer.
    touch -d '1 second ago' "$RUNNER_TEMP/kind-harness-began"
    KIND_HARNESS_JUNIT=$results/junit.xml KIND_HARNESS_REPORT=$results/report.json bash -eo pipefail -c "$COMMAND"
}

# Gathers what there is to upload: nothing if the command was not even begun.
collect() {
    [ -e "$RUNNER_TEMP/kind-harness-began" ] || return 0
    "$repository/ci/collect" "$results" "$RUNNER_TEMP/kind-harness-began"
    # There is no report when nothing was brought up.
    kind-harness report --format html --to "$results/report.html" || true
}

case ${1-} in
    keys | install | run | collect) "$1" ;;
    *) printf 'usage: %s keys|install|run|collect\n' "$0" >&2 && exit 2 ;;
esac
