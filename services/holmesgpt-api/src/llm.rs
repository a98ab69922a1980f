//! Who investigates: a language model, or something that answers like one.

pub mod mock;
pub mod openai;

use futures::future::BoxFuture;

use crate::{
    answer::IncidentFinding,
    incident::Incident,
    recovery::{Recovery, RecoveryFinding},
};

/// Why there is no answer. None of these messages has anything in it that the model or its operator keeps secret.
#[derive(Debug, thiserror::Error)]
pub enum LlmError {
    /// A test asked for it.
    #[error("{0} was asked for")]
    Injected(&'static str),
    /// The model wants fewer questions; it may be asked again in so many seconds.
    #[error("the language model is busy, ask again in {0} s")]
    Busy(u32),
    /// The model does not take the question, as it is or from us: asking again changes nothing.
    #[error("the language model refuses the question with status {0}")]
    Refused(u16),
    /// The model failed, or cannot be reached.
    #[error("the language model failed: {0}")]
    Failed(String),
    /// There was no answer in time.
    #[error("the language model gave no answer in time")]
    TimedOut,
    /// The database, which has the mock's memory, is away.
    #[error("the mock's memory failed")]
    Memory(#[from] sqlx::Error),
}

/// What an investigation comes to.
pub type Found<T> = Result<T, LlmError>;

/// Something that investigates incidents.
pub trait Llm: Send + Sync {
    /// Investigates an incident.
    fn incident<'a>(&'a self, incident: &'a Incident) -> BoxFuture<'a, Found<IncidentFinding>>;

    /// Says what to do after a remedy failed.
    fn recovery<'a>(&'a self, recovery: &'a Recovery) -> BoxFuture<'a, Found<RecoveryFinding>>;
}
