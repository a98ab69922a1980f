//! HolmesGPT-API as the controller sees it: one question, one answer, and what can go wrong between.

mod answer;
mod request;
mod wire;

use std::time::Duration;

pub use answer::Answer;
use reqwest::StatusCode;

use crate::api::AIAnalysis;

/// How long an answer may take when the object does not say.
const TIMEOUT: Duration = Duration::from_secs(30);

/// An answer that is longer is none.
const ANSWER_LIMIT: usize = 256 * 1024;

/// How long a readiness endpoint may take.
const READY_TIMEOUT: Duration = Duration::from_secs(2);

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// An answer with another status than 200, and how it begins.
    #[error("{status}: {detail}")]
    Status {
        /// HTTP status.
        status: u16,
        /// How the answer begins.
        detail: String,
    },
    /// No answer: the network, or time.
    #[error("no answer: {0}")]
    Network(String),
    /// An answer that is not one: a proxy's page, or what a model was not able to write this time. Asking again may help.
    #[error("the answer cannot be understood: {0}")]
    Nonsense(String),
}

impl CallError {
    /// Asking again would change nothing: HolmesGPT-API has refused the question.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Status { status: 400..=499, .. } if self.status() != Some(429) && self.status() != Some(408))
    }

    /// HTTP status, if there was one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(*status),
            Self::Nonsense(_) => Some(200),
            Self::Network(_) => None,
        }
    }
}

/// The client.
#[derive(Clone, Debug)]
pub struct Hapi {
    client: reqwest::Client,
    url: String,
}

impl Hapi {
    /// A client of the HolmesGPT-API at `url`.
    pub fn new(client: reqwest::Client, url: &str) -> Self {
        Self { client, url: url.trim_end_matches('/').to_owned() }
    }

    /// The path that an object's question goes to.
    pub fn endpoint(object: &AIAnalysis) -> &'static str {
        if object.spec.is_recovery_attempt { "/api/v1/recovery/analyze" } else { "/api/v1/incident/analyze" }
    }

    /// How long one answer may take.
    pub fn timeout(object: &AIAnalysis) -> Duration {
        let seconds = object.spec.timeout_config.as_ref().and_then(|config| config.investigating_seconds);
        seconds.map_or(TIMEOUT, |seconds| Duration::from_secs(seconds.into()))
    }

    /// Asks once, and waits no longer than `timeout`.
    ///
    /// # Errors
    /// When there is no answer that can be used.
    pub async fn ask(&self, object: &AIAnalysis, timeout: Duration) -> Result<Answer, CallError> {
        let question = request::of(object);
        let url = format!("{}{}", self.url, Self::endpoint(object));
        let response = self.client.post(url).timeout(timeout).json(&question).send().await.map_err(network)?;
        let status = response.status();
        let body = body(response).await?;
        if status != StatusCode::OK {
            return Err(CallError::Status { status: status.as_u16(), detail: beginning(&body) });
        }
        Answer::parse(&body, object).map_err(CallError::Nonsense)
    }

    /// Whether it is ready.
    ///
    /// # Errors
    /// When it is not, or does not answer.
    pub async fn is_ready(&self) -> Result<(), CallError> {
        ready(&self.client, &format!("{}/ready", self.url)).await
    }
}

/// How a text begins; without NUL, which no database takes.
fn beginning(body: &[u8]) -> String {
    String::from_utf8_lossy(body).chars().filter(|letter| *letter != '\0').take(300).collect()
}

async fn body(mut response: reqwest::Response) -> Result<Vec<u8>, CallError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(network)? {
        body.extend_from_slice(&chunk);
        if body.len() > ANSWER_LIMIT {
            return Err(CallError::Nonsense(format!("it is longer than {ANSWER_LIMIT} bytes")));
        }
    }
    Ok(body)
}

/// Whether a service's readiness endpoint says so.
///
/// # Errors
/// What it says instead.
pub async fn ready(client: &reqwest::Client, url: &str) -> Result<(), CallError> {
    let response = client.get(url).timeout(READY_TIMEOUT).send().await.map_err(network)?;
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let body = response.bytes().await.unwrap_or_default();
    Err(CallError::Status { status: status.as_u16(), detail: beginning(&body) })
}

/// The whole chain of causes: "error sending request" alone helps nobody.
fn network(error: reqwest::Error) -> CallError {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    CallError::Network(text)
}

#[cfg(test)]
#[path = "hapi_tests.rs"]
mod tests;
