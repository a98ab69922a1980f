#!/usr/bin/env bash
# The nightly tests, as .github/workflows/nightly.yml and a person run them. `ci/nightly.sh --help` explains it.
# shellcheck disable=SC2317 # the functions of parts are called by the parts' names
set -uo pipefail
cd "$(dirname "$0")/.." || exit

parts=(strategies bench kill-matrix faults snapshots engines)

usage() {
    cat <<'END'
Usage: ci/nightly.sh [--artifacts DIR] PART...
       ci/nightly.sh --list

Runs each PART, also after one has failed, and prints how long each took. Logs, JUnit files, reports, runs and bundles are
left in DIR. Ends with exit code 1 when a part has failed.

Parts:
  strategies   the E2E suite, with components deployed all at once and one by one
  bench        how long the suite takes to come up, and whether that is longer than in earlier nights
  kill-matrix  runs that are ended in every way, and what they leave
  faults       every fault of tests/faults, in a cluster
  snapshots    clusters that boot from a snapshot beside one of kubeadm, and many boots in a row
  engines      suites on each container engine, and the specs on docker
  all          all of them

Variables:
  ARTIFACTS    DIR, if --artifacts is not given; target/nightly
  RUNS         how often bench measures each way; 10
  TIMES        how often the kill matrix ends a run in each way; its own number when not set
  FAULTS       only faults with this in their names
  BASE         the folder with the runs of earlier nights; target/nightly-base
  NEW_BASE     1 replaces these by the runs of this night, when a suite is meant to be slower
END
}

# Each part is a function, which runs all of its commands and returns whether one failed.

strategies() {
    local strategy failed=0
    for strategy in parallel sequential; do
        KIND_HARNESS_STRATEGY=$strategy KIND_HARNESS_REPORT=$artifacts/e2e-$strategy.json \
            KIND_HARNESS_JUNIT=$artifacts/e2e-$strategy.xml cargo test --locked --test e2e || failed=1
        cargo run --locked -- report --format html --to "$artifacts/e2e-$strategy.html" || failed=1
    done
    return "$failed"
}

bench() {
    local kubectl=() measured=0
    ! command -v kubectl >/dev/null || kubectl=(--compare-kubectl)
    cargo run --locked -- bench --runs "${RUNS:-10}" --strategies parallel,sequential "${kubectl[@]}" \
        --to "$artifacts/bench.md" --plot "$artifacts/bench.svg" || measured=1
    gate || measured=1
    return "$measured"
}

# Compares the parallel runs of this night's bench with those of earlier nights, and adds them to these unless they are slower.
gate() {
    local tonight=$scratch/tonight
    mkdir -p "$tonight" "$base"
    ci/collect "$scratch" "$scratch/began"
    # The first line of a run's file says what the run was; a bench has a cluster of its own.
    grep -ls '"cluster":"[^"]*-bench".*"strategy":"parallel"' "$scratch"/runs/*.jsonl | xargs -r -d '\n' cp -t "$tonight"
    if [ "${NEW_BASE-}" = 1 ]; then
        find "$base" -maxdepth 1 -name '*.jsonl' -delete
    else
        cargo run --locked -- compare "$base" "$tonight"
        case $? in
            0 | 12) ;; # 12: there are too few runs yet
            *) return 1 ;;
        esac
    fi
    cp -R "$tonight/." "$base/"
    # `compare` looks at the last 40 runs.
    find "$base" -maxdepth 1 -name '*.jsonl' | sort -r | tail -n +41 | xargs -r -d '\n' rm
}

kill_matrix() {
    cargo test --locked --test lifecycle -- --ignored --exact matrix::kill_matrix --nocapture
}

faults() {
    cargo test --locked --test faults -- --ignored --nocapture --test-threads 1
}

engines() {
    local failed=0
    cargo test --locked --workspace --test engines -- --include-ignored --nocapture || failed=1
    cargo test --locked --workspace --test engines -- with docker cargo test --locked --workspace --test e2e || failed=1
    return $failed
}

snapshots() {
    cargo test --locked --workspace --test snapshots -- --ignored --nocapture --test-threads 1
}

artifacts=${ARTIFACTS:-target/nightly}
wanted=()
while [ $# -gt 0 ]; do
    case $1 in
        --help | -h) usage && exit ;;
        --list) printf '%s\n' "${parts[@]}" && exit ;;
        --artifacts) artifacts=${2:?--artifacts takes a folder} && shift ;;
        all) wanted+=("${parts[@]}") ;;
        *)
            if ! printf '%s\n' "${parts[@]}" | grep -qxe "$1"; then
                printf 'no part is called %s\n\n' "$1" >&2
                usage >&2
                exit 2
            fi
            wanted+=("$1")
            ;;
    esac
    shift
done
[ ${#wanted[@]} -gt 0 ] || { usage >&2 && exit 2; }

mkdir -p "$artifacts" || exit
# Tests run in the folders of their packages.
artifacts=$(cd "$artifacts" && pwd)
base=${BASE:-target/nightly-base}
scratch=$(mktemp -d) || exit
# Files have the time of the kernel's last tick: what is made within it would not count as newer.
touch -d '1 second ago' "$scratch/began"
trap 'rm -rf "$scratch"' EXIT
# The running part gets the signal too and undoes what it has made; no further part is started.
trap 'exit 130' INT TERM

# `junit PART SECONDS [FAILURE]` writes a JUnit file with the part as its one test.
junit() {
    printf '<?xml version="1.0" encoding="UTF-8"?>\n<testsuites><testsuite name="nightly" tests="1" failures="%d">' $(($# - 2))
    printf '<testcase classname="nightly" name="%s" time="%d">%s</testcase></testsuite></testsuites>\n' "$1" "$2" \
        "${3:+<failure message=\"$3\"/>}"
}

failed=0
table=$'| part | | took |\n| --- | --- | --- |\n'
for part in "${wanted[@]}"; do
    printf '\n==> %s\n' "$part"
    start=$SECONDS
    (trap 'exit 130' INT TERM && "${part//-/_}") 2>&1 | tee -i "$artifacts/$part.log"
    code=${PIPESTATUS[0]} took=$((SECONDS - start))
    if [ "$code" = 0 ]; then
        result=passed
        junit "$part" "$took" >"$artifacts/part-$part.xml"
    else
        result=FAILED failed=1
        junit "$part" "$took" "exit code $code: see $part.log" >"$artifacts/part-$part.xml"
    fi
    printf '==> %s: %s, %d s\n' "$part" "$result" "$took"
    table+="| $part | $result | $took s |"$'\n'
done

ci/collect "$artifacts" "$scratch/began"
printf '## Nightly\n\n%s\n' "$table" | tee "$artifacts/summary.md" >>"${GITHUB_STEP_SUMMARY:-/dev/null}"
printf '\n%s\nArtifacts in %s:\n' "$table" "$artifacts"
(cd "$artifacts" && find . -type f -printf '%10s  %P\n' | sort -k 2)
exit $failed
