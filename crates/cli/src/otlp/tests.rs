use std::net::SocketAddr;

use axum::Router;
use axum::routing::post;
use kind_harness::report::RecordedRun;
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::*;

#[test]
fn each_step_is_a_span_below_the_run() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/formats/run.jsonl");
    let run = RecordedRun::read(&file).unwrap();
    let timeline = run.timeline();
    let all = spans(&timeline, &run.header);
    let (root, steps) = all.split_first().unwrap();
    assert_eq!((root.name.as_ref(), steps.len()), ("suite reference", timeline.spans.len()));
    assert_eq!(root.end_time.duration_since(root.start_time).unwrap(), timeline.wall());
    let of_trace = |span: &&SpanData| {
        span.parent_span_id == root.span_context.span_id()
            && span.span_context.trace_id() == root.span_context.trace_id()
            && span.start_time >= root.start_time
            && span.end_time <= root.end_time
    };
    assert_eq!(steps.iter().filter(of_trace).count(), steps.len());
    let mut ids: Vec<_> = all.iter().map(|span| span.span_context.span_id().to_bytes()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all.len(), "each span has an id of its own");
}

/// Returns how the spans of a run are sent to `endpoint`.
async fn sent(endpoint: &str, authorities: Option<&Path>) -> anyhow::Result<()> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/formats/run.jsonl");
    let run = RecordedRun::read(&file).unwrap();
    send(Some(endpoint), authorities, &run.timeline(), &run.header).await
}

/// Returns a collector, and what it receives.
fn collector() -> (Router, tokio::sync::mpsc::Receiver<Bytes>) {
    let (sender, received) = tokio::sync::mpsc::channel::<Bytes>(1);
    let take = move |body: Bytes| async move { drop(sender.send(body).await) };
    (Router::new().route("/v1/traces", post(take)), received)
}

fn assert_spans(body: &Bytes) {
    for name in ["suite reference", "ready postgresql", "kind-harness"] {
        assert!(body.windows(name.len()).any(|part| part == name.as_bytes()), "{name}");
    }
}

#[tokio::test]
async fn a_collector_receives_the_spans() {
    let (router, mut received) = collector();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}/v1/traces", listener.local_addr().unwrap());
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let sent = sent(&endpoint, None).await;
    assert_spans(&received.recv().await.unwrap());
    server.abort();
    sent.unwrap();
}

/// A listener whose connections speak TLS.
struct Tls(TcpListener, TlsAcceptor);

impl axum::serve::Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (connection, from) = self.0.accept().await.unwrap();
            if let Ok(connection) = self.1.accept(connection).await {
                return (connection, from);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.0.local_addr()
    }
}

#[tokio::test]
async fn a_collector_with_tls_receives_them_when_its_authority_is_trusted() {
    let (router, mut received) = collector();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("https://localhost:{}/v1/traces", listener.local_addr().unwrap().port());
    let listener = Tls(listener, TlsAcceptor::from(Arc::new(config)));
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs_err::write(&path, text).unwrap();
        path
    };
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let strangers = [None, Some(file("other.pem", &other.cert.pem()))];
    for authorities in strangers {
        let error = format!("{:#}", sent(&endpoint, authorities.as_deref()).await.unwrap_err());
        assert!(error.contains("certificate"), "{error}");
    }
    let empty = file("empty.pem", "");
    let error = format!("{:#}", sent(&endpoint, Some(&empty)).await.unwrap_err());
    assert!(error.contains("empty.pem: there is no certificate in it"), "{error}");
    sent(&endpoint, Some(&file("own.pem", &made.cert.pem()))).await.unwrap();
    assert_spans(&received.recv().await.unwrap());
    server.abort();
}
