//! A registry of the tests' own: Debian's docker-registry, and a front before it that counts requests and makes trouble.

use std::net::{IpAddr, Ipv4Addr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Response, StatusCode};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::engine::NotHere;

/// Who may log in to a registry with a login, and the password.
pub(crate) const LOGIN: (&str, &str) = ("tester", "open-sesame");

/// The line of `htpasswd -B` for [`LOGIN`].
const HTPASSWD: &str = "tester:$2b$04$t2cgYuCzJH.s39P9ROb3Me4p8ATK76BwOCuFdvZM8GsXDcHuNiEZm\n";

/// How long a registry may take to answer.
const START: Duration = Duration::from_secs(10);

/// A registry, stopped when dropped.
pub(crate) struct Registry {
    /// Its host and port.
    pub(crate) address: String,
    daemon: Child,
    folder: tempfile::TempDir,
}

impl Registry {
    /// Starts one that speaks HTTP and knows everybody.
    ///
    /// # Errors
    /// [`NotHere`] without docker-registry; when it does not answer.
    pub(crate) fn plain() -> Result<Registry> {
        Registry::start(IpAddr::from([127, 0, 0, 1]), "", |_| Ok(()))
    }

    /// Starts one that speaks HTTP, wants a login, and is reached by containers too.
    ///
    /// # Errors
    /// As [`Registry::plain`]; [`NotHere`] if this host has no address beside its own loopback.
    pub(crate) fn for_nodes() -> Result<Registry> {
        // No packet is sent: the address is the one from which it would be.
        let probe = UdpSocket::bind("0.0.0.0:0")?;
        let address = probe.connect("192.0.2.1:9").and_then(|()| probe.local_addr());
        let address = address.map_err(|error| NotHere(format!("this host has no network: {error}")))?;
        let more = "auth:\n  htpasswd: {realm: tests, path: FOLDER/htpasswd}\n";
        Registry::start(address.ip(), more, |folder| Ok(std::fs::write(folder.join("htpasswd"), HTPASSWD)?))
    }

    /// Starts one that speaks HTTPS, with an authority of its own, and wants a login.
    ///
    /// # Errors
    /// As [`Registry::plain`].
    pub(crate) fn with_login() -> Result<Registry> {
        let more = "  tls: {certificate: FOLDER/cert.pem, key: FOLDER/key.pem}\n\
                    auth:\n  htpasswd: {realm: tests, path: FOLDER/htpasswd}\n";
        Registry::start(IpAddr::from([127, 0, 0, 1]), more, |folder| {
            let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned(), "localhost".to_owned()])?;
            std::fs::write(folder.join("cert.pem"), made.cert.pem())?;
            std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem())?;
            Ok(std::fs::write(folder.join("htpasswd"), HTPASSWD)?)
        })
    }

    /// The file of the authority that has signed its certificate.
    pub(crate) fn authority(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    /// The folder in which it keeps images.
    pub(crate) fn files(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn start(address: IpAddr, more: &str, prepare: impl Fn(&Path) -> Result<()>) -> Result<Registry> {
        let folder = tempfile::Builder::new().prefix("registry-").tempdir()?;
        prepare(folder.path())?;
        let address = TcpListener::bind((address, 0))?.local_addr()?.to_string();
        let text = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: FOLDER/data}}}}\n\
             http:\n  addr: {address}\n{more}"
        );
        let config = folder.path().join("config.yml");
        std::fs::write(&config, text.replace("FOLDER", &folder.path().display().to_string()))?;
        let log = std::fs::File::create(folder.path().join("log"))?;
        let command = Command::new("docker-registry")
            .arg("serve")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn();
        let mut daemon = match command {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                bail!(NotHere("docker-registry is not installed (apt-get install docker-registry)".into()))
            }
            started => started.context("docker-registry")?,
        };
        let began = Instant::now();
        while std::net::TcpStream::connect(&address).is_err() {
            let log = || std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
            ensure!(daemon.try_wait()?.is_none(), "docker-registry ended:\n{}", log());
            ensure!(began.elapsed() < START, "docker-registry does not answer:\n{}", log());
            std::thread::park_timeout(Duration::from_millis(20));
        }
        Ok(Registry { address, daemon, folder })
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

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
