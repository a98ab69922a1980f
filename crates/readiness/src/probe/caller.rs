//! Runs probes: over this host's network, or through the API server for Services without a host port.

use std::net::SocketAddr;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use http::StatusCode;
use http::header::HOST;
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::Pod;
use kube::api::Api;
use kube::client::Body;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Place, Probe};
use crate::errors::innermost;
use crate::pods::{self, Ran};
use crate::redact::Redactor;

/// How long a connection must stay open to count: a port forwarder accepts, and closes it if there is no listener.
const STAYS_OPEN: Duration = Duration::from_millis(50);
/// The same for forwarding by the kubelet, which takes longer to detect that there is no listener.
const STAYS_FORWARDED: Duration = Duration::from_millis(150);
/// After how long another packet is sent to an address that does not answer the first; twice as long each time, up to
/// [`AGAIN_AT_MOST`].
const AGAIN: Duration = Duration::from_millis(20);
const AGAIN_AT_MOST: Duration = Duration::from_millis(160);
/// Maximum length of the quote of an unexpected response.
const QUOTE: usize = 120;

/// Runs probes. Those through the API server need its client.
#[derive(Clone)]
pub(crate) struct Caller {
    api: Option<kube::Client>,
}

impl Caller {
    /// Returns a caller that opens a connection per request, without proxies or redirects.
    pub(crate) fn new(api: Option<kube::Client>) -> Caller {
        Caller { api }
    }

    pub(super) async fn call(&self, probe: &Probe) -> Result<(), String> {
        match probe {
            Probe::Tcp(Place::Host(address)) => {
                let stream = connect(*address).await.map_err(|error| format!("does not answer: {error}"))?;
                stays_open(stream, STAYS_OPEN).await
            }
            Probe::Tcp(Place::Service { namespace, name, port }) => self.forwarded(namespace, name, *port).await,
            Probe::Http { at, path, status, contains } => {
                let (answered, body) = match at {
                    Place::Host(address) => get(*address, path).await,
                    Place::Service { namespace, name, port } => {
                        self.get_proxied(&format!("/api/v1/namespaces/{namespace}/services/{name}:{port}/proxy{path}"))
                            .await
                    }
                }?;
                if answered.as_u16() == *status {
                    return has(&body, contains.as_deref());
                }
                Err(format!("answers {answered} instead of {status}{}", quote(&body)))
            }
            Probe::Exec { namespace, selector, command, contains } => {
                has(&self.exec(namespace, selector, command).await?, contains.as_deref())
            }
        }
    }

    async fn get_proxied(&self, path: &str) -> Result<(StatusCode, String), String> {
        let request =
            http::Request::get(path).body(Body::empty()).map_err(|error| format!("cannot be asked: {error}"))?;
        let response =
            self.api()?.send(request).await.map_err(|error| format!("does not answer: {}", innermost(&error)))?;
        let status = response.status();
        Ok((status, text(response.into_body()).await))
    }

    /// Connects to one of the pods of a Service, like `kubectl port-forward service/…`.
    async fn forwarded(&self, namespace: &str, service: &str, port: u16) -> Result<(), String> {
        let unknown = |error: kube::Error| format!("cannot be asked: {error}");
        let (pod, port) = pods::behind(&self.api()?, namespace, service, port).await?;
        let pods: Api<Pod> = Api::namespaced(self.api()?, namespace);
        let mut forwarder = pods.portforward(&pod, &[port]).await.map_err(unknown)?;
        let refused = forwarder.take_error(port);
        let stream = forwarder.take_stream(port).ok_or("cannot be asked: no stream")?;
        let refused = async {
            match refused {
                Some(refused) => refused.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(error) = refused => Err(format!("does not answer: {}", quoted(&error))),
            open = stays_open(stream, STAYS_FORWARDED) => open,
        }
    }

    /// Returns the output of a command in a ready pod.
    async fn exec(&self, namespace: &str, selector: &str, command: &[String]) -> Result<String, String> {
        let unknown = |error: kube::Error| format!("cannot be run: {error}");
        let pods: Api<Pod> = Api::namespaced(self.api()?, namespace);
        let ready = pods::find_ready(&pods, selector).await.map_err(unknown)?;
        let pod = ready.ok_or("cannot be run: no pod is ready")?;
        let Ran { stdout, stderr, status } = pods::run(&pods, &pod, command).await.map_err(unknown)?;
        match status {
            Some(status) if status.status.as_deref() == Some("Success") => Ok(stdout),
            Some(status) => {
                let said = if stderr.trim().is_empty() { &stdout } else { &stderr };
                Err(format!("fails in {pod}: {}{}", status.message.unwrap_or_default(), quote(said)))
            }
            None => Err(format!("ends in {pod} without a status")),
        }
    }

    fn api(&self) -> Result<kube::Client, String> {
        self.api.clone().ok_or_else(|| "cannot be asked without an API server".to_owned())
    }
}

/// Connects, with another attempt after [`AGAIN`], and after twice that, and so on: the first to succeed, or to be refused,
/// counts.
///
/// A node drops packets to a Service that leads nowhere yet (it should refuse them, but the kernel limits how often it
/// does), and the kernel sends a lost one again after a second: too long for a route that is there 10 ms later.
async fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    let (mut attempts, mut again) = (FuturesUnordered::new(), AGAIN);
    loop {
        attempts.push(TcpStream::connect(address));
        tokio::select! {
            Some(first) = attempts.next() => return first,
            () = tokio::time::sleep_until(tokio::time::Instant::now() + again) => {}
        }
        again = (again * 2).min(AGAIN_AT_MOST);
    }
}

async fn get(address: SocketAddr, path: &str) -> Result<(StatusCode, String), String> {
    let silent = |error: &dyn std::error::Error| format!("does not answer: {}", innermost(error));
    let stream = connect(address).await.map_err(|error| silent(&error))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| silent(&error))?;
    let request = http::Request::get(path).header(HOST, address.to_string()).body(Empty::<Bytes>::new());
    let request = request.map_err(|error| format!("cannot be asked: {error}"))?;
    let exchange = async move {
        let response = sender.send_request(request).await.map_err(|error| silent(&error))?;
        let status = response.status();
        Ok((status, text(response.into_body()).await))
    };
    // The connection ends when the exchange drops its sender; its errors are part of the exchange's result.
    tokio::join!(exchange, connection).0
}

/// Returns the part of a body that was received.
async fn text<B: hyper::body::Body>(body: B) -> String {
    let bytes = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

async fn stays_open(mut stream: impl AsyncRead + Unpin, time: Duration) -> Result<(), String> {
    match timeout(time, stream.read(&mut [0])).await {
        Err(_) | Ok(Ok(1..)) => Ok(()),
        Ok(Ok(0)) => Err("closes the connection at once".into()),
        Ok(Err(error)) => Err(format!("breaks the connection: {error}")),
    }
}

fn has(text: &str, wanted: Option<&str>) -> Result<(), String> {
    match wanted {
        Some(wanted) if !text.contains(wanted) => Err(format!("answers without {wanted:?}{}", quote(text))),
        _ => Ok(()),
    }
}

/// Returns `: ` and the first line, if there is one.
fn quote(text: &str) -> String {
    let line = quoted(text);
    if line.is_empty() { line } else { format!(": {line}") }
}

/// Masks before truncating: half a secret would not be found any more.
fn quoted(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    Redactor::global().text(line).chars().take(QUOTE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A listener whose queue is full drops packets, as a node does whose Service leads nowhere yet.
    #[tokio::test]
    async fn a_lost_packet_costs_no_second() {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        let first = TcpStream::connect(address).await.unwrap();
        let began = tokio::time::Instant::now();
        let mut connecting = std::pin::pin!(connect(address));
        assert!(timeout(AGAIN / 2, &mut connecting).await.is_err(), "the queue is full");
        listener.accept().await.unwrap();
        connecting.await.unwrap();
        // The kernel sends the lost packet again after one second (RFC 6298).
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
        drop(first);
    }

    #[test]
    fn an_answer_is_masked_before_it_is_cut() {
        Redactor::global().learn(["plant-at-the-cut"]);
        let answer = format!("{}plant-at-the-cut", "x".repeat(QUOTE - 8));
        assert_eq!(quote(&answer), format!(": {}***", "x".repeat(QUOTE - 8)));
        let told = has("exec says plant-at-the-cut", Some("pong")).unwrap_err();
        assert!(told.ends_with(": exec says ***"), "{told}");
        assert_eq!(has("exec says plant-at-the-cut", Some("plant-at-the-cut")), Ok(()), "what decides is not masked");
    }
}
