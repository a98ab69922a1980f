//! Where a container registry can be reached: what is asked of kind and the engine, by name.

use std::time::{Duration, Instant};

use crate::support::Host;

/// kind up to the moment at which nodes take images; then it waits for one and gives up.
const KIND: &str = r#"#!/bin/sh
echo "kind $*" >> "$CALLS"
[ "$1" != version ] || { echo "kind v0.33.0 x y"; exit; }
podman run --name t-control-plane node
echo " ✓ Preparing nodes 📦"
tries=0
until grep -q " images import -" "$CALLS" || [ $tries -gt 200 ]; do sleep 0.05; tries=$((tries + 1)); done
exit 1
"#;

/// What a component's manifests name is pulled unless it is there, and goes into the node under that same name; the node
/// image is kind's own.
#[test]
fn images_are_pulled_and_loaded_under_their_own_names() {
    let host = Host::ready();
    let suite = std::fs::read_to_string(host.path("suite/e2e.yaml")).unwrap();
    let images = "    images: [{name: 'registry.example/team/app:1.2'}, {name: 'docker.io/library/redis:7'}]\n";
    host.write("suite/e2e.yaml", &format!("{suite}{images}"));
    host.write("images", "docker.io/library/redis:7\n");
    host.program("kind", KIND);
    host.run(&["up", "--name", "t"]).failed_with(5, &["creating cluster t failed"]);
    let calls = host.calls();
    assert!(calls.contains("podman pull registry.example/team/app:1.2"), "{calls}");
    assert!(!calls.contains("podman pull docker.io/library/redis:7"), "it is there: {calls}");
    let saved = calls.lines().find(|line| line.contains("podman save")).unwrap_or_else(|| panic!("{calls}"));
    assert!(saved.contains("docker.io/library/redis:7") && saved.contains("registry.example/team/app:1.2"), "{saved}");
    assert!(calls.contains("podman exec -i t-control-plane ctr --namespace=k8s.io images import -"), "{calls}");
    let create = calls.lines().find(|line| line.contains("kind create")).unwrap_or_else(|| panic!("{calls}"));
    assert!(!create.contains("--image"), "{create}");
    assert!(!calls.contains("podman build"), "{calls}");
}

#[test]
fn an_image_that_cannot_be_pulled_is_named_with_the_engines_words() {
    let host = Host::ready();
    let suite = std::fs::read_to_string(host.path("suite/e2e.yaml")).unwrap();
    host.write("suite/e2e.yaml", &format!("{suite}    images: [{{name: 'registry.example/team/app:1.2'}}]\n"));
    host.program("kind", "#!/bin/sh\n[ $1 != version ] || { echo 'kind v0.33.0 x y'; exit; }\nsleep 60\n");
    let podman = "#!/bin/sh\ncase $1 in load) cat > /dev/null ;; pull) echo 'manifest unknown' >&2; exit 125 ;; esac\n";
    host.program("podman", podman);
    let began = Instant::now();
    let ended = host.run(&["up", "--name", "t"]);
    assert!(began.elapsed() < Duration::from_secs(30), "it waited for a cluster that was of no use any more");
    ended
        .failed_with(4, &["pulling registry.example/team/app:1.2 failed", "--images packages", "  | manifest unknown"]);
    host.eventually("nothing is left", || host.left_behind().is_empty());
}

/// A host whose only manifest names an image that no component lists.
fn with_an_unlisted_image() -> Host {
    let host = Host::ready();
    let pod = "spec: {containers: [{name: a, image: 'registry.example/team/extra:1'}]}";
    host.write("suite/app.yaml", &format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\n{pod}\n"));
    host
}

#[test]
fn an_image_that_no_component_lists_is_pulled_and_loaded_too() {
    let host = with_an_unlisted_image();
    host.program("kind", KIND);
    host.run(&["up", "--name", "t"]).failed_with(5, &["creating cluster t failed"]);
    let calls = host.calls();
    assert!(calls.contains("podman pull registry.example/team/extra:1"), "{calls}");
    assert!(calls.lines().any(|line| line.contains("podman save") && line.contains("team/extra:1")), "{calls}");
}

#[test]
fn without_prefetch_the_nodes_pull_what_no_component_lists() {
    let host = with_an_unlisted_image();
    let suite = std::fs::read_to_string(host.path("suite/e2e.yaml")).unwrap();
    host.write("suite/e2e.yaml", &format!("prefetch: false\n{suite}"));
    host.program("kind", &KIND.replace(" images import -", "kind create"));
    host.run(&["up", "--name", "t"]).failed_with(5, &["creating cluster t failed"]);
    assert!(!host.calls().contains("podman pull"), "{}", host.calls());
}

#[test]
fn an_image_that_no_component_lists_and_the_host_cannot_pull_is_left_to_the_nodes() {
    let host = with_an_unlisted_image();
    host.program("kind", &KIND.replace(" images import -", "podman pull"));
    let denied = "case $1 in pull) echo 'unauthorized' >&2; exit 125 ;; esac\n";
    let engine = std::fs::read_to_string(host.path("bin/podman")).unwrap();
    let (shebang, rest) = engine.split_once('\n').unwrap();
    host.program("podman", &format!("{shebang}\n[ $1 != pull ] || echo \"podman $*\" >> \"$CALLS\"\n{denied}{rest}"));
    let ended = host.run(&["up", "--name", "t"]);
    ended.failed_with(
        5,
        &["creating cluster t failed", "the nodes pull registry.example/team/extra:1 themselves: ", "unauthorized"],
    );
}

/// An engine whose registry is too busy for the first two pulls, and kind that waits for the third one and gives up.
fn busy_registry(attempts: u32) -> Host {
    let host = Host::ready();
    let suite = std::fs::read_to_string(host.path("suite/e2e.yaml")).unwrap();
    let retry = format!("retry: {{ base: 10ms, jitter: 0s, attempts: {attempts} }}\n");
    let image = "    images: [{name: 'registry.example/team/app:1.2'}]\n";
    host.write("suite/e2e.yaml", &format!("{retry}{suite}{image}"));
    let podman = r#"#!/bin/sh
    echo "podman $*" >> "$CALLS"
    case $1 in
        load) cat > /dev/null ;;
        pull)
            [ "$(grep -c 'podman pull' "$CALLS")" -gt 2 ] && exit
            echo 'Error: initializing source: received unexpected HTTP status: 503 Service Unavailable' >&2
            exit 125 ;;
    esac
    "#;
    host.program("podman", podman);
    host.program(
        "kind",
        &KIND.replace(r#"grep -q " images import -" "$CALLS""#, r#"[ "$(grep -c 'podman pull' "$CALLS")" -gt 2 ]"#),
    );
    host
}

#[test]
fn a_registry_that_is_busy_is_asked_again_and_that_is_said() {
    let host = busy_registry(3);
    let report = host.path("report.json");
    let ended = host.run(&["up", "--name", "t", "--report", report.to_str().unwrap()]);
    let line = |attempt| {
        format!("registry.example/team/app:1.2 attempt {attempt} of 3 in 0.0 s: service unavailable (pull)\n")
    };
    ended.failed_with(5, &["creating cluster t failed", &line(2), &line(3)]);
    let report: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(report).unwrap()).unwrap();
    let retries: Vec<_> = report["retries"].as_array().unwrap().iter().map(|retry| &retry["step"]).collect();
    assert_eq!(retries, ["registry.example/team/app:1.2"; 2]);
}

#[test]
fn a_registry_that_stays_busy_is_given_up() {
    let host = busy_registry(2);
    host.run(&["up", "--name", "t"])
        .failed_with(4, &["attempt 2 of 2", "pulling registry.example/team/app:1.2 failed", "503 Service Unavailable"]);
    assert_eq!(host.calls().matches("podman pull").count(), 2);
}
