//! A language model behind any endpoint that speaks OpenAI's chat completions.
//!
//! The model is told the question (`prompt`) and must answer with a JSON object. What it says is checked field by field
//! (`reading`) and, when it cannot be used, the model is told why and asked again. After [`ATTEMPTS`] unusable answers
//! the finding is that a person must look. The network's troubles are `endpoint`'s business.

mod config;
mod endpoint;
mod incident;
mod prompt;
mod reading;
mod recovery;
mod tls;

use anyhow::{Result, ensure};
pub use config::{CatalogueEntry, OpenAiConfig};
use endpoint::{CallError, Endpoint};
use futures::{FutureExt, future::BoxFuture};
use prompt::Message;
use serde_json::{Map, Value};
use tokio::time::{Instant, timeout_at};

use super::{Found, Llm, LlmError};
use crate::{
    answer::{IncidentFinding, ValidationAttempt},
    incident::Incident,
    recovery::{Recovery, RecoveryFinding},
};

/// How many answers the model may give until one can be used.
pub const ATTEMPTS: u32 = 3;

/// Longest list of errors, and longest error, that the model is told and the history has.
const ERRORS_LIMIT: usize = 20;
const ERROR_LIMIT: usize = 300;

/// A model, and the workflows that it may choose.
pub struct OpenAi {
    endpoint: Endpoint,
    config: OpenAiConfig,
}

/// What a conversation came to: something usable, if anything, and the tries it took.
type Conversation<T> = (Option<T>, Vec<ValidationAttempt>);

impl OpenAi {
    /// Prepares the client; nothing is connected yet.
    ///
    /// # Errors
    /// When the address is none, or a file that the configuration names cannot be used.
    pub fn new(config: OpenAiConfig) -> Result<Self> {
        ensure!(config.tries >= 1, "openai.tries is 0");
        Ok(Self { endpoint: Endpoint::new(&config)?, config })
    }

    /// Asks until an answer can be used, [`ATTEMPTS`] times at most and not beyond the deadline.
    async fn converse<T>(
        &self,
        mut messages: Vec<Message>,
        read: impl Fn(Map<String, Value>) -> Result<T, Vec<String>>,
    ) -> Found<Conversation<T>> {
        let deadline = Instant::now() + self.config.deadline();
        let mut attempts = Vec::new();
        for attempt in 1..=ATTEMPTS {
            let asking = self.endpoint.complete(&messages, deadline);
            let said = timeout_at(deadline, asking).await.unwrap_or(Err(CallError::TimedOut));
            let (text, result) = match said {
                Ok(text) => {
                    let result = reading::object(&text).and_then(&read);
                    (text, result)
                }
                Err(CallError::Unusable(why)) => (String::new(), Err(vec![why])),
                Err(error) => return Err(error.into()),
            };
            match result {
                Ok(found) if attempts.is_empty() => return Ok((Some(found), attempts)),
                Ok(found) => {
                    attempts.push(ValidationAttempt { attempt, is_valid: true, errors: Vec::new() });
                    return Ok((Some(found), attempts));
                }
                Err(errors) => {
                    let errors = shortened(errors);
                    tracing::warn!(attempt, ?errors, "the model's answer cannot be used");
                    messages.extend(prompt::correction(&text, &errors));
                    attempts.push(ValidationAttempt { attempt, is_valid: false, errors });
                }
            }
        }
        Ok((None, attempts))
    }
}

impl Llm for OpenAi {
    fn incident<'a>(&'a self, incident: &'a Incident) -> BoxFuture<'a, Found<IncidentFinding>> {
        async move {
            let messages = prompt::incident(incident, &self.config.workflows);
            let read = |answer| incident::read(answer, &self.config.workflows);
            let (found, attempts) = self.converse(messages, read).await?;
            let finding = found.unwrap_or_else(|| incident::nothing(incident));
            Ok(IncidentFinding { validation_attempts_history: attempts, ..finding })
        }
        .boxed()
    }

    fn recovery<'a>(&'a self, recovery: &'a Recovery) -> BoxFuture<'a, Found<RecoveryFinding>> {
        async move {
            let messages = prompt::recovery(recovery, &self.config.workflows);
            let read = |answer| recovery::read(answer, recovery, &self.config.workflows);
            let (found, attempts) = self.converse(messages, read).await?;
            let finding = found.unwrap_or_else(|| recovery::nothing(recovery));
            Ok(RecoveryFinding { validation_attempts_history: attempts, ..finding })
        }
        .boxed()
    }
}

fn shortened(errors: Vec<String>) -> Vec<String> {
    errors.into_iter().take(ERRORS_LIMIT).map(|error| error.chars().take(ERROR_LIMIT).collect()).collect()
}
