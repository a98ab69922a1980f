//! What must be answered beyond Kubernetes' own idea of ready.

use std::net::SocketAddr;
use std::time::Duration;

use kind_harness::readiness::{Place, Probe};
use kind_harness::report::EventKind;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::objects::deployment;
use crate::server::Server;
use crate::{drain, in_seconds, start};

/// Answers 503 to the first requests, then 200; returns its address.
async fn slow_starter(refusals: usize) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    tokio::spawn(async move {
        for asked in 0.. {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let _ = stream.read(&mut [0; 1024]).await;
            let answer = if asked < refusals { "503 Service Unavailable" } else { "200 OK" };
            let body = "{\"status\":\"not_ready\"}";
            let text =
                format!("HTTP/1.1 {answer}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
            let _ = stream.write_all(text.as_bytes()).await;
        }
    });
    address
}

#[tokio::test]
async fn a_probe_is_asked_until_it_is_answered() {
    let server = Server::default();
    let (readiness, mut events) = start(&server);
    let address = slow_starter(3).await;
    let probe = Probe::Http { at: Place::Host(address), path: "/health/ready".into(), status: 200, contains: None };
    readiness.expect("web", server.put(&deployment("web", 1)), vec![probe, Probe::Tcp(Place::Host(address))]);
    readiness.wait_for_all_ready(None, in_seconds(10)).await.expect("ready");
    let text = format!(
        "GET http://{address}/health/ready answers 503 Service Unavailable instead of 200: {{\"status\":\"not_ready\"}}"
    );
    assert!(drain(&mut events).contains(&("web".into(), EventKind::Progress(text))));
}

#[tokio::test]
async fn an_answer_without_what_it_must_contain_is_quoted() {
    let server = Server::default();
    let (readiness, _events) = start(&server);
    let at = Place::Host(slow_starter(0).await);
    let probe = Probe::Http { at, path: "/".into(), status: 200, contains: Some("\"ready\"".into()) };
    readiness.expect("web", server.put(&deployment("web", 1)), vec![probe]);
    let deadline = Instant::now() + Duration::from_millis(300);
    let error = readiness.wait_for_all_ready(None, deadline).await.expect_err("late").to_string();
    assert!(error.contains("answers without \"\\\"ready\\\"\": {\"status\":\"not_ready\"}"), "{error}");
}

#[tokio::test]
async fn a_port_that_nobody_serves_is_quoted_at_the_deadline() {
    let server = Server::default();
    let (readiness, _events) = start(&server);
    let address = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("its address");
    readiness.expect("web", server.put(&deployment("web", 1)), vec![Probe::Tcp(Place::Host(address))]);
    let deadline = Instant::now() + Duration::from_millis(300);
    let error = readiness.wait_for_all_ready(None, deadline).await.expect_err("late");
    assert!(error.to_string().contains(&format!("{address} does not answer: ")), "{error}");
}
