//! Error texts of programs and servers, and the causes that they mean.

use super::{Cause, Dependency};

/// Matches when the output contains all substrings; the third field overrides which dependency is blamed.
type Row = (&'static [&'static str], &'static str, Option<Dependency>);

const ENGINE: Option<Dependency> = Some(Dependency::Engine);

/// Errors that retries cannot fix.
const PERMANENT: &[Row] = &[
    (&["no space left on device"], "disk full", ENGINE),
    (&["disk quota exceeded"], "disk full", ENGINE),
    (&["address already in use"], "port taken", ENGINE),
    (&["port is already allocated"], "port taken", ENGINE),
    (&["container name", "already in use"], "name taken", ENGINE),
    (&["already exist for a cluster with the name"], "cluster exists", ENGINE),
    (&["no such container"], "no such container", ENGINE),
    (&["permission denied", "docker.sock"], "engine not permitted", ENGINE),
    (&["permission denied", "docker api"], "engine not permitted", ENGINE),
    (&["manifest unknown"], "no such image", None),
    (&["name unknown"], "no such image", None),
    (&["failed to resolve reference", ": not found"], "no such image", None),
    (&["no such image"], "no such image", None),
    (&["image not known"], "no such image", None),
    (&["no matching manifest"], "no image for this platform", None),
    (&["no image found in image index for architecture"], "no image for this platform", None),
    (&["invalid reference format"], "no image reference", None),
    (&["unauthorized"], "access denied", None),
    (&["access denied"], "access denied", None),
    (&["access to the resource is denied"], "access denied", None),
    (&["authentication required"], "access denied", None),
    (&["403 forbidden"], "access denied", None),
    (&["x509: "], "certificate refused", None),
    (&["invalid peer certificate"], "certificate refused", None),
    (&["server gave http response to https client"], "no TLS", None),
];

/// Transient errors, more specific texts first.
const TRANSIENT: &[Row] = &[
    (&["cannot connect to the docker daemon"], "engine not reachable", ENGINE),
    (&["failed to connect to the docker api"], "engine not reachable", ENGINE),
    (&["cannot connect to podman"], "engine not reachable", ENGINE),
    (&["cannot access containerd socket"], "engine not reachable", ENGINE),
    (&["database is locked"], "engine busy", ENGINE),
    (&["resource temporarily unavailable"], "too many processes", ENGINE),
    (&["could not find a log line that matches"], "node does not boot", ENGINE),
    (&["etcdserver: leader changed"], "etcd changes its leader", None),
    (&["etcdserver: no leader"], "etcd changes its leader", None),
    (&["etcdserver: request timed out"], "etcd timeout", None),
    (&["toomanyrequests"], "too many requests", None),
    (&["too many requests"], "too many requests", None),
    (&["tls handshake timeout"], "TLS handshake timeout", None),
    (&["temporary failure in name resolution"], "name not resolved", None),
    (&["no such host"], "name not resolved", None),
    (&["server misbehaving"], "name not resolved", None),
    (&["connection refused"], "connection refused", None),
    (&["the connection to the server", "was refused"], "connection refused", None),
    (&["connection reset"], "connection reset", None),
    (&["write tcp", "broken pipe"], "connection reset", None),
    (&["network is unreachable"], "network unreachable", None),
    (&["no route to host"], "network unreachable", None),
    (&["unexpected eof"], "connection lost", None),
    (&["\": eof"], "connection lost", None),
    (&["connection lost"], "connection lost", None),
    (&["use of closed network connection"], "connection lost", None),
    (&["connection closed before message completed"], "connection lost", None),
    (&["stream error: "], "connection lost", None),
    (&["500 internal server error"], "internal server error", None),
    (&["500 (internal server error)"], "internal server error", None),
    (&["bad gateway"], "bad gateway", None),
    (&["service unavailable"], "service unavailable", None),
    (&["gateway timeout"], "gateway timeout", None),
    (&["gateway time-out"], "gateway timeout", None),
    (&["i/o timeout"], "timeout", None),
    (&["deadline exceeded"], "timeout", None),
    (&["deadline has elapsed"], "timeout", None),
    (&["client.timeout"], "timeout", None),
    (&["request canceled while waiting for connection"], "timeout", None),
    (&["timed out"], "timeout", None),
];

/// Returns the known cause in `text`, the response of `dependency` or the output of a program that calls it. Permanent
/// causes come first: programs retry by themselves, and print each attempt.
pub(super) fn find(text: &str, dependency: Dependency) -> Option<Cause> {
    let text = text.to_lowercase();
    let find = |rows: &[Row]| {
        let row = rows.iter().find(|(words, ..)| words.iter().all(|word| text.contains(word)));
        row.map(|(_, what, whose)| (*what, whose.unwrap_or(dependency)))
    };
    let permanent = find(PERMANENT).map(|(what, whose)| Cause::permanent(whose, what));
    permanent.or_else(|| find(TRANSIENT).map(|(what, whose)| Cause::transient(whose, what)))
}
