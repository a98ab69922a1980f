//! Serving HTTP/1.1: listening from the first moment, ending what is in flight at the last.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, Result};
use axum::{Router, serve::Listener};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// A request's head must be read within this time, counted from the connection or from the answer before: longer than a
/// client needs, so that a connection kept alive is seldom closed in its face, and an end to one that sends nothing.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// Most bytes that a connection reads ahead of its handler, and the largest head. hyper's own 400 KiB per connection
/// would be more than all requests in work may have.
const READ_AHEAD: usize = 32 << 10;

/// Serves `router` on `address` until `stop`, and returns once the requests in flight have their answers.
///
/// # Errors
/// When the address cannot be bound.
pub async fn serve(address: SocketAddr, router: Router, stop: CancellationToken) -> Result<()> {
    let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
    tracing::info!(%address, "listening");
    serve_connections(listener, router, HEAD_TIMEOUT, stop).await;
    tracing::info!(%address, "stopped listening");
    Ok(())
}

/// `axum::serve` has no time-out for a request's head, hence hyper's own builder.
async fn serve_connections(mut listener: TcpListener, router: Router, head_timeout: Duration, stop: CancellationToken) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(head_timeout).max_buf_size(READ_AHEAD);
    let connections = GracefulShutdown::new();
    while let Some((stream, _)) = stop.run_until_cancelled(Listener::accept(&mut listener)).await {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY was refused");
        }
        let service = TowerToHyperService::new(router.clone());
        let connection = connections.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection has ended badly");
            }
        });
    }
    drop(listener);
    connections.shutdown().await;
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
        task::JoinHandle,
    };

    use super::*;

    async fn start(head_timeout: Duration, stop: &CancellationToken) -> (SocketAddr, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/", get(|| async { "here" }));
        (address, tokio::spawn(serve_connections(listener, router, head_timeout, stop.clone())))
    }

    /// Everything that is answered until the connection is closed.
    async fn answer(stream: &mut TcpStream) -> String {
        let mut text = String::new();
        let reading = stream.read_to_string(&mut text);
        tokio::time::timeout(Duration::from_secs(20), reading).await.expect("the connection is closed").unwrap();
        text
    }

    #[tokio::test]
    async fn a_head_that_does_not_end_ends_its_connection_and_no_other() {
        let stop = CancellationToken::new();
        let (address, _) = start(Duration::from_millis(200), &stop).await;
        let mut endless = TcpStream::connect(address).await.unwrap();
        let mut silent = TcpStream::connect(address).await.unwrap();
        endless.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nx-slow: ").await.unwrap();
        let mut good = TcpStream::connect(address).await.unwrap();
        good.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        assert!(answer(&mut good).await.ends_with("here"));
        assert_eq!((answer(&mut endless).await, answer(&mut silent).await), (String::new(), String::new()));
    }

    #[tokio::test]
    async fn stopping_closes_connections_that_are_kept_and_returns() {
        let stop = CancellationToken::new();
        let (address, serving) = start(HEAD_TIMEOUT, &stop).await;
        let mut kept = TcpStream::connect(address).await.unwrap();
        kept.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        kept.read_u8().await.unwrap();
        stop.cancel();
        assert!(answer(&mut kept).await.ends_with("here"));
        tokio::time::timeout(Duration::from_secs(20), serving).await.expect("serving has ended").unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }
}
