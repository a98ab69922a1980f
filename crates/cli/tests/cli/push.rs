//! Images for clusters that are not ours: pushed by the engine, deployed by their digests, pulled with the host's login.

use serde_json::{Value, json};

use crate::guest::Guest;

/// Pushes what it is told to, and remembers it; the registry is a file.
const ENGINE: &str = r#"#!/bin/sh
echo "podman $*" >> "$CALLS"
case "$1 $2" in
    "image inspect") echo "sha256:0a1b2c3d4e5f6071829304a5b6c7d8e9f00112233445566778899aabbccddeef amd64" ;;
    "manifest inspect") grep -qx "$3" "$IMAGES.pushed" || { echo "manifest unknown" >&2; exit 125; } ;;
    "push --digestfile")
        [ ! -f "$CALLS.refuses" ] || { echo "denied: requested access to the resource is denied" >&2; exit 125; }
        echo sha256:DIGEST > "$3"
        echo "Copying blob 0a1b"
        echo "${5%:*}@sha256:DIGEST" >> "$IMAGES.pushed" ;;
    images*) echo "registry.example.org/shop/api:1" ;;
esac
"#;

const TEMPLATE: &str = "
apiVersion: v1
kind: PodTemplate
metadata: {name: api}
template: {spec: {containers: [{name: api, image: 'registry.example.org/shop/api:1', imagePullPolicy: Never}]}}
";

/// What the engine says of the image that it pushed.
fn digest() -> String {
    "0d".repeat(32)
}

/// A suite of one image, that is pushed to `registry.example/e2e`, and an engine with a login.
fn pushing(more: &str) -> Guest {
    let guest = Guest::new();
    guest.host.program("podman", &ENGINE.replace("DIGEST", &digest()));
    guest.host.write(
        "suite/e2e.yaml",
        &format!(
            "suite: guest\nnamespace: tiny\nimages: registry\ndeadline: 20s\n\
             cluster: {{provider: existing, context: c, name: guest, push: registry.example/e2e{more}}}\n\
             components:\n  - name: api\n    images: [{{name: 'registry.example.org/shop/api:1'}}]\n    manifests: [app.yaml]\n"
        ),
    );
    guest.host.write("suite/app.yaml", TEMPLATE);
    guest
}

/// Logs the engine in to two registries.
fn log_in(guest: &Guest) {
    let logins = json!({"auths": {"registry.example": {"auth": "bWU6cGxhbnQtcGFzc3dvcmQ="},
        "other.example": {"auth": "bWU6b3RoZXItcGFzc3dvcmQ="}}});
    guest.host.write("home/.docker/config.json", &logins.to_string());
}

fn pod(guest: &Guest) -> Value {
    guest.api.object("podtemplates", "tiny", "api").unwrap()["template"]["spec"].clone()
}

fn pushes(guest: &Guest) -> usize {
    guest.host.calls().lines().filter(|line| line.starts_with("podman push")).count()
}

#[test]
fn an_image_is_pushed_once_and_deployed_by_its_digest() {
    let guest = pushing("");
    let before = guest.api.world();
    let ended = guest.done(&["up"]);
    let reference = format!("registry.example/e2e/shop-api@sha256:{}", digest());
    assert_eq!(pod(&guest)["containers"][0]["image"], reference);
    assert_eq!(pod(&guest)["containers"][0]["imagePullPolicy"], "IfNotPresent", "no node has it yet");
    assert_eq!(pod(&guest).get("imagePullSecrets"), None);
    assert!(ended.stderr.contains("registry.example/e2e/shop-api:0a1b2c3d4e5f"), "{}", ended.stderr);
    let push = "registry.example.org/shop/api:1 registry.example/e2e/shop-api:0a1b2c3d4e5f";
    assert!(guest.host.calls().contains(push), "{}", guest.host.calls());
    assert!(!guest.host.calls().contains("kind "), "{}", guest.host.calls());
    let ended = guest.done(&["up"]);
    assert_eq!((pushes(&guest), ended.stderr.contains("unchanged")), (1, true), "{}", ended.stderr);
    // The registry has lost it.
    guest.host.write("images.pushed", "");
    guest.done(&["up"]);
    assert_eq!(pushes(&guest), 2);
    guest.done(&["down"]);
    guest.nothing_differs(&before);
}

#[test]
fn pods_get_the_hosts_login_for_that_registry_alone_and_it_goes_with_them() {
    let guest = pushing(", pullSecrets: true");
    log_in(&guest);
    let before = guest.api.world();
    // The bundle of a failed run has it neither.
    guest.host.write(
        "suite/app.yaml",
        &format!("{TEMPLATE}---\n{{apiVersion: v1, kind: ConfigMap, metadata: {{name: refused}}}}\n"),
    );
    guest.run(&["up"]).failed_with(6, &["configmap/refused was refused", "bundle"]);
    guest.nothing_differs(&before);
    guest.host.write("suite/app.yaml", TEMPLATE);
    let ended = guest.done(&["up"]);
    assert_eq!(pod(&guest)["imagePullSecrets"], json!([{"name": "kind-harness-pull-api"}]));
    let secret = guest.api.object("secrets", "tiny", "kind-harness-pull-api").unwrap();
    assert_eq!(secret["type"], "kubernetes.io/dockerconfigjson");
    let config = secret["data"][".dockerconfigjson"].as_str().unwrap();
    assert!(!config.is_empty());
    let requests = guest.api.requests();
    let at = |name: &str| requests.iter().position(|it| it.starts_with("PATCH") && it.ends_with(name)).unwrap();
    assert!(at("/kind-harness-pull-api") < at("/podtemplates/api"), "{requests:#?}");
    // Neither the password nor what it is encoded to is anywhere but in the engine's own file.
    for secret in ["plant-password", "bWU6cGxhbnQtcGFzc3dvcmQ", config] {
        assert!(!ended.stdout.contains(secret) && !ended.stderr.contains(secret), "{}{}", ended.stdout, ended.stderr);
        let holders = duct::cmd!("grep", "-rl", secret, guest.host.path("home")).unchecked().read().unwrap();
        let own = guest.host.path("home/.docker/config.json").display().to_string();
        assert!(holders.is_empty() || holders == own, "{secret} is in {holders}");
    }
    guest.done(&["down"]);
    guest.nothing_differs(&before);
}

#[test]
fn without_a_login_nothing_is_changed() {
    let guest = pushing(", pullSecrets: true");
    let before = guest.api.world();
    let words = "`cluster.pullSecrets` needs a login for registry.example, and podman has none: `podman login registry.example`";
    guest.run(&["up"]).failed_with(4, &[words]);
    guest.host.write("home/.docker/config.json", "plant: no JSON");
    let ended = guest.run(&["up"]);
    ended.failed_with(4, &["no Secret can be made for `cluster.pullSecrets`", "config.json cannot be understood"]);
    assert!(!ended.stderr.contains("plant"), "{}", ended.stderr);
    assert_eq!(pushes(&guest), 0);
    guest.nothing_differs(&before);
}

#[test]
fn a_push_that_fails_says_what_the_engine_says_and_deploys_nothing() {
    let guest = pushing("");
    guest.host.write("calls.refuses", "");
    let before = guest.api.world();
    let words = [
        "pushing registry.example/e2e/shop-api:0a1b2c3d4e5f failed",
        "`podman login registry.example`",
        "  | denied: requested access to the resource is denied",
    ];
    guest.run(&["up"]).failed_with(4, &words);
    guest.nothing_differs(&before);
}

#[test]
fn an_engine_is_needed() {
    let guest = pushing("");
    std::fs::remove_file(guest.host.path("bin/podman")).unwrap();
    guest.run(&["up"]).failed_with(3, &["this host is not ready", "engine   none in PATH"]);
}

/// Pushes by a name that it gives the image, and tells the digest afterwards.
const DOCKER: &str = r#"#!/bin/sh
echo "docker $*" >> "$CALLS"
case "$*" in
    *"={{json .RepoDigests}} "*) echo '["registry.example.org/shop/api@sha256:00","registry.example/e2e/shop-api@sha256:DIGEST"]' ;;
    "image inspect"*) case "$*" in *" registry.example/"*) [ -f "$CALLS.tagged" ] || { echo "No such image" >&2; exit 1; } ;; esac
        echo "sha256:0a1b2c3d4e5f6071829304a5b6c7d8e9f00112233445566778899aabbccddeef amd64" ;;
    images*) echo "registry.example.org/shop/api:1" ;;
esac
"#;

#[test]
fn docker_pushes_a_name_that_goes_when_it_has_not_been_there() {
    let target = "registry.example/e2e/shop-api:0a1b2c3d4e5f";
    for was_there in [false, true] {
        let guest = pushing("");
        std::fs::remove_file(guest.host.path("bin/podman")).unwrap();
        guest.host.program("docker", &DOCKER.replace("DIGEST", &digest()));
        if was_there {
            guest.host.write("calls.tagged", "");
        }
        guest.done(&["up"]);
        let reference = format!("registry.example/e2e/shop-api@sha256:{}", digest());
        assert_eq!(pod(&guest)["containers"][0]["image"], reference);
        let calls = guest.host.calls();
        let at = |call: &str| calls.lines().position(|line| line == call);
        let tag = at(&format!("docker tag registry.example.org/shop/api:1 {target}"));
        assert!(tag.is_some() && tag < at(&format!("docker push {target}")), "{calls}");
        assert_eq!(at(&format!("docker rmi {target}")).is_some(), !was_there, "{calls}");
    }
}
