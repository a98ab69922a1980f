//! The source of images: `auto` probes the registry once.

use std::error::Error;
use std::time::Duration;

use http::header::{HOST, PROXY_AUTHORIZATION};
use http::{Request, StatusCode, Uri};
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::suite::config::ImageSource;

/// The API endpoint of the registry of kind's node image and most components' images. Any HTTP response, "unauthorized"
/// included, means that it is reachable.
const PROBE: &str = "http://registry-1.docker.io/v2/";

/// Deadline of the registry's response. A slower one would be too slow for pulls.
const PATIENCE: Duration = Duration::from_secs(2);

/// The chosen source, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Never [`ImageSource::Auto`].
    pub source: ImageSource,
    /// One sentence for the user.
    pub why: String,
}

/// Replaces `auto` by one of the other sources; returns those unchanged.
pub async fn decide(wanted: ImageSource) -> Choice {
    match wanted {
        ImageSource::Auto => decide_by(PROBE).await,
        told => Choice { source: told, why: "as configured".into() },
    }
}

async fn decide_by(probe: &str) -> Choice {
    let answer = tokio::time::timeout(PATIENCE, get(probe)).await;
    let answer = answer.unwrap_or_else(|_| Err(format!("no answer within {PATIENCE:?}").into()));
    match answer {
        // A refusal by a proxy is a response too, but not one of a registry.
        Ok(status) if status.is_redirection() || status == 401 || status == 200 => {
            Choice { source: ImageSource::Registry, why: format!("{probe} answers") }
        }
        Ok(status) => {
            let why = format!("{probe} answers {status}, so images are built from packages");
            Choice { source: ImageSource::Packages, why }
        }
        Err(error) => {
            let cause = crate::readiness::errors::innermost(&*error);
            let why = format!("{probe} cannot be reached ({cause}), so images are built from packages");
            Choice { source: ImageSource::Packages, why }
        }
    }
}

/// Returns the status of a plain HTTP GET, through the proxy in `HTTP_PROXY`. Redirects are not followed: only the
/// first response counts.
async fn get(url: &str) -> Result<StatusCode, Box<dyn Error + Send + Sync>> {
    let url: Uri = url.parse()?;
    let proxy = Matcher::from_system().intercept(&url);
    let next = proxy.as_ref().map_or(&url, |proxy| proxy.uri());
    let stream = TcpStream::connect((next.host().unwrap_or_default(), next.port_u16().unwrap_or(80))).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let mut request = Request::get(&url).header(HOST, url.authority().map_or("", |it| it.as_str()));
    if let Some(credentials) = proxy.as_ref().and_then(|proxy| proxy.basic_auth()) {
        request = request.header(PROXY_AUTHORIZATION, credentials);
    }
    let mut request = request.body(Empty::<Bytes>::new())?;
    if proxy.is_none() {
        *request.uri_mut() = url.path().parse()?;
    }
    let exchange = async move { sender.send_request(request).await.map(|response| response.status()) };
    // The connection ends when the exchange drops its sender; its errors are the exchange's errors too.
    Ok(tokio::join!(exchange, connection).0?)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn what_is_told_is_not_probed() {
        let choice = decide(ImageSource::Registry).await;
        assert_eq!(choice.source, ImageSource::Registry);
    }

    #[rstest]
    #[case("HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", ImageSource::Registry)]
    #[case("HTTP/1.1 301 Moved\r\nlocation: https://elsewhere/v2/\r\ncontent-length: 0\r\n\r\n", ImageSource::Registry)]
    #[case("HTTP/1.1 407 Proxy\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", ImageSource::Packages)]
    #[case("", ImageSource::Packages)]
    #[tokio::test]
    async fn what_answers_as_a_registry_does_is_one(#[case] answer: &'static str, #[case] source: ImageSource) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let probe = format!("http://{}/v2/", listener.local_addr().unwrap());
        let serving = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let length = stream.read(&mut request).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8_lossy(&request[..length]).into_owned()
        };
        let (choice, request) = tokio::join!(decide_by(&probe), serving);
        assert_eq!(choice.source, source, "{}", choice.why);
        assert!(request.starts_with("GET /v2/ HTTP/1.1\r\n"), "{request}");
    }

    #[tokio::test]
    async fn a_registry_that_refuses_connections_means_packages() {
        // Bound, so that no other test gets the port, and not listening.
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let probe = format!("http://{}/v2/", socket.local_addr().unwrap());
        let choice = decide_by(&probe).await;
        assert_eq!(choice.source, ImageSource::Packages);
        assert!(choice.why.contains("refused"), "{}", choice.why);
    }
}
