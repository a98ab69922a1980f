//! Hosts that lack something, engines that refuse, interruptions: one clear error, its exit code, nothing left behind.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Ended, Host};

#[test]
fn no_engine() {
    let host = Host::bare();
    let ended = host.run(&["up"]);
    ended.failed_with(3, &["missing  engine", "none in PATH; remedy: install docker or podman", "missing  kind"]);
    host.eventually("nothing is left", || host.left_behind().is_empty());
}

#[test]
fn an_engine_without_rights_is_quoted() {
    let host = Host::ready();
    host.program("podman", "#!/bin/sh\necho 'permission denied while trying to connect' >&2\nexit 1\n");
    host.run(&["up"]).failed_with(3, &["podman: permission denied while trying to connect"]);
}

#[test]
fn an_engine_that_cannot_start_a_privileged_container() {
    let host = Host::ready();
    let podman = "#!/bin/sh\ncase $1 in load) cat > /dev/null ;; run) echo 'cannot set limits' >&2; exit 1 ;; esac\n";
    host.program("podman", podman);
    host.run(&["doctor"]).failed_with(3, &["not ready"]);
    let said = host.run(&["doctor"]).stdout;
    let told =
        "podman: it starts no privileged container: cannot set limits; remedy: let it start privileged containers";
    assert!(said.contains(told), "{said}");
}

#[test]
fn an_old_kind_is_not_taken() {
    let host = Host::ready();
    host.program("kind", "#!/bin/sh\necho 'kind v0.20.0 go1.20 linux/amd64'\n");
    host.run(&["up"]).failed_with(3, &["kind v0.20.0 go1.20 linux/amd64 is older than v0.30"]);
}

#[test]
fn a_taken_port_is_named_with_its_holder() {
    let host = Host::ready();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let suite = std::fs::read_to_string(host.path("suite/e2e.yaml")).unwrap();
    host.write("suite/e2e.yaml", &format!("{suite}    ports: [{{name: http, node: 30080, host: {port}}}]\n"));
    let ended = host.run(&["up"]);
    let holder = format!("host port {port} (component app, port http) is taken by ");
    ended.failed_with(5, &[&holder, &format!("(pid {})", std::process::id()), "--auto-ports"]);
    assert!(!host.calls().contains("kind create"), "{}", host.calls());
    host.eventually("nothing is left", || host.left_behind().is_empty());
}

#[test]
fn a_cluster_that_is_not_ours_is_left_alone() {
    let host = Host::ready();
    host.write("nodes", "1f2e mine-control-plane Up 3 hours\n");
    host.run(&["up", "--name", "mine"])
        .failed_with(5, &["a cluster named mine exists and is not ours", "mine-control-plane"]);
    host.run(&["down", "--name", "mine"]);
    for forbidden in [" rm ", "volume", "kind create", "kind delete"] {
        assert!(!host.calls().contains(forbidden), "{forbidden} in:\n{}", host.calls());
    }
}

#[test]
fn kind_fails_and_what_it_made_is_removed() {
    let host = Host::ready();
    let kind = "#!/bin/sh\n[ $1 != version ] || { echo 'kind v0.33.0 x y'; exit; }\n\
                podman run --name t-control-plane node; echo 'ERROR: no space left on device' >&2; exit 1\n";
    host.program("kind", kind);
    let ended = host.run(&["up", "--name", "t"]);
    ended.failed_with(
        5,
        &["creating cluster t failed", "kind create cluster --name t", "  | ERROR: no space left on device"],
    );
    assert!(host.calls().contains("podman rm -f -t 0 -v 1f2e"), "{}", host.calls());
    host.eventually("nothing is left", || host.left_behind().is_empty());
}

#[test]
fn a_recipe_that_fails_shows_its_last_lines() {
    let host = Host::ready();
    host.program("debootstrap", "#!/bin/sh\necho 'E: Failed getting release file'\nexit 1\n");
    host.program("go", "#!/bin/sh\n");
    let ended = host.run(&["up", "--images", "packages"]);
    ended.failed_with(4, &["building localhost/kind-harness/base:", "  | "]);
    host.eventually("nothing is left", || host.left_behind().is_empty());
}

/// Runs `up` with a kind that takes for ever, and sends `signal` once it is at it.
fn interrupt(host: &Host, signal: Signal) -> Ended {
    let kind = "#!/bin/sh\n[ $1 != version ] || { echo 'kind v0.33.0 x y'; exit; }\n\
                podman network create n; podman run --name t-control-plane node; echo $$ > $CALLS.creating; sleep 60\n";
    host.program("kind", kind);
    let running = host.command(&["up", "--name", "t"]).start().unwrap();
    host.eventually("kind is called", || host.path("calls.creating").exists());
    let pid = i32::try_from(running.pids()[0]).ok().and_then(Pid::from_raw).unwrap();
    kill_process(pid, signal).unwrap();
    Ended::from(running.wait().unwrap())
}

#[test]
fn an_interrupt_during_create_leaves_nothing() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let host = Host::ready();
        let began = Instant::now();
        let ended = interrupt(&host, signal);
        ended.failed_with(130, &["interrupted; what was begun has been undone"]);
        assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
        assert!(host.calls().contains("podman rm -f -t 0 -v 1f2e"), "{}", host.calls());
        host.eventually("nothing is left", || host.left_behind().is_empty());
    }
}

#[test]
fn after_sigkill_the_reaper_removes_the_cluster() {
    let host = Host::ready();
    let ended = interrupt(&host, Signal::KILL);
    assert_eq!(ended.code, None, "it was killed");
    host.eventually("everything is removed", || {
        host.calls().contains("podman network rm n") && host.left_behind().is_empty()
    });
    assert!(host.calls().contains("podman rm -f -t 0 -v 1f2e"), "{}", host.calls());
    // Of a process that ended and that nobody has asked about yet, the command line is empty.
    let kind = std::fs::read_to_string(host.path("calls.creating")).unwrap();
    let command = std::fs::read(format!("/proc/{}/cmdline", kind.trim())).unwrap_or_default();
    assert!(command.is_empty(), "kind still runs: {}", String::from_utf8_lossy(&command));
}

#[test]
fn a_third_interrupt_leaves_the_rest_to_the_reaper() {
    let host = Host::ready();
    let kind = "#!/bin/sh\n[ $1 != version ] || { echo 'kind v0.33.0 x y'; exit; }\n\
                podman run --name t-control-plane node; touch $CALLS.creating; sleep 60\n";
    host.program("kind", kind);
    // An engine that takes its time to remove a container.
    let engine = "#!/bin/sh\necho \"podman $*\" >> \"$CALLS\"\ncase $1 in\n ps) [ ! -f \"$NODES\" ] || cat \"$NODES\" ;;\n \
                  run) [ $2 != --cidfile ] || { echo 1f2e > $3; echo 1f2e t-control-plane Up 1 second > $NODES; } ;;\n \
                  load) cat > /dev/null ;;\n rm) while [ ! -f \"$CALLS.go\" ]; do sleep 0.05; done; rm -f \"$NODES\" ;;\nesac\n";
    host.program("podman", engine);
    let running = host.command(&["up", "--name", "t"]).start().unwrap();
    host.eventually("kind is called", || host.path("calls.creating").exists());
    let pid = i32::try_from(running.pids()[0]).ok().and_then(Pid::from_raw).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    host.eventually("the nodes are being removed", || host.calls().contains("podman rm"));
    // Of the same kind they would count as one while they wait.
    kill_process(pid, Signal::HUP).unwrap();
    assert!(running.try_wait().unwrap().is_none(), "the second only tells what the third does");
    kill_process(pid, Signal::TERM).unwrap();
    let ended = Ended::from(running.wait().unwrap());
    ended.failed_with(130, &["left before cluster t was removed; its reaper goes on with it", "kind-harness ps"]);
    assert!(!host.left_behind().is_empty());
    host.write("calls.go", "");
    host.eventually("the reaper has removed the rest", || host.left_behind().is_empty());
}

#[test]
fn a_run_waits_for_another_that_works_on_its_cluster() {
    let host = Host::ready();
    let locks = host.path("home/.local/state/kind-harness/locks");
    std::fs::create_dir_all(&locks).unwrap();
    let other = std::fs::File::create(locks.join("t")).unwrap();
    other.lock().unwrap();
    let running = host.command(&["down", "--name", "t"]).start().unwrap();
    host.eventually("it waits", || host.is_waited_for(&locks.join("t")));
    drop(other);
    let ended = Ended::from(running.wait().unwrap());
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("nothing to do"), "{}", ended.stderr);
}

/// What they take of the host, ports and a network, two at a time would take from each other.
#[test]
fn nodes_are_made_by_one_run_at_a_time() {
    let host = Host::ready();
    let kind = "#!/bin/sh\n[ $1 != version ] || { echo 'kind v0.33.0 x y'; exit; }\n\
                echo \"makes $4\" >> $CALLS; while [ ! -f $CALLS.go ]; do sleep 0.05; done; echo ' ✓ Preparing nodes'; exit 1\n";
    host.program("kind", kind);
    let first = host.command(&["up", "--name", "a"]).start().unwrap();
    host.eventually("one makes nodes", || host.calls().contains("makes a"));
    let second = host.command(&["up", "--name", "b"]).start().unwrap();
    let lock = host.path("home/.local/state/kind-harness/nodes.lock");
    host.eventually("the other waits", || host.is_waited_for(&lock));
    assert!(!host.calls().contains("makes b"), "{}", host.calls());
    host.write("calls.go", "");
    for run in [first, second] {
        Ended::from(run.wait().unwrap()).failed_with(5, &["creating cluster"]);
    }
    assert!(host.calls().contains("makes b"), "{}", host.calls());
    host.eventually("nothing is left", || host.left_behind().is_empty());
}

/// On a terminal, a program in its background that reads is stopped, and keeps what it has locked.
#[test]
fn programs_do_not_read_what_is_typed() {
    let host = Host::ready();
    let told = "echo \"$(basename \"$0\") $1 reads $(readlink /proc/$$/fd/0)\" >> \"$CALLS\"\n";
    host.program("podman", &format!("#!/bin/sh\n{told}[ $1 != load ] || cat > /dev/null\n"));
    host.program("kind", &format!("#!/bin/sh\n{told}echo 'kind v0.33.0 x y'\n"));
    let ended = host.command_that_reads(&["doctor"]).stdin_bytes("y\n").run().unwrap();
    assert!(!host.calls().is_empty(), "{ended:?}");
    // What is packed for it comes through a pipe.
    let others = host.calls().lines().filter(|line| !line.ends_with("/dev/null")).collect::<Vec<_>>().join("\n");
    assert!(!others.is_empty() && others.lines().all(|it| it.starts_with("podman load reads pipe:")), "{others}");
}

#[test]
fn a_reaper_whose_engine_is_gone_lets_the_name_go() {
    let host = Host::ready();
    let kind = "#!/bin/sh\n[ $1 != version ] || { echo 'kind v0.33.0 x y'; exit; }\n\
                podman run --name t-control-plane node; echo $$ > $CALLS.creating; sleep 60\n";
    host.program("kind", kind);
    let engine = std::fs::read_to_string(host.path("bin/podman")).unwrap();
    let running = host.command(&["up", "--name", "t"]).start().unwrap();
    host.eventually("kind is called", || host.path("calls.creating").exists());
    host.program("podman", "#!/bin/sh\necho \"podman $*\" >> \"$CALLS\"; echo 'cannot connect' >&2; exit 125\n");
    let asked = || host.calls().matches("podman ps -q\n").count();
    let before = asked();
    let pid = i32::try_from(running.pids()[0]).ok().and_then(Pid::from_raw).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
    running.wait().unwrap();
    host.eventually("the reaper asks the engine", || asked() > before);
    let lock = std::fs::File::create(host.path("home/.local/state/kind-harness/locks/t")).unwrap();
    host.eventually("the name is free", || lock.try_lock().is_ok());
    drop(lock);
    assert!(!host.calls().contains("podman rm "), "{}", host.calls());
    host.program("podman", &engine);
    host.eventually("what it had made is removed once the engine is there", || {
        host.run(&["gc"]);
        host.calls().contains("podman rm -f -t 0 -v 1f2e") && host.left_behind().is_empty()
    });
}

#[test]
fn a_context_of_gigabytes_is_told_with_what_is_large_in_it() {
    let host = Host::ready();
    let suite = std::fs::read_to_string(host.path("suite/e2e.yaml")).unwrap();
    host.write("suite/e2e.yaml", &format!("{suite}    images: [{{name: app, build: {{context: .}}}}]\n"));
    host.write("suite/Dockerfile", "FROM scratch\nCOPY . /\n");
    host.program("kind", "#!/bin/sh\n[ $1 != version ] || { echo 'kind v0.33.0 x y'; exit; }\nsleep 60\n");
    host.write("suite/data/old/dump.sql", "");
    let dump = std::fs::File::options().write(true).open(host.path("suite/data/old/dump.sql")).unwrap();
    dump.set_len(2_000_000_000).unwrap();
    // In less memory than the context has.
    let limited = format!("ulimit -v 1900000; exec {} up --name t", env!("CARGO_BIN_EXE_kind-harness"));
    let ended = Ended::from(&host.here(&duct::cmd!("bash", "-c", limited)).stdin_null().run().unwrap());
    let told = "the context of app has 2000 MB, all of which are read with every `up`: data/old/dump.sql (2000 MB)";
    ended.failed_with(4, &[told, "; list what the image does not need in ./.dockerignore"]);
    assert!(host.calls().contains("podman build"), "{}", host.calls());
    host.eventually("nothing is left", || host.left_behind().is_empty());
}
