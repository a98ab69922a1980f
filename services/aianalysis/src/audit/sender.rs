//! One request to DataStorage, and what it means.

use std::time::Duration;

use reqwest::{Client, StatusCode};

use super::AuditEvent;

/// How long DataStorage may take over one request.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What became of some events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sent {
    /// DataStorage has them; 202 says that it will keep them later, and counts as well.
    Stored,
    /// DataStorage has refused them: sending them again would change nothing.
    Refused(String),
    /// DataStorage is away, or somebody else has answered.
    Away(String),
}

/// Sends events.
#[derive(Clone)]
pub(super) struct Sender {
    client: Client,
    url: String,
}

impl Sender {
    pub(super) fn new(client: Client, url: &str) -> Self {
        Self { client, url: format!("{}/api/v1/audit/events/batch", url.trim_end_matches('/')) }
    }

    pub(super) async fn send(&self, events: &[AuditEvent]) -> Sent {
        let response = match self.client.post(&self.url).timeout(TIMEOUT).json(events).send().await {
            Ok(response) => response,
            Err(error) => return Sent::Away(error.to_string()),
        };
        let status = response.status();
        if status.is_success() {
            return Sent::Stored;
        }
        let why = format!("{status}: {}", response.text().await.unwrap_or_default());
        // Only these are about the events themselves. Events must not be lost because a proxy says 404 for a moment.
        let about_events = [
            StatusCode::BAD_REQUEST,
            StatusCode::CONFLICT,
            StatusCode::PAYLOAD_TOO_LARGE,
            StatusCode::UNPROCESSABLE_ENTITY,
        ];
        if about_events.contains(&status) { Sent::Refused(why) } else { Sent::Away(why) }
    }
}
