use super::*;

#[rstest]
#[case(429, "", "the server has received too many requests", "~ApiServer: too many requests")]
#[case(500, "InternalError", "an internal error", "!ApiServer: server error")]
#[case(500, "", "etcdserver: leader changed", "~ApiServer: etcd changes its leader")]
#[case(500, "", "etcdserver: request timed out", "~ApiServer: etcd timeout")]
#[case(
    500,
    "ServerTimeout",
    "the server cannot complete the request at this time, try again later",
    "~ApiServer: timeout"
)]
#[case(
    500,
    "InternalError",
    r#"Internal error occurred: failed calling webhook "validate.example.com": failed to call webhook: Post "https://hook.shop.svc:443/validate?timeout=10s": dial tcp 10.96.1.7:443: connect: connection refused"#,
    "~ApiServer: webhook not reachable"
)]
#[case(
    500,
    "InternalError",
    r#"Internal error occurred: failed calling webhook "a": failed to call webhook: Post "https://hook.shop.svc:443/": no endpoints available for service "hook""#,
    "~ApiServer: webhook not reachable"
)]
#[case(502, "", "", "~ApiServer: bad gateway")]
#[case(503, "ServiceUnavailable", "apiserver not ready", "~ApiServer: service unavailable")]
#[case(
    503,
    "",
    "error trying to reach service: dial tcp 10.0.0.1:80: connect: connection refused",
    "~ApiServer: connection refused"
)]
#[case(504, "Timeout", "Timeout: request did not complete within the allotted duration", "~ApiServer: gateway timeout")]
#[case(
    409,
    "Conflict",
    r#"Operation cannot be fulfilled on deployments.apps "web": the object has been modified; please apply your changes to the latest version and try again"#,
    "~ApiServer: write conflict"
)]
#[case(
    409,
    "AlreadyExists",
    r#"object is being deleted: configmaps "app" already exists"#,
    "~ApiServer: write conflict"
)]
#[case(
    409,
    "Conflict",
    r#"Apply failed with 1 conflict: conflict with "kubectl-edit": .data.a"#,
    "!ApiServer: field conflict"
)]
#[case(400, "BadRequest", "strict decoding error: unknown field data.b", "!ApiServer: bad request")]
#[case(401, "Unauthorized", "Unauthorized", "!ApiServer: unauthorized")]
#[case(
    403,
    "Forbidden",
    r#"pods "app" is forbidden: error looking up service account shop/default: serviceaccount "default" not found"#,
    "~ApiServer: no default service account yet"
)]
#[case(
    403,
    "Forbidden",
    r#"pods "app" is forbidden: error looking up service account shop/api: serviceaccount "api" not found"#,
    "!ApiServer: forbidden"
)]
#[case(403, "Forbidden", r#"configmaps "app" is forbidden: exceeded quota"#, "!ApiServer: forbidden")]
#[case(404, "NotFound", r#"namespaces "shop" not found"#, "!ApiServer: not found")]
#[case(422, "Invalid", "spec.ports[0].nodePort: provided port is already allocated", "!ApiServer: invalid")]
#[case(418, "", "a teapot", "!ApiServer: refused")]
fn an_api_server_that_refuses(#[case] code: u16, #[case] reason: &str, #[case] says: &str, #[case] expected: &str) {
    let status = Status { code, message: says.into(), reason: reason.into(), ..Status::default() };
    assert_eq!(told(Cause::of_api(&kube::Error::Api(Box::new(status)))), expected);
}

#[rstest]
#[case(
    "error trying to connect: tcp connect error: Connection refused (os error 111)",
    "~ApiServer: connection refused"
)]
#[case("client error (SendRequest): connection closed before message completed", "~ApiServer: connection lost")]
#[case("client error (Connect): deadline has elapsed", "~ApiServer: timeout")]
#[case("client error (Connect): invalid peer certificate: UnknownIssuer", "!ApiServer: certificate refused")]
#[case("client error (Connect)", "~ApiServer: connection failed")]
fn an_api_server_that_is_not_reached(#[case] says: &str, #[case] expected: &str) {
    assert_eq!(told(Cause::of_api(&kube::Error::Service(says.into()))), expected);
}

#[test]
fn an_api_server_that_is_not_asked_or_does_not_answer() {
    let hung = Hung { what: "applying configmap/app".into(), after: Duration::from_secs(70) };
    assert_eq!(hung.to_string(), "applying configmap/app hung: the API server had not answered after 1m 10s");
    assert_eq!(told(Cause::of_api(&hung.into())), "~ApiServer: hung");
    let open = Open { dependency: ApiServer, cause: Cause::transient(ApiServer, "timeout"), wait: Duration::ZERO };
    assert_eq!(told(Cause::of_api(&open.into())), "!ApiServer: timeout");
    let unknown = kube::Error::Discovery(kube::error::DiscoveryError::MissingKind("Basket".into()));
    assert_eq!(told(Cause::of_api(&unknown)), "!ApiServer: kind not served");
    let streaming = kube::Error::ReadEvents(std::io::Error::from(ErrorKind::UnexpectedEof));
    assert!(Cause::of_api(&streaming).transient);
    assert!(!Cause::of_api(&kube::Error::TlsRequired).transient);
}
