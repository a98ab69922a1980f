# kind-harness: `just` prints this menu

# Print the menu
default:
    @just --list --unsorted

# Bring the reference environment up (installs what the host lacks)
up *args:
    cargo run -- up {{args}}

# Take it down again
down *args:
    cargo run -- down {{args}}

# Show each component's state
status:
    cargo run -- status

# Look at this host: what is missing, and what mends it
doctor:
    cargo run -- doctor

# Run the E2E suite, components deployed all at once
e2e-parallel *args:
    KIND_HARNESS_STRATEGY=parallel KIND_HARNESS_REPORT=target/e2e-parallel.json cargo test --test e2e {{args}}

# Run the E2E suite, components deployed one by one: the baseline
e2e-sequential *args:
    KIND_HARNESS_STRATEGY=sequential KIND_HARNESS_REPORT=target/e2e-sequential.json cargo test --test e2e {{args}}

# Compare the runs of e2e-sequential and e2e-parallel that are kept: five of each are needed
e2e-compare:
    cargo run -- compare suite=reference,strategy=sequential suite=reference,strategy=parallel

# Measure how long the reference suite takes to come up, and write the tables of docs/performance.md (about 30 minutes)
bench runs="10":
    cargo run -- bench --runs {{runs}} --strategies parallel,waves,sequential --compare-kubectl --to docs/performance.md
    cargo run -- bench --runs {{runs}} --strategies parallel,waves,sequential --fresh --to docs/performance.md

# Run every test: unit, integration, E2E
test *args:
    cargo test --workspace {{args}}

# Make every fault of tests/faults in a cluster of its own, and record it; then 20 times each that heals
faults *args:
    cargo test --test faults -- --ignored --nocapture --test-threads 1 {{args}}

# End runs in every way at random moments (about 100 clusters, 30 minutes), and look for what is left
kill-matrix:
    cargo test --test lifecycle -- --ignored --exact matrix::kill_matrix --nocapture

# Make every hostile situation of tests/hostile, or one group: `just hostile label::`
hostile *args:
    cargo test --test hostile {{args}}

# Tell the same story on every engine, with registries that make trouble; then the specs and the kill matrix on docker
engines:
    cargo test --workspace --test engines -- --include-ignored --nocapture
    cargo test --workspace --test engines -- with docker cargo test --workspace --test e2e
    cargo test --workspace --test engines -- with docker cargo test --workspace --test lifecycle -- --ignored --exact matrix::kill_matrix --nocapture

# Compare clusters that boot from a snapshot with one of kubeadm, and boot 50 of them (15 minutes)
snapshots:
    cargo test --workspace --test snapshots -- --ignored --nocapture --test-threads 1

# Try a million malformed labels, leases, records and names
fuzz-ownership:
    PROPTEST_CASES=1000000 cargo test --release -p kind-harness --lib -- owned::properties

# Bring the reference suite up and down 30 times, and look for what grows
soak:
    cargo test --test lifecycle -- --ignored --exact soak::soak --nocapture

# Bench how long a test process takes to have the environment that another has brought up
bench-attach:
    cargo test --test lifecycle -- --ignored --exact attach::attach --nocapture

# Bench how soon `dev` has deployed what is saved (6 rounds)
bench-dev:
    DEV_ROUNDS=6 cargo test --workspace --test examples -- --exact dev::what_is_saved_is_deployed --nocapture

# Compare the moments of reports with what an observer beside the run sees, in 10 deployments
bench-moments:
    cargo test --test lifecycle -- --ignored --exact moments::moments_are_those_that_an_observer_sees --nocapture

# Bench readiness: the lag after the last event, memory, and whether what is up answers at once (50 deployments)
bench-ready:
    cargo bench --bench readiness_lag
    cargo test --release -p kind-harness-readiness --lib -- --exact --nocapture assert::tests::trouble::an_assertion_returns_soon_after_the_event
    cargo bench --bench first_requests

# Bench the files of runs: what keeping one costs, and the report of one with 1,000 components
bench-runs:
    cargo bench --bench past_runs

# Bench the reference stack: start-up, memory, images, seventy analyses; DataStorage with a million rows
bench-stack:
    cargo bench --bench reference_stack
    cargo bench -p data-storage --bench throughput -- --seconds 30 --rows 1000000

# Run what CI runs at night, or a part of it: strategies, bench, kill-matrix, faults, snapshots, engines (hours)
nightly *parts="all":
    ci/nightly.sh {{parts}}

# Change rules, plan, ownership, leases and undo in small ways, and look which changes no test notices (hours; `cargo install cargo-mutants --locked`)
mutants *args:
    PROPTEST_CASES=200 CARGO_PROFILE_DEV_DEBUG=0 cargo mutants -p kind-harness-readiness \
        -f 'crates/readiness/src/rules/**' -f crates/readiness/src/rules.rs -C --lib {{args}}
    PROPTEST_CASES=200 CARGO_PROFILE_DEV_DEBUG=0 cargo mutants -p kind-harness -f 'src/suite/plan/**' -f src/suite/plan.rs \
        -f src/suite/graph.rs -f src/cluster/owned.rs -f src/cluster/labels.rs -f src/cluster/lease.rs \
        -f src/teardown/undo.rs -f src/teardown/identity.rs -C --lib -C --test=plan -C --test=teardown {{args}}

# Check that the oldest supported compiler takes the libraries and the command (`rustup toolchain install 1.89`)
msrv:
    cargo +1.89 check --locked -p kind-harness -p kind-harness-cli --features kind-harness/specs,kind-harness/cel,kind-harness/webhook

# Check formatting
fmt-check:
    cargo fmt --all --check

# Clippy, warnings denied; actionlint of the workflows
lint *args:
    cargo clippy --workspace --all-targets {{args}} -- -D warnings
    ci/lint-workflows

# Documentation, warnings denied
doc *args:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps {{args}}

# Check the dependencies: licences, bans, duplicates, sources (`cargo install cargo-deny --locked` installs the checker)
deny:
    cargo deny --workspace check bans licenses sources

# Check a project of somebody else that depends on the library, with one version of Kubernetes
outside version="latest":
    bash tests/outside/check {{version}}

# Make the packages that would be published
package:
    cargo package --locked --no-verify --quiet -p kind-harness-readiness -p kind-harness-macros -p kind-harness -p kind-harness-cli

# What CI runs
ci: fmt-check (lint "--locked") (doc "--locked") package (outside "v1_33") (outside "latest") (test "--locked")
