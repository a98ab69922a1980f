//! Real output of programs and servers, and its classification.

mod api_server;

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use kube::core::Status;
use rstest::rstest;

use super::Dependency::{ApiServer, Engine, Registry};
use super::*;

/// Formats a cause: `~` for transient, `!` for permanent.
fn told(cause: Cause) -> String {
    format!("{}{:?}: {}", if cause.transient { '~' } else { '!' }, cause.dependency, cause.what)
}

fn open() -> Open {
    Open { dependency: Registry, cause: Cause::transient(Registry, "timeout"), wait: Duration::ZERO }
}

fn failed(tail: &str) -> ExecError {
    let status = std::process::ExitStatus::from_raw(125 << 8);
    ExecError::Failed { command: "engine".into(), status, tail: tail.into() }
}

#[rstest]
// podman
#[case(
    r#"Error: initializing source docker://redis:7: pinging container registry registry-1.docker.io: Get "https://registry-1.docker.io/v2/": dial tcp 54.198.86.24:443: i/o timeout"#,
    "~Registry: timeout"
)]
#[case(
    r#"Error: initializing source docker://redis:7: pinging container registry localhost:5000: Get "http://localhost:5000/v2/": dial tcp [::1]:5000: connect: connection refused"#,
    "~Registry: connection refused"
)]
#[case(
    r#"Error: unable to copy from source docker://quay.io/a/b:1: initializing source docker://quay.io/a/b:1: pinging container registry quay.io: Get "https://quay.io/v2/": dial tcp: lookup quay.io on 10.0.2.3:53: no such host"#,
    "~Registry: name not resolved"
)]
#[case(
    r#"Error: initializing source docker://a.example/b:1: pinging container registry a.example: Get "https://a.example/v2/": dial tcp: lookup a.example: Temporary failure in name resolution"#,
    "~Registry: name not resolved"
)]
#[case(
    "Error: initializing source docker://redis:7: reading manifest 7 in docker.io/library/redis: received unexpected HTTP status: 503 Service Unavailable",
    "~Registry: service unavailable"
)]
#[case(
    "Error: parsing image configuration: invalid status code from registry 502 (Bad Gateway)",
    "~Registry: bad gateway"
)]
#[case(
    "Error: fetching blob: invalid status code from registry 500 (Internal Server Error)",
    "~Registry: internal server error"
)]
#[case(
    "Error: initializing source docker://redis:nope: reading manifest nope in docker.io/library/redis: manifest unknown",
    "!Registry: no such image"
)]
#[case(
    "Error: initializing source docker://quay.io/a/b: reading manifest latest in quay.io/a/b: unauthorized: access to the requested resource is not authorized",
    "!Registry: access denied"
)]
#[case(
    "Error: initializing source docker://me/private: reading manifest latest in docker.io/me/private: requested access to the resource is denied",
    "!Registry: access denied"
)]
#[case(
    r#"Error: initializing source docker://r.local/a:1: pinging container registry r.local: Get "https://r.local/v2/": tls: failed to verify certificate: x509: certificate signed by unknown authority"#,
    "!Registry: certificate refused"
)]
#[case(
    r#"Error: initializing source docker://r.local:5000/a:1: pinging container registry r.local:5000: Get "https://r.local:5000/v2/": http: server gave HTTP response to HTTPS client"#,
    "!Registry: no TLS"
)]
#[case(
    "Error: choosing an image from manifest list docker://a:1: no image found in image index for architecture \"arm64\", variant \"v8\", OS \"linux\"",
    "!Registry: no image for this platform"
)]
#[case(
    "Error: writing blob: storing blob to file \"/var/tmp/container_images_storage3/1\": write /var/tmp/container_images_storage3/1: no space left on device",
    "!Engine: disk full"
)]
#[case(
    "Error: creating container storage: the container name \"c-control-plane\" is already in use by 5f2a. You have to remove that container to be able to reuse that name: that name is already in use",
    "!Engine: name taken"
)]
#[case("Error: rootlessport listen tcp 127.0.0.1:8091: bind: address already in use", "!Engine: port taken")]
#[case("Error: beginning transaction: database is locked", "~Engine: engine busy")]
#[case(
    "Error: c-control-plane: fork/exec /usr/bin/conmon: resource temporarily unavailable",
    "~Engine: too many processes"
)]
#[case(
    "Cannot connect to Podman. Please verify your connection to the Linux system using `podman system connection list`\nError: unable to connect to Podman socket: dial unix /run/podman/podman.sock: connect: connection refused",
    "~Engine: engine not reachable"
)]
// Podman prints each of its own attempts; the last message counts, but a permanent cause takes precedence.
#[case(
    "time=\"1\" level=warning msg=\"Failed, retrying in 1s ... (1/3). Error: reading blob: read tcp 10.0.2.100:4->1.2.3.4:443: read: connection reset by peer\"\nError: reading blob: read tcp 10.0.2.100:4->1.2.3.4:443: read: connection reset by peer",
    "~Registry: connection reset"
)]
#[case(
    "level=warning msg=\"Failed, retrying in 1s ... (1/3). Error: i/o timeout\"\nError: reading manifest nope in docker.io/library/redis: manifest unknown",
    "!Registry: no such image"
)]
// docker
#[case(
    r#"Error response from daemon: Get "https://registry-1.docker.io/v2/": net/http: TLS handshake timeout"#,
    "~Registry: TLS handshake timeout"
)]
#[case(
    r#"Error response from daemon: Get "https://registry-1.docker.io/v2/": context deadline exceeded (Client.Timeout exceeded while awaiting headers)"#,
    "~Registry: timeout"
)]
#[case(
    r#"Error response from daemon: Get "https://registry-1.docker.io/v2/": net/http: request canceled while waiting for connection"#,
    "~Registry: timeout"
)]
#[case(
    "toomanyrequests: You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit",
    "~Registry: too many requests"
)]
#[case(r#"Error response from daemon: Head "https://ghcr.io/v2/a/b/manifests/1": EOF"#, "~Registry: connection lost")]
#[case(
    "error pulling image configuration: download failed after attempts=6: unexpected EOF",
    "~Registry: connection lost"
)]
#[case(
    r#"Error response from daemon: Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io on 127.0.0.53:53: server misbehaving"#,
    "~Registry: name not resolved"
)]
#[case(
    r#"Error response from daemon: Get "https://r.example/v2/": dial tcp 10.1.2.3:443: connect: no route to host"#,
    "~Registry: network unreachable"
)]
#[case(
    r#"Error response from daemon: Get "https://registry-1.docker.io/v2/": dial tcp [2600:1f18::1]:443: connect: network is unreachable"#,
    "~Registry: network unreachable"
)]
#[case(
    "Error response from daemon: received unexpected HTTP status: 504 Gateway Time-out",
    "~Registry: gateway timeout"
)]
#[case(
    "Error response from daemon: manifest for redis:nope not found: manifest unknown: manifest unknown",
    "!Registry: no such image"
)]
#[case(
    "Error response from daemon: pull access denied for me/app, repository does not exist or may require 'docker login': denied: requested access to the resource is denied",
    "!Registry: access denied"
)]
#[case(
    "Error response from daemon: no matching manifest for linux/arm64/v8 in the manifest list entries",
    "!Registry: no image for this platform"
)]
#[case(
    "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
    "~Engine: engine not reachable"
)]
#[case(
    r#"permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: Get "http://%2Fvar%2Frun%2Fdocker.sock/v1.47/info": dial unix /var/run/docker.sock: connect: permission denied"#,
    "!Engine: engine not permitted"
)]
#[case(
    r#"docker: Error response from daemon: Conflict. The container name "/c-control-plane" is already in use by container "9d". You have to remove (or rename) that container to be able to reuse that name."#,
    "!Engine: name taken"
)]
#[case(
    "docker: Error response from daemon: driver failed programming external connectivity on endpoint c: Bind for 127.0.0.1:8091 failed: port is already allocated",
    "!Engine: port taken"
)]
#[case("Error response from daemon: No such container: c-control-plane", "!Engine: no such container")]
// containerd, by nerdctl and ctr
#[case(
    r#"failed to resolve reference "docker.io/library/redis:nope": docker.io/library/redis:nope: not found"#,
    "!Registry: no such image"
)]
#[case(
    r#"failed to resolve reference "docker.io/library/redis:7": failed to do request: Head "https://registry-1.docker.io/v2/library/redis/manifests/7": dial tcp: lookup registry-1.docker.io: no such host"#,
    "~Registry: name not resolved"
)]
#[case(
    r#"failed to resolve reference "docker.io/library/redis:7": unexpected status from HEAD request to https://registry-1.docker.io/v2/library/redis/manifests/7: 429 Too Many Requests"#,
    "~Registry: too many requests"
)]
#[case(
    r#"failed to copy: httpReadSeeker: failed open: unexpected status code https://r.example/v2/a/blobs/sha256:00: 500 Internal Server Error"#,
    "~Registry: internal server error"
)]
#[case(
    r#"failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://ghcr.io/token?scope=x: 403 Forbidden"#,
    "!Registry: access denied"
)]
#[case(
    r#"cannot access containerd socket "/run/containerd/containerd.sock": no such file or directory"#,
    "~Engine: engine not reachable"
)]
#[case(
    "ctr: failed to ingest \"blobs/sha256/00\": write /var/lib/containerd/ingest/1/data: no space left on device\nError: write |1: broken pipe",
    "!Engine: disk full"
)]
// Unknown errors.
#[case("Error: the moon is full", "!Registry: unknown")]
#[case("", "!Registry: unknown")]
fn a_pull_that_fails(#[case] tail: &str, #[case] expected: &str) {
    assert_eq!(told(Cause::of_program(&failed(tail), Registry)), expected);
}

#[rstest]
#[case(
    r#"ERROR: failed to create cluster: node(s) already exist for a cluster with the name "shop""#,
    "!Engine: cluster exists"
)]
#[case(
    r#"ERROR: failed to create cluster: could not find a log line that matches "Reached target .*Multi-User System.*|detected cgroup v1""#,
    "~Engine: node does not boot"
)]
#[case(
    "ERROR: failed to create cluster: failed to init node with kubeadm: command \"podman exec --privileged c kubeadm init\" failed with error: exit status 1\nCommand Output: [wait-control-plane] timed out waiting for the condition",
    "~Engine: timeout"
)]
#[case(
    "ERROR: failed to create cluster: failed to remove control plane taint: The connection to the server c-control-plane:6443 was refused - did you specify the right host or port?",
    "~Engine: connection refused"
)]
#[case(
    "ERROR: failed to create cluster: failed to pull image \"kindest/node:v9\": command failed\nmanifest unknown",
    "!Engine: no such image"
)]
#[case("ERROR: failed to create cluster: unknown apiVersion: kind.x-k8s.io/v9", "!Engine: unknown")]
fn a_kind_that_fails(#[case] tail: &str, #[case] expected: &str) {
    assert_eq!(told(Cause::of_program(&failed(tail), Engine)), expected);
}

#[test]
fn programs_that_did_not_come_to_say_anything() {
    let start = |kind: ErrorKind| ExecError::Start { command: "podman".into(), source: kind.into() };
    let of = |error: &ExecError| told(Cause::of_program(error, Registry));
    assert_eq!(of(&start(ErrorKind::NotFound)), "!Engine: cannot be run");
    assert_eq!(of(&start(ErrorKind::WouldBlock)), "~Engine: too many processes");
    let hung = ExecError::Hung { command: "podman pull a".into(), after: Duration::from_secs(2 * 60) };
    assert_eq!(of(&hung), "~Engine: hung");
    assert_eq!(Cause::of_program(&hung, Registry).attempts(5), 2);
    assert_eq!(of(&ExecError::NotRun(open())), "!Registry: timeout");
}
