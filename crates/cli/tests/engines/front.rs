//! A proxy before a registry, that counts requests and makes trouble.

use std::net::{IpAddr, Ipv4Addr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, bail};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Response, StatusCode};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::registry::{LOGIN, Registry};

/// What the front does to requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Nothing.
    None,
    /// The next so many answers are this status.
    Refuses(StatusCode, usize),
    /// Each answer takes so long.
    Slow(Duration),
    /// One byte of each blob is another one.
    Corrupts,
    /// Blobs end in the middle.
    Breaks,
    /// Each answer is a page for people.
    Html,
}

/// A proxy before a registry, that counts.
pub(crate) struct Front {
    /// Its host and port.
    pub(crate) address: String,
    shared: Arc<Shared>,
    /// Serves as long as it is there.
    _runtime: tokio::runtime::Runtime,
}

struct Shared {
    registry: String,
    requests: AtomicUsize,
    /// Those about an image, which is all but the question what login is wanted.
    image_requests: AtomicUsize,
    trouble: Mutex<Trouble>,
    client: reqwest::Client,
    /// Where tokens are to be had, if requests need one.
    realm: Option<String>,
}

impl Front {
    /// Starts one before `registry`.
    ///
    /// # Errors
    /// When no port is free.
    pub(crate) fn before(registry: &Registry) -> Result<Front> {
        Front::at(Ipv4Addr::LOCALHOST, Ipv4Addr::LOCALHOST, registry, false)
    }

    /// Starts one that containers reach, and that serves only [`LOGIN`], to whom it gives a token.
    ///
    /// # Errors
    /// When this host has no address, or no port is free.
    pub(crate) fn with_login(registry: &Registry) -> Result<Front> {
        // Which address this host would use; nothing is sent.
        let socket = UdpSocket::bind("0.0.0.0:0")?;
        socket.connect("198.51.100.1:9")?;
        match socket.local_addr()?.ip() {
            IpAddr::V4(own) => Front::at(Ipv4Addr::UNSPECIFIED, own, registry, true),
            IpAddr::V6(own) => bail!("{own} is no address of IPv4"),
        }
    }

    fn at(listens: Ipv4Addr, reached: Ipv4Addr, registry: &Registry, wants_login: bool) -> Result<Front> {
        let listener = TcpListener::bind((listens, 0))?;
        listener.set_nonblocking(true)?;
        let address = format!("{reached}:{}", listener.local_addr()?.port());
        let shared = Arc::new(Shared {
            registry: format!("http://{}", registry.address),
            requests: AtomicUsize::new(0),
            image_requests: AtomicUsize::new(0),
            trouble: Mutex::new(Trouble::None),
            client: reqwest::Client::builder().no_proxy().build()?,
            realm: wants_login.then(|| format!("http://{address}/token")),
        });
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = {
            let _entered = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        let router = axum::Router::new().fallback(forward).with_state(shared.clone());
        runtime.spawn(async move { axum::serve(listener, router).await });
        Ok(Front { address, shared, _runtime: runtime })
    }

    /// The requests since the last call.
    pub(crate) fn requests(&self) -> usize {
        self.shared.requests.swap(0, Ordering::Relaxed)
    }

    /// The requests about images since the last call.
    pub(crate) fn image_requests(&self) -> usize {
        self.shared.image_requests.swap(0, Ordering::Relaxed)
    }

    /// From now on makes `trouble`.
    pub(crate) fn make(&self, trouble: Trouble) {
        *self.shared.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }
}

async fn forward(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    shared.requests.fetch_add(1, Ordering::Relaxed);
    if request.uri().path().len() > "/v2/".len() {
        shared.image_requests.fetch_add(1, Ordering::Relaxed);
    }
    if let Some(refused) = shared.realm.as_deref().and_then(|realm| ask_for_login(realm, &request)) {
        return refused;
    }
    let is_blob = request.uri().path().contains("/blobs/");
    let trouble = {
        let mut trouble = shared.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        let now = *trouble;
        if let Trouble::Refuses(status, times) = now {
            *trouble = if times > 1 { Trouble::Refuses(status, times - 1) } else { Trouble::None };
        }
        now
    };
    match trouble {
        Trouble::Refuses(status, _) => return answer(status, Body::from("not now")),
        Trouble::Html => return answer(StatusCode::OK, Body::from("<html><body>Sign in to the network</body></html>")),
        Trouble::Slow(time) => tokio::time::sleep(time).await,
        _ => {}
    }
    match ask(&shared, request).await {
        Ok((parts, mut bytes)) => {
            if is_blob && trouble == Trouble::Corrupts && bytes.len() > 600 {
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
            }
            let mut response = Response::from_parts(parts, Body::empty());
            *response.body_mut() = match is_blob && trouble == Trouble::Breaks {
                // Shorter than its Content-Length: the connection breaks.
                true => {
                    let half = bytes[..bytes.len() / 2].to_vec();
                    let error = std::io::Error::other("the connection breaks");
                    Body::from_stream(futures::stream::iter([Ok(half), Err(error)]))
                }
                false => Body::from(bytes),
            };
            response
        }
        Err(error) => answer(StatusCode::BAD_GATEWAY, Body::from(error.to_string())),
    }
}

/// The answer to a request for a token, or to one that has none.
fn ask_for_login(realm: &str, request: &Request) -> Option<Response<Body>> {
    const TOKEN: &str = "a-token-of-the-tests";
    let sent = request.headers().get("authorization").and_then(|sent| sent.to_str().ok()).unwrap_or_default();
    if request.uri().path() == "/token" {
        let expected = BASE64_STANDARD.encode(format!("{}:{}", LOGIN.0, LOGIN.1));
        return Some(match sent.strip_prefix("Basic ") {
            Some(login) if login == expected => answer(StatusCode::OK, format!(r#"{{"token": "{TOKEN}"}}"#).into()),
            _ => answer(StatusCode::UNAUTHORIZED, Body::empty()),
        });
    }
    if sent == format!("Bearer {TOKEN}") {
        return None;
    }
    let mut refused = answer(StatusCode::UNAUTHORIZED, Body::empty());
    let challenge = format!(r#"Bearer realm="{realm}",service="tests""#).try_into().ok()?;
    refused.headers_mut().insert("www-authenticate", challenge);
    Some(refused)
}

async fn ask(shared: &Shared, request: Request) -> Result<(axum::http::response::Parts, Vec<u8>)> {
    let (parts, _) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("/", |it| it.as_str());
    let mut headers = parts.headers;
    headers.remove("host");
    headers.remove("authorization");
    let asked = shared.client.request(parts.method, format!("{}{path}", shared.registry)).headers(headers);
    let answer: axum::http::Response<reqwest::Body> = asked.send().await?.into();
    let (parts, body) = answer.into_parts();
    let bytes = reqwest::Response::from(axum::http::Response::new(body)).bytes().await?;
    Ok((parts, bytes.to_vec()))
}

fn answer(status: StatusCode, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}
