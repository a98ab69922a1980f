//! Probes of a component, run once its objects are ready, from where tests will call it.

mod caller;

use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use tokio::time::timeout;

pub(super) use caller::Caller;

/// The first pause between two attempts, the longest, and the factor of growth.
const FIRST: Duration = Duration::from_millis(20);
const LAST: Duration = Duration::from_millis(250);
const GROWTH: f64 = 1.5;
/// Deadline of one attempt.
const PATIENCE: Duration = Duration::from_secs(2);

/// A probe that a component must pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Probe {
    /// Opens a connection, and checks that it stays open: a port forwarder accepts even without a listener.
    Tcp(Place),
    /// GETs a path and expects a status.
    Http {
        /// The address.
        at: Place,
        /// The path, such as `/health/ready`.
        path: String,
        /// The expected status.
        status: u16,
        /// Text that the body must contain.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        contains: Option<String>,
    },
    /// Runs a command in a ready pod, and expects that it succeeds.
    Exec {
        /// Namespace of the pod.
        namespace: String,
        /// Label selector of the pods.
        selector: String,
        /// Program and arguments.
        command: Vec<String>,
        /// Text that it must print.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        contains: Option<String>,
    },
}

/// The address of a [`Probe`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// An address of this host, such as `127.0.0.1:8091`.
    Host(SocketAddr),
    /// A port of a Service that is not mapped to a host port: through the API server.
    Service {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// The Service's own port.
        port: u16,
    },
}

/// Formats an address: `127.0.0.1:8091`, or `service/redis:6379`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Host(address) => address.fmt(f),
            Place::Service { name, port, .. } => write!(f, "service/{name}:{port}"),
        }
    }
}

/// Formats a probe: `GET http://127.0.0.1:8091/health/ready`, `service/redis:6379`, or `redis-cli ping`.
impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Probe::Tcp(place) => place.fmt(f),
            Probe::Http { at: Place::Host(address), path, .. } => write!(f, "GET http://{address}{path}"),
            Probe::Http { at, path, .. } => write!(f, "GET {at}{path}"),
            Probe::Exec { command, .. } => write!(f, "`{}`", command.join(" ")),
        }
    }
}

impl Probe {
    /// Runs it once, with a deadline of 2 s. What this host cannot reach by itself is asked through the API server, by
    /// `client`.
    ///
    /// # Errors
    /// What happened instead, as words that follow the probe's name.
    pub async fn run(&self, client: Option<kube::Client>) -> Result<(), String> {
        self.ask(&Caller::new(client)).await
    }

    pub(super) async fn ask(&self, caller: &Caller) -> Result<(), String> {
        self.ask_within(caller, PATIENCE).await
    }

    /// Runs it once, with a deadline of 2 s or `limit`, whichever is shorter.
    pub(super) async fn ask_within(&self, caller: &Caller, limit: Duration) -> Result<(), String> {
        let answer = timeout(limit.min(PATIENCE), caller.call(self)).await;
        answer.unwrap_or_else(|_| {
            // The rest of a limit differs from call to call, and the message of the same failure should not.
            Err(if limit < PATIENCE {
                "does not answer in time".into()
            } else {
                format!("does not answer within {PATIENCE:?}")
            })
        })
    }

    /// Runs it until it succeeds; calls `say` when the result changes.
    pub(super) async fn ask_until_answered(&self, caller: &Caller, say: impl Fn(Result<(), String>)) {
        let mut pause = FIRST;
        let mut last = String::new();
        loop {
            match self.ask(caller).await {
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

/// Returns a factor between 0.8 and 1.2, so that probes that started together do not stay in step.
fn jitter() -> f64 {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.subsec_nanos());
    0.8 + f64::from(nanos % 1000) / 2500.0
}
