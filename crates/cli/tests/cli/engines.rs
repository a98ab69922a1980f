//! Which engine is used when one that has worked does not any more.

use std::time::{Duration, Instant, SystemTime};

use rstest::rstest;

use crate::support::{Ended, Host};

/// An engine that works until the test has it die, or hang.
const ENGINE: &str = r#"#!/bin/sh
echo "$(basename "$0") $*" >> "$CALLS"
[ ! -f "$CALLS.hangs" ] || exec sleep 60
[ ! -f "$CALLS.dead" ] || { echo 'Cannot connect to the Docker daemon' >&2; exit 1; }
[ "$1" != load ] || cat > /dev/null
"#;

/// A host that has used docker, and has podman too.
fn host() -> Host {
    let host = Host::ready();
    host.program("docker", ENGINE);
    assert!(setup(&host).stderr.contains("kind on docker"));
    host
}

fn setup(host: &Host) -> Ended {
    host.run(&["setup", "--images", "registry"])
}

fn trials(host: &Host) -> usize {
    host.calls().lines().filter(|call| call.starts_with("docker run --rm --privileged")).count()
}

const PASSED_OVER: &str = "docker has worked here before and does not now, so podman is used: ";

#[test]
fn a_remembered_engine_that_is_dead_is_passed_over_with_a_line() {
    let host = host();
    host.write("calls.dead", "");
    // Podman is tried once, and then remembered too.
    for _ in 0..2 {
        let began = Instant::now();
        let ended = setup(&host);
        assert!(ended.stderr.contains("kind on podman"), "{}", ended.stderr);
        assert!(
            ended.stderr.contains(&format!("{PASSED_OVER}Cannot connect to the Docker daemon")),
            "{}",
            ended.stderr
        );
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    }
    std::fs::remove_file(host.path("calls.dead")).unwrap();
    assert!(setup(&host).stderr.contains("kind on docker"), "it lives again");
}

#[test]
fn a_remembered_engine_that_hangs_is_passed_over_within_seconds() {
    let host = host();
    host.write("calls.hangs", "");
    let began = Instant::now();
    let ended = setup(&host);
    assert!(ended.stderr.contains("kind on podman"), "{}", ended.stderr);
    assert!(ended.stderr.contains(PASSED_OVER) && ended.stderr.contains("hung"), "{}", ended.stderr);
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
}

#[test]
fn an_engine_that_was_asked_for_is_not_replaced() {
    let host = host();
    host.write("calls.dead", "");
    let up = |engine: &str| host.run_with(&["up"], &[("KIND_HARNESS_ENGINE", engine)]);
    let said = ["docker: Cannot connect to the Docker daemon; KIND_HARNESS_ENGINE asks for it alone", "start docker"];
    up("docker").failed_with(3, &said);
    assert!(!host.calls().contains("podman"), "{}", host.calls());
    up("nerdctl").failed_with(3, &["nerdctl is not in PATH, and KIND_HARNESS_ENGINE asks for it"]);
    up("dokcer").failed_with(3, &["KIND_HARNESS_ENGINE is \"dokcer\"", "docker, podman or nerdctl"]);
}

#[test]
fn a_remembered_engine_costs_one_question() {
    let host = host();
    let before = host.calls();
    setup(&host);
    let calls = host.calls();
    let calls: Vec<_> = calls[before.len()..].lines().filter(|call| !call.starts_with("kind")).collect();
    assert_eq!(calls, ["docker version"]);
}

#[rstest]
#[case::another_address("DOCKER_HOST", "tcp://127.0.0.1:2375")]
#[case::another_context("DOCKER_CONTEXT", "another")]
fn a_trial_counts_for_the_server_that_it_was_made_with(#[case] name: &str, #[case] value: &str) {
    let host = host();
    assert_eq!(trials(&host), 1);
    let with = || host.run_with(&["setup", "--images", "registry"], &[(name, value)]);
    with();
    assert_eq!(trials(&host), 2, "tried anew");
    with();
    assert_eq!(trials(&host), 2, "and remembered");
}

/// Nodes' ports would be on that host.
#[test]
fn an_engine_on_another_host_is_refused_with_the_reason() {
    let host = host();
    let ended = host.run_with(
        &["setup", "--images", "registry"],
        &[("DOCKER_HOST", "ssh://me@build.example"), ("KIND_HARNESS_ENGINE", "docker")],
    );
    ended.failed_with(3, &["its server is on another host (ssh://me@build.example)", "`provider: existing`"]);
    assert_eq!(trials(&host), 1, "nothing was tried there");
}

/// As docker answers whose daemon has `userns-remap`. kind's nodes run there in the host's user namespace.
#[test]
fn a_docker_that_remaps_user_ids_is_used() {
    let host = Host::ready();
    let remaps = r#"[ "$1" != run ] || case " $* " in
*' --userns=host '*) ;;
*) echo 'docker: Error response from daemon: privileged mode is incompatible with user namespaces.' >&2; exit 125 ;;
esac
"#;
    host.program("docker", &format!("{ENGINE}{remaps}"));
    assert!(setup(&host).stderr.contains("kind on docker"));
}

/// `docker commit` would leave out what the host's root owns.
#[test]
fn a_docker_that_remaps_user_ids_makes_no_node_image() {
    let host = Host::bare();
    host.program(
        "docker",
        "#!/bin/sh\n[ \"$1\" != info ] || echo '[\"name=seccomp,profile=default\",\"name=userns\"]'\n",
    );
    host.program("go", "#!/bin/sh\nexit 1\n");
    let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../images/node/build.sh");
    let build = duct::cmd("bash", [script]).env("ENGINE", "docker").env("IMAGE", "node").env("VERSION", "v1.34.4");
    let ended = Ended::from(&host.here(&build).stdin_null().run().unwrap());
    ended.failed_with(1, &["docker remaps user ids (userns-remap)", "--images registry"]);
}

#[test]
fn a_trial_counts_for_the_program_that_it_was_made_with() {
    let host = host();
    let program = std::fs::File::open(host.path("bin/docker")).unwrap();
    program.set_modified(SystemTime::now() + Duration::from_secs(5)).unwrap();
    setup(&host);
    assert_eq!(trials(&host), 2);
}

/// There may be clusters on it.
#[test]
fn an_engine_that_has_worked_is_looked_at_though_it_is_dead_or_has_changed() {
    let host = host();
    host.write("calls.dead", "");
    let program = std::fs::File::open(host.path("bin/docker")).unwrap();
    for changed in [false, true] {
        if changed {
            program.set_modified(SystemTime::now() + Duration::from_secs(5)).unwrap();
        }
        for command in ["ps", "gc"] {
            let ended = host.run(&[command]);
            assert_ne!(ended.code, Some(0), "{}", ended.stdout);
            assert!(ended.stderr.contains("Cannot connect to the Docker daemon"), "{command}: {}", ended.stderr);
        }
    }
}
