//! What is asked of a component from where tests will call it, once its objects are ready.

use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The first pause between two askings, the longest, and by how much it grows.
const FIRST: Duration = Duration::from_millis(20);
const LAST: Duration = Duration::from_millis(250);
const GROWTH: f64 = 1.5;
/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a connection must stay open to count: a port forwarder accepts, and closes when nobody is behind it.
const STAYS_OPEN: Duration = Duration::from_millis(50);
/// How much of an unwelcome answer is quoted.
const QUOTE: usize = 120;

/// A question that a component must answer, asked at an address of the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// Where to ask, such as `127.0.0.1:8091`.
    pub address: SocketAddr,
    /// What to ask.
    pub ask: Ask,
}

/// What a [`Probe`] asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ask {
    /// Opens a connection, and sees that it stays open: a port forwarder accepts even when nobody is behind it.
    Tcp,
    /// GETs a path and expects a status.
    Http {
        /// The path, such as `/health/ready`.
        path: String,
        /// The status that means yes.
        status: u16,
    },
}

/// `GET http://127.0.0.1:8091/health/ready`, or `127.0.0.1:5432`.
impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.ask {
            Ask::Tcp => write!(f, "{}", self.address),
            Ask::Http { path, .. } => write!(f, "GET http://{}{}", self.address, path),
        }
    }
}

impl Probe {
    /// Asks once.
    ///
    /// # Errors
    /// What it answers instead, in words that follow the probe's name.
    pub(super) async fn ask(&self, client: &reqwest::Client) -> Result<(), String> {
        let answer = async {
            match &self.ask {
                Ask::Tcp => tcp(self.address).await,
                Ask::Http { path, status } => http(client, &format!("http://{}{path}", self.address), *status).await,
            }
        };
        timeout(PATIENCE, answer).await.unwrap_or_else(|_| Err(format!("does not answer within {PATIENCE:?}")))
    }

    /// Asks until it is answered; says when the answer changes.
    pub(super) async fn ask_until_answered(&self, client: &reqwest::Client, say: impl Fn(Result<(), String>)) {
        let mut pause = FIRST;
        let mut last = String::new();
        loop {
            match self.ask(client).await {
                Ok(()) => return say(Ok(())),
                Err(answer) if answer != last => {
                    last.clone_from(&answer);
                    say(Err(answer));
                }
                Err(_) => {}
            }
            tokio::time::sleep_until(tokio::time::Instant::now() + pause.mul_f64(jitter())).await;
            pause = pause.mul_f64(GROWTH).min(LAST);
        }
    }
}

/// A client for probes: every question opens its own connection, to where it says.
///
/// # Errors
/// The host's network cannot be set up for HTTP.
pub(super) fn client() -> reqwest::Result<reqwest::Client> {
    let redirect = reqwest::redirect::Policy::none();
    reqwest::Client::builder().no_proxy().redirect(redirect).pool_max_idle_per_host(0).build()
}

async fn tcp(address: SocketAddr) -> Result<(), String> {
    let stream = TcpStream::connect(address).await.map_err(|error| format!("does not answer: {error}"))?;
    match timeout(STAYS_OPEN, stream.peek(&mut [0])).await {
        Err(_) | Ok(Ok(1..)) => Ok(()),
        Ok(Ok(0)) => Err("closes the connection at once".into()),
        Ok(Err(error)) => Err(format!("breaks the connection: {error}")),
    }
}

async fn http(client: &reqwest::Client, url: &str, want: u16) -> Result<(), String> {
    let response = client.get(url).send().await.map_err(|error| format!("does not answer: {}", root(&error)))?;
    let status = response.status();
    if status.as_u16() == want {
        return Ok(());
    }
    let body = response.text().await.unwrap_or_default();
    let quote: String = body.lines().next().unwrap_or_default().chars().take(QUOTE).collect();
    let quote = if quote.is_empty() { quote } else { format!(": {quote}") };
    Err(format!("answers {status} instead of {want}{quote}"))
}

fn root(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), root)
}

/// Between 0.8 and 1.2, so that probes that began together do not stay together.
fn jitter() -> f64 {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.subsec_nanos());
    0.8 + f64::from(nanos % 1000) / 2500.0
}
