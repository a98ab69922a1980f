//! One question to the endpoint: sent again while it is busy or failing, within bounds.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderValue, Request, StatusCode, Uri, header},
};
use backon::{ExponentialBuilder, Retryable};
use chrono::{DateTime, Utc};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::json;
use service_common::config::Secret;
use tokio::time::{Instant, timeout};

use super::{
    LlmError, OpenAiConfig,
    prompt::Message,
    reading::content,
    tls::{self, Client},
};

/// Largest answer that is read, in bytes.
const ANSWER_LIMIT: usize = 1024 * 1024;

/// How often it is asked, and how long it is waited for, is the configuration's.
pub(super) struct Endpoint {
    client: Client,
    uri: Uri,
    key: Option<HeaderValue>,
    model: String,
    timeout: Duration,
    tries: usize,
}

/// Why there is no answer. What the endpoint says about it is left out: some quote the key.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    #[error("status {}", status.as_u16())]
    Status { status: StatusCode, retry_after: Option<Duration> },
    #[error("{0}")]
    Network(String),
    #[error("no answer in time")]
    TimedOut,
    /// It has answered, but not with what a model says.
    #[error("{0}")]
    Unusable(String),
}

impl CallError {
    /// Whether asking again may help.
    fn is_passing(&self) -> bool {
        match self {
            Self::Status { status, .. } => {
                status.is_server_error()
                    || matches!(*status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
            }
            Self::Network(_) | Self::TimedOut => true,
            Self::Unusable(_) => false,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        if let Self::Status { retry_after, .. } = self { *retry_after } else { None }
    }
}

impl From<CallError> for LlmError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Status { status: StatusCode::TOO_MANY_REQUESTS, retry_after } => {
                let seconds = retry_after.map_or(1, |after| after.as_secs().max(1));
                Self::Busy(u32::try_from(seconds).unwrap_or(u32::MAX))
            }
            CallError::Status { status, .. } if status.is_client_error() => Self::Refused(status.as_u16()),
            CallError::TimedOut => Self::TimedOut,
            other => Self::Failed(other.to_string()),
        }
    }
}

impl Endpoint {
    pub(super) fn new(config: &OpenAiConfig) -> Result<Self> {
        let key = config.api_key_file.as_deref().map(Secret::from_file).transpose()?;
        let key = key.map(|key| authorization(&key)).transpose()?;
        Ok(Self {
            client: tls::client(config.ca_file.as_deref())?,
            uri: address(&config.base_url)?,
            key,
            model: config.model.clone(),
            timeout: config.timeout(),
            tries: config.tries,
        })
    }

    /// What the model says. Sent again after a while when that may help, or when the endpoint says; but never beyond
    /// `deadline`: who would have to wait longer is told so at once.
    pub(super) async fn complete(&self, messages: &[Message], deadline: Instant) -> Result<String, CallError> {
        // `json_object` and not a schema: it is what every such endpoint knows.
        let body = json!({
            "model": self.model,
            "messages": messages,
            "temperature": 0,
            "response_format": {"type": "json_object"},
        });
        let body = Bytes::from(body.to_string());
        let patience = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(200))
            .with_max_delay(Duration::from_secs(5))
            .with_jitter()
            .with_max_times(self.tries - 1);
        let answer = (|| self.send(body.clone()))
            .retry(patience)
            .when(CallError::is_passing)
            .adjust(|error, pause| {
                let pause = pause?.max(error.retry_after().unwrap_or_default());
                (Instant::now() + pause < deadline).then_some(pause)
            })
            .notify(|error, pause| tracing::warn!(%error, ?pause, "the language model is asked again"))
            .await?;
        content(&answer).map_err(CallError::Unusable)
    }

    async fn send(&self, body: Bytes) -> Result<Bytes, CallError> {
        timeout(self.timeout, self.send_patiently(body)).await.unwrap_or(Err(CallError::TimedOut))
    }

    async fn send_patiently(&self, body: Bytes) -> Result<Bytes, CallError> {
        let mut request = Request::post(&self.uri).header(header::CONTENT_TYPE, "application/json");
        if let Some(key) = &self.key {
            request = request.header(header::AUTHORIZATION, key);
        }
        let request = request.body(Body::from(body)).map_err(|error| CallError::Network(error.to_string()))?;
        let response = self.client.request(request).await.map_err(|error| CallError::Network(chain(&error)))?;
        let status = response.status();
        if !status.is_success() {
            return Err(CallError::Status { status, retry_after: retry_after(response.headers()) });
        }
        match Limited::new(response.into_body(), ANSWER_LIMIT).collect().await {
            Ok(answer) => Ok(answer.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => {
                Err(CallError::Unusable(format!("the answer is larger than {ANSWER_LIMIT} bytes")))
            }
            Err(error) => Err(CallError::Network(chain(&*error))),
        }
    }
}

/// Credentials belong into the key's file: an address is shown and logged.
fn address(base_url: &str) -> Result<Uri> {
    let uri: Uri = format!("{}/chat/completions", base_url.trim_end_matches('/')).parse().context("openai.base_url")?;
    ensure!(matches!(uri.scheme_str(), Some("http" | "https")), "openai.base_url is not of http or https");
    ensure!(uri.query().is_none(), "openai.base_url has a query");
    let authority = uri.authority().context("openai.base_url has no host")?;
    ensure!(!authority.as_str().contains('@'), "openai.base_url has credentials");
    Ok(uri)
}

fn authorization(key: &Secret) -> Result<HeaderValue> {
    let value = HeaderValue::try_from(format!("Bearer {}", key.expose().trim()));
    let mut value = value.ok().context("the key in openai.api_key_file has characters that no key has")?;
    value.set_sensitive(true);
    Ok(value)
}

/// Seconds, or a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = DateTime::parse_from_rfc2822(text).ok()?;
    Some(date.signed_duration_since(Utc::now()).to_std().unwrap_or_default())
}

/// The whole chain of causes: "client error (Connect)" alone helps nobody.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
#[path = "endpoint_tests.rs"]
mod tests;
