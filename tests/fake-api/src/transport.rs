//! Two ways to the server: a client in memory, and HTTP on a port.

use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use futures::{StreamExt, stream};
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::Server;
use super::answer::Answer;

type Reply = Response<UnsyncBoxBody<Bytes, io::Error>>;

pub(crate) fn client(server: Server) -> kube::Client {
    let service = tower::service_fn(move |request: Request<kube::client::Body>| {
        let server = server.clone();
        async move { reply(&server, request).await }
    });
    kube::Client::new(service, "shop")
}

pub(crate) fn listen(server: Server) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("its address");
    listener.set_nonblocking(true).expect("a socket that tokio can wait for");
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(serve(server, listener));
    });
    address
}

async fn serve(server: Server, listener: std::net::TcpListener) {
    let listener = TcpListener::from_std(listener).expect("a listener");
    while let Ok((stream, _)) = listener.accept().await {
        let server = server.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| reply(&server, request));
            // A client may close its connection at any time.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn reply<B: Body>(server: &Server, request: Request<B>) -> io::Result<Reply>
where
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let body = serde_json::from_slice(&body).unwrap_or_default();
    let answer = server.lock().answer(&head.method, head.uri.path(), head.uri.query().unwrap_or_default(), &body);
    match answer {
        Answer::Whole(code, text) => {
            let body = Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed_unsync();
            Ok(Response::builder().status(code).body(body).expect("a response"))
        }
        Answer::Stream(lines) => {
            server.shared.opened.notify_one();
            let frames = lines.map(|line| line.map(Frame::data));
            Ok(Response::new(StreamBody::new(stream::empty().chain(frames)).boxed_unsync()))
        }
        Answer::Silence => std::future::pending().await,
        Answer::Unreachable => Err(io::Error::new(io::ErrorKind::ConnectionRefused, "connection refused")),
    }
}
