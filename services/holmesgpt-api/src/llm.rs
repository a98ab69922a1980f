//! Who investigates: a language model, or something that answers like one.

pub mod mock;
pub mod scenario;

use futures::future::BoxFuture;
use uuid::Uuid;

use crate::{
    answer::IncidentAnswer,
    incident::Incident,
    recovery::{Recovery, RecoveryAnswer},
};

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LlmError {
    /// The model failed.
    #[error("the language model failed: {0}")]
    Failed(String),
    /// The model wants fewer questions.
    #[error("the language model is busy, ask again in {0} s")]
    Busy(u32),
}

/// Something that investigates incidents.
pub trait Llm: Send + Sync {
    /// Investigates an incident; the answer carries `id`.
    fn incident<'a>(&'a self, id: Uuid, incident: &'a Incident) -> BoxFuture<'a, Result<IncidentAnswer, LlmError>>;

    /// Says what to do after a remedy failed; the answer carries `id`.
    fn recovery<'a>(&'a self, id: Uuid, recovery: &'a Recovery) -> BoxFuture<'a, Result<RecoveryAnswer, LlmError>>;
}
