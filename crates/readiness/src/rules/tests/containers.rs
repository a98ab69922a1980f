use super::*;
use crate::{ImageLack, Want};

fn pod(status: &str, world: &str) -> String {
    format!(
        "- {{apiVersion: v1, kind: Pod, metadata: {{name: web, namespace: shop, uid: p}}, \
         spec: {{nodeName: n, containers: [{{name: app, resources: {{limits: {{memory: 64Mi}}}}}}]}}, status: {{{status}}}}}\n{world}"
    )
}

fn container(status: &str) -> String {
    pod(&format!("containerStatuses: [{{name: app, image: 'shop/web:1', {status}}}]"), "")
}

fn waits(reason: &str, message: &str) -> String {
    container(&format!("state: {{waiting: {{reason: {reason}, message: '{message}'}}}}"))
}

#[test]
fn images() {
    let event = "- {apiVersion: v1, kind: Event, metadata: {name: e}, involvedObject: {uid: p}, reason: Failed, \
                 message: 'Failed to pull image \"shop/web:1\": rpc error: code = NotFound desc = shop/web:1: not found'}";
    let silent = "containerStatuses: [{name: app, image: 'shop/web:1', state: {waiting: {reason: ImagePullBackOff, message: 'Back-off pulling image \"shop/web:1\"'}}}]";
    check(&[
        ("name", &waits("InvalidImageName", ""), Is::Failing(Cause::Final, "no image name")),
        ("never", &waits("ErrImageNeverPull", ""), Is::Failing(Cause::Final, "imagePullPolicy is Never")),
        (
            "not found",
            &waits("ErrImagePull", "failed to resolve reference \"shop/web:1\": shop/web:1: not found"),
            Is::Failing(Cause::Final, "image shop/web:1 does not exist"),
        ),
        (
            "denied",
            &waits("ErrImagePull", "pull access denied, repository does not exist or may require authorization"),
            Is::Failing(Cause::Final, "the registry refuses image shop/web:1"),
        ),
        (
            "network",
            &waits("ErrImagePull", "dial tcp: lookup registry.test: no such host"),
            Is::Failing(Cause::ImageNetwork, "cannot be pulled"),
        ),
        (
            "a proxy on the way refuses",
            &waits("ErrImagePull", "proxyconnect tcp: 403 Forbidden"),
            Is::Failing(Cause::ImageNetwork, "cannot be pulled"),
        ),
        (
            "server",
            &waits("ErrImagePull", "unexpected status: 503 Service Unavailable"),
            Is::Failing(Cause::ImageNetwork, "503"),
        ),
        ("back-off without a cause", &pod(silent, ""), Is::Failing(Cause::ImageNetwork, "Back-off")),
        (
            "back-off, the event knows",
            &pod(silent, event),
            Is::Failing(Cause::Final, "does not exist: Failed to pull image"),
        ),
        (
            "back-off, the event is of another container's image",
            &pod(silent, &event.replace("shop/web:1", "shop/db:1")),
            Is::Failing(Cause::ImageNetwork, "Back-off"),
        ),
    ]);
}

#[test]
fn only_the_end_of_a_long_message_is_told() {
    let cause = "dial tcp: lookup registry.test: no such host";
    let long = format!("{}{cause}", "failed to do request: ".repeat(20));
    let short = told(&waits("ErrImagePull", cause));
    assert_eq!(short, format!("container app: image shop/web:1 cannot be pulled: {cause}"));
    let told = told(&waits("ErrImagePull", &long));
    assert!(told.starts_with("container app: image shop/web:1 cannot be pulled: … "), "{told}");
    assert!(told.ends_with(cause) && told.len() < long.len(), "{told}");
}

#[test]
fn what_is_wanted_is_told_as_values() {
    let image = |lack| Some(Want::Image { image: "shop/web:1".into(), lack });
    let secret = || {
        serde_json::from_value(serde_json::json!({
        "apiVersion": "v1", "kind": "Secret", "namespace": "shop", "name": "db"}))
    };
    let secret = || secret().expect("a reference");
    let key = "couldn''t find key password in Secret shop/db";
    let cases = [
        (waits("ErrImageNeverPull", ""), image(ImageLack::NotLoaded)),
        (waits("ErrImagePull", "manifest unknown"), image(ImageLack::NotFound)),
        (waits("ErrImagePull", "unauthorized"), image(ImageLack::Refused)),
        (waits("ImagePullBackOff", "i/o timeout"), image(ImageLack::NotPulled)),
        (waits("InvalidImageName", ""), None),
        (waits("CreateContainerConfigError", "secret \"db\" not found"), Some(Want::Object(secret()))),
        (waits("CreateContainerConfigError", key), Some(Want::Key { object: secret(), key: "password".into() })),
        (waits("CreateContainerError", "no such subpath"), None),
    ];
    for (yaml, want) in cases {
        assert_eq!(found(&yaml).want(), want.as_ref(), "{yaml}");
    }
    let secret = "- {apiVersion: v1, kind: Secret, metadata: {name: db, namespace: shop, uid: s}}";
    let healing = waits("CreateContainerConfigError", "secret \"db\" not found") + secret;
    assert_eq!(found(&healing).want(), None, "what is there is not wanted any more");
}

#[test]
fn crashes() {
    let crash = |restarts: i64, end: &str| {
        container(&format!(
            "restartCount: {restarts}, state: {{waiting: {{reason: CrashLoopBackOff}}}}, lastState: {{terminated: {{{end}}}}}"
        ))
    };
    let liveness = "- {apiVersion: v1, kind: Event, metadata: {name: e}, involvedObject: {uid: p}, reason: Unhealthy, message: 'Liveness probe failed: 500'}";
    let killed = "containerStatuses: [{name: app, restartCount: 3, ready: false, state: {running: {}}, lastState: {terminated: {exitCode: 137, reason: Error}}}]";
    check(&[
        ("once", &crash(0, "exitCode: 1"), Is::Waiting("CrashLoopBackOff after exit code 1, 0 restarts")),
        ("twice", &crash(2, "exitCode: 1"), Is::Waiting("2 restarts")),
        (
            "thrice",
            &crash(3, "exitCode: 1, reason: Error"),
            Is::Failing(Cause::Crash, "container app keeps crashing: exit code 1, 3 restarts"),
        ),
        ("up again, it may heal", &pod(killed, ""), Is::Waiting("is running, not ready yet")),
        ("liveness", &pod(killed, liveness), Is::Failing(Cause::Crash, "Liveness probe failed: 500")),
        (
            "up again, but its readiness probe fails",
            &pod(killed, &liveness.replace("Liveness", "Readiness")),
            Is::Waiting("is running, not ready yet after exit code 137, 3 restarts: Readiness probe failed: 500"),
        ),
        (
            "down, not restarted yet",
            &container("state: {terminated: {exitCode: 1, reason: Error}}"),
            Is::Waiting("container app is not running after exit code 1, 0 restarts"),
        ),
        ("out of memory once", &crash(0, "exitCode: 137, reason: OOMKilled"), Is::Waiting("OOMKilled")),
        (
            "out of memory twice",
            &crash(1, "exitCode: 137, reason: OOMKilled"),
            Is::Failing(Cause::Crash, "memory limit of 64Mi"),
        ),
        ("cannot start", &crash(0, "exitCode: 128, reason: StartError"), Is::Waiting("StartError")),
        (
            "cannot start twice",
            &crash(1, "exitCode: 128, reason: StartError, message: 'exec: \"x\": not found'"),
            Is::Failing(Cause::Crash, "cannot be started: exec"),
        ),
        (
            "init container",
            &pod(
                "initContainerStatuses: [{name: migrate, restartCount: 3, state: {terminated: {exitCode: 9}}}], containerStatuses: [{name: app, state: {waiting: {reason: PodInitializing}}}]",
                "",
            ),
            Is::Failing(Cause::Crash, "init container migrate keeps crashing: exit code 9"),
        ),
        (
            "init container at work",
            &pod(
                "initContainerStatuses: [{name: migrate, state: {running: {}}}], containerStatuses: [{name: app, state: {waiting: {reason: PodInitializing}}}]",
                "",
            ),
            Is::Waiting("init container migrate is running"),
        ),
        (
            "init container done",
            &pod(
                "initContainerStatuses: [{name: migrate, state: {terminated: {exitCode: 0}}}], containerStatuses: [{name: app, state: {waiting: {reason: PodInitializing}}}]",
                "",
            ),
            Is::Waiting("container app: PodInitializing"),
        ),
    ]);
    let found = found(&crash(3, "exitCode: 1"));
    let hint = found.fault().map(|fault| fault.hint.as_str());
    assert_eq!(hint, Some("read its log: kubectl logs -n shop pod/web -c app --previous"));
}

#[test]
fn configuration_and_volumes() {
    let status = "containerStatuses: [{name: app, state: {waiting: {reason: CreateContainerConfigError, message: 'secret \"db\" not found'}}}]";
    let secret = "- {apiVersion: v1, kind: Secret, metadata: {name: db, namespace: shop}}";
    let creating = "containerStatuses: [{name: app, state: {waiting: {reason: ContainerCreating}}}]";
    let mount = |message: &str| {
        format!(
            "- {{apiVersion: v1, kind: Event, metadata: {{name: e}}, involvedObject: {{uid: p}}, reason: FailedMount, message: '{message}'}}"
        )
    };
    let missing = mount("MountVolume.SetUp failed for volume \"c\" : configmap \"settings\" not found");
    check(&[
        ("no secret", &pod(status, ""), Is::Failing(Cause::Config, "secret \"db\" not found")),
        ("the secret has come", &pod(status, secret), Is::Waiting("secret/db is there now")),
        (
            "cannot be created",
            &waits("CreateContainerError", "no such subpath"),
            Is::Failing(Cause::Create, "no such subpath"),
        ),
        ("creating", &pod(creating, ""), Is::Waiting("container app: ContainerCreating")),
        ("no config map", &pod(creating, &missing), Is::Failing(Cause::Volume, "configmap \"settings\" not found")),
        (
            "a mount that may come",
            &pod(creating, &mount("timed out")),
            Is::Waiting("a volume cannot be mounted: timed out"),
        ),
    ]);
    let Finding::Failing(fault) = found(&pod(status, "")) else { panic!("not failing") };
    assert_eq!(fault.want.as_ref().and_then(Want::object).expect("names what is missing").to_string(), "secret/db");
}
