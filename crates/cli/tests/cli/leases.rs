//! Whose clusters are: what `ps` tells, what `gc` removes, and what it leaves alone.

use kind_harness::cluster::{Lease, Node, Owner, PortMap, Record};
use kind_harness::host::setup::{Engine, EngineKind};
use kind_harness::suite::config::{Keep, ProviderKind};
use kind_harness::suite::name::ClusterName;

use crate::support::Host;

/// A cluster as a run of `owner` has left it.
fn record(name: &str, owner: Option<Owner>) -> Record {
    let lease = Lease::take(Owner::current().unwrap(), Keep::Never, None);
    Record {
        name: ClusterName::new(name).unwrap(),
        suite: "e2e.yaml".into(),
        namespace: "tiny".into(),
        provider: ProviderKind::Kind,
        context: None,
        engine: Some(Engine { kind: EngineKind::Podman, containers_conf: None }),
        nodes: vec![Node { name: format!("{name}-control-plane"), id: "1f2e".into() }],
        layers: None,
        images: None,
        ports: PortMap::default(),
        shape: String::new(),
        created: "2026-01-01T00:00:00Z".parse().unwrap(),
        lease: Some(Lease { run: "another".into(), owner, ..lease }),
        deployment: None,
    }
}

fn remember(host: &Host, record: &Record) {
    let folder = host.path("home/.local/state/kind-harness").join(record.name.as_str());
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("cluster.json"), serde_json::to_string(record).unwrap()).unwrap();
}

fn me() -> Owner {
    Owner::current().unwrap()
}

/// A host on which somebody switched off the power, among others.
fn host() -> Host {
    let host = Host::ready();
    remember(&host, &record("dead", Some(Owner { started: 1, ..me() })));
    remember(&host, &record("rebooted", Some(Owner { boot: "another".into(), ..me() })));
    remember(&host, &record("used", Some(me())));
    remember(&host, &record("elsewhere", Some(Owner { pids: "pid:[1]".into(), ..me() })));
    remember(&host, &record("kept", None));
    let mut past = record("past", None);
    let lease = past.lease.as_mut().unwrap();
    (lease.taken, lease.until) =
        ("2026-01-01T00:00:00Z".parse().unwrap(), Some("2026-01-01T08:00:00Z".parse().unwrap()));
    remember(&host, &past);
    remember(&host, &Record { lease: None, provider: ProviderKind::Existing, ..record("adopted", None) });
    host
}

#[test]
fn ps_tells_of_each_cluster_whose_it_is() {
    let host = host();
    let table = host.run(&["ps"]).stdout;
    for (name, words) in [
        ("dead", "no more: its owner is gone"),
        ("rebooted", "no more: its owner is gone"),
        ("used", "while its owner runs"),
        ("elsewhere", "its owner cannot be seen from here"),
        ("kept", "until `down`"),
        ("past", "no more: its time to live is over"),
        ("adopted", "until `down`"),
    ] {
        let line = table.lines().find(|line| line.trim_start().starts_with(name)).unwrap_or_default();
        assert!(line.ends_with(words), "{name}: {words:?} is not in\n{table}");
    }
    let json = host.run(&["ps", "-o", "json"]).json("ps");
    let removable = json["clusters"].as_array().unwrap().iter().filter(|cluster| cluster["removable"] == true);
    let removable: Vec<_> = removable.map(|cluster| cluster["name"].as_str().unwrap()).collect();
    assert_eq!(removable, ["dead", "past", "rebooted"]);
}

#[test]
fn gc_removes_what_nobody_owns_and_nothing_else() {
    let host = host();
    let before = host.left_behind();
    let would = host.run(&["gc", "--dry-run"]).stdout;
    assert_eq!(would.lines().count(), 3, "{would}");
    let json = host.run(&["gc", "--dry-run", "-o", "json"]).json("gc");
    assert_eq!((&json["dryRun"], json["removed"].as_array().map(Vec::len)), (&true.into(), Some(3)), "{json:#}");
    assert_eq!(host.left_behind(), before, "a dry run changes nothing");

    host.write("nodes", "1f2e dead-control-plane Up 1 second");
    let gone = host.run(&["gc"]);
    assert_eq!((gone.code, gone.stdout.lines().count()), (Some(0), 3), "{}", gone.stdout);
    assert!(host.calls().contains("podman rm -f -t 0 -v 1f2e"), "{}", host.calls());
    let folders = ["adopted", "elsewhere", "kept", "used"];
    let left: Vec<_> =
        host.left_behind().iter().filter_map(|file| Some(file.parent()?.file_name()?.to_owned())).collect();
    assert!(left.len() == 4 && folders.iter().all(|name| left.iter().any(|it| it == name)), "{left:?}");
    assert!(host.run(&["gc"]).stdout.starts_with("nothing to remove"));
}

#[test]
fn two_at_once_and_one_that_fails() {
    let host = host();
    let both = [host.command(&["gc"]).start().unwrap(), host.command(&["gc"]).start().unwrap()];
    for gc in both {
        let ended = gc.wait().unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    }
    assert_eq!(host.left_behind().len(), 4);

    remember(&host, &record("dead", Some(Owner { started: 1, ..me() })));
    host.write("nodes", "1f2e dead-control-plane Up 1 second");
    let refuses =
        "#!/bin/sh\ncase $1 in ps) cat \"$NODES\" ;; rm) echo 'device or resource busy' >&2; exit 1 ;; esac\n";
    host.program("podman", refuses);
    host.run(&["gc"]).failed_with(9, &["cluster dead could not be removed", "device or resource busy"]);
    assert!(host.run(&["ps"]).stdout.contains("dead"), "it is not forgotten");
}

#[test]
fn an_engine_that_does_not_answer_hides_only_its_own() {
    let host = Host::ready();
    remember(&host, &record("hidden", None));
    remember(&host, &Record { engine: None, provider: ProviderKind::Existing, ..record("adopted", None) });
    host.write("home/.local/state/kind-harness/forged/cluster.json", "[1, 2]");
    host.program("podman", "#!/bin/sh\necho 'cannot connect to Podman' >&2; exit 125\n");
    let told = host.run(&["ps"]);
    let state = |name: &str| {
        let line = told.stdout.lines().find(|line| line.trim_start().starts_with(name)).unwrap_or_default();
        line.split_whitespace().nth(1).unwrap_or_default().to_owned()
    };
    assert_eq!(
        [state("hidden"), state("adopted"), state("forged")],
        ["unknown", "adopted", "unknown"],
        "{}",
        told.stdout
    );
    told.failed_with(5, &["there may be more clusters", "cannot connect to Podman"]);
    host.run(&["gc"]).failed_with(9, &["there may be more clusters"]);
    assert!(host.path("home/.local/state/kind-harness/forged/cluster.json").exists(), "who knows what is there");
}

#[test]
fn a_port_that_another_cluster_of_ours_has() {
    let host = Host::ready();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let ports = PortMap([("app".to_owned(), [("http".to_owned(), address)].into())].into());
    remember(&host, &Record { ports, ..record("kept", None) });
    let suite = std::fs::read_to_string(host.path("suite/e2e.yaml")).unwrap();
    let port = address.port();
    host.write("suite/e2e.yaml", &format!("{suite}    ports: [{{name: http, node: 30080, host: {port}}}]\n"));
    host.run(&["up"]).failed_with(5, &["is taken by cluster kept of ours", "--auto-ports"]);
}

#[test]
fn files_that_tell_nothing_are_remains() {
    let host = Host::ready();
    for (name, text) in [("empty", ""), ("truncated", "{\"name\": \"trunc"), ("forged", "[1, 2]")] {
        let folder = host.path("home/.local/state/kind-harness").join(name);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("cluster.json"), text).unwrap();
    }
    // What belongs to somebody else, though it lies there.
    std::fs::create_dir_all(host.path("home/.local/state/kind-harness/bundles/old")).unwrap();
    std::fs::write(host.path("home/.local/state/kind-harness/bundles/old/summary.txt"), "").unwrap();
    let gone = host.run(&["gc"]).stdout;
    assert_eq!(gone.lines().filter(|line| line.ends_with("only remains of it were found")).count(), 3, "{gone}");
    assert_eq!(host.left_behind().len(), 1, "{:?}", host.left_behind());
}

#[test]
fn a_lost_record_is_made_up_for_by_labels() {
    let host = Host::ready();
    // The engine is known from here on.
    host.run(&["doctor"]);
    host.write("nodes", "1f2e lost-control-plane Up 1 second");
    let lease = Lease { run: "another".into(), ..Lease::take(Owner { started: 1, ..me() }, Keep::Never, None) };
    let lease = serde_json::to_string(&lease).unwrap();
    let labels = serde_json::json!({
        "io.x-k8s.kind.cluster": "lost", "io.x-k8s.kind.role": "control-plane",
        "kind-harness.dev/cluster": "lost", "kind-harness.dev/lease": lease,
        "kind-harness.dev/uid": rustix::process::geteuid().as_raw().to_string(),
        "kind-harness.dev/state": host.path("home/.local/state/kind-harness").to_str().unwrap(),
    });
    host.write("labels", &labels.to_string());
    let engine = "#!/bin/sh\necho \"podman $*\" >> \"$CALLS\"\ncase $1 in\n ps) [ ! -f \"$NODES\" ] || cat \"$NODES\" ;;\n \
                  load) cat > /dev/null ;;\n rm) rm \"$NODES\" ;;\n \
                  inspect) echo \"1f2e /lost-control-plane true 77aa $(cat \"$CALLS/../labels\")\" ;;\n image) echo null ;;\nesac\n";
    host.program("podman", &engine.replace("$CALLS/../labels", &host.path("labels").display().to_string()));
    host.run(&["doctor"]);
    let table = host.run(&["ps"]).stdout;
    assert!(table.contains("lost") && table.contains("no more: its owner is gone"), "{table}");
    assert!(host.run(&["gc"]).stdout.contains("cluster lost was removed: its owner is gone"));
    assert!(host.calls().contains("podman rm -f -t 0 -v 1f2e"), "{}", host.calls());
}

#[test]
fn the_end_of_a_time_to_live_waits_for_those_who_use_the_cluster() {
    let host = host();
    let locks = host.path("home/.local/state/kind-harness/locks");
    std::fs::create_dir_all(&locks).unwrap();
    let users = ["past", "dead"].map(|name| {
        let used = std::fs::File::create(locks.join(format!("{name}.use"))).unwrap();
        used.lock_shared().unwrap();
        used
    });
    let gone = host.run(&["gc"]).stdout;
    assert!(!gone.contains("cluster past"), "{gone}");
    assert!(gone.contains("cluster dead was removed: its owner is gone"), "{gone}");
    drop(users);
    assert!(host.run(&["gc"]).stdout.contains("cluster past was removed: its time to live is over"));
}

#[test]
fn a_cluster_on_an_engine_that_is_gone_is_in_nobodys_way() {
    let host = Host::ready();
    host.program("docker", "#!/bin/sh\necho 'Cannot connect to the Docker daemon' >&2; exit 1\n");
    let old = Engine { kind: EngineKind::Docker, containers_conf: None };
    remember(&host, &Record { engine: Some(old), ..record("t", Some(Owner { started: 1, ..me() })) });
    let ended = host.run(&["up", "--name", "t"]);
    assert!(ended.stderr.contains("cluster t was on docker, which does not answer"), "{}", ended.stderr);
    assert!(host.calls().contains("kind create cluster --name t"), "it goes on with podman: {}", host.calls());
    assert!(!host.calls().contains("podman rm "), "{}", host.calls());
    // Once the engine is there again, what was left on it is removed, by its id.
    // The reaper of the run has the cluster for a moment, which `gc` then leaves to it.
    host.eventually("gc says what it cannot reach", || {
        let gc = host.run(&["gc"]);
        gc.code == Some(9) && gc.stderr.contains("Cannot connect to the Docker daemon")
    });
    host.write("nodes", "1f2e t-control-plane Up 1 second");
    host.program("docker", "#!/bin/sh\necho \"docker $*\" >> \"$CALLS\"\n[ $1 != ps ] || cat \"$NODES\"\n");
    host.eventually("it is removed", || {
        host.run(&["gc"]);
        host.calls().contains("docker rm -f -v 1f2e")
    });
}

#[test]
fn without_a_cluster_there_is_nothing_to_reset() {
    let host = Host::ready();
    let ended = host.run(&["reset", "--name", "t"]);
    assert!(!ended.stderr.contains("kept"), "nothing was made: {}", ended.stderr);
    ended.failed_with(5, &["there is no cluster t; `kind-harness up` makes it"]);
}
