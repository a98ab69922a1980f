//! The two questions that HAPI answers, as far as they are alike: read, put to a model, kept, and answered.

use futures::{FutureExt, future::BoxFuture};
use serde::Serialize;
use serde_json::Value;
use service_common::problem::FieldError;
use uuid::Uuid;

use crate::{
    answer::IncidentAnswer,
    incident::Incident,
    llm::{Found, Llm},
    recovery::{Recovery, RecoveryAnswer},
};

/// A question, and its answer.
pub trait Question: Serialize + Send + Sync + Sized {
    /// Its name in the database and in metrics.
    const KIND: &'static str;

    /// What is answered.
    type Answer: Serialize + Send;

    /// Reads it from JSON.
    ///
    /// # Errors
    /// Every field that is missing or wrong.
    fn read(value: Value) -> Result<Self, Vec<FieldError>>;

    /// Puts it to a model; the answer carries `id`.
    fn ask<'a>(&'a self, llm: &'a dyn Llm, id: Uuid) -> BoxFuture<'a, Found<Self::Answer>>;

    /// Names the incident.
    fn incident_id(&self) -> &str;

    /// Names the remediation that asks.
    fn remediation_id(&self) -> &str;

    /// Type of signal, if it is known.
    fn signal_type(&self) -> Option<&str>;
}

impl Question for Incident {
    const KIND: &'static str = "incident";
    type Answer = IncidentAnswer;

    fn read(value: Value) -> Result<Self, Vec<FieldError>> {
        Self::parse(value)
    }

    fn ask<'a>(&'a self, llm: &'a dyn Llm, id: Uuid) -> BoxFuture<'a, Found<IncidentAnswer>> {
        async move { Ok(IncidentAnswer::new(id, self, llm.incident(self).await?)) }.boxed()
    }

    fn incident_id(&self) -> &str {
        &self.incident_id
    }

    fn remediation_id(&self) -> &str {
        &self.remediation_id
    }

    fn signal_type(&self) -> Option<&str> {
        Some(&self.signal_type)
    }
}

impl Question for Recovery {
    const KIND: &'static str = "recovery";
    type Answer = RecoveryAnswer;

    fn read(value: Value) -> Result<Self, Vec<FieldError>> {
        Self::parse(value)
    }

    fn ask<'a>(&'a self, llm: &'a dyn Llm, id: Uuid) -> BoxFuture<'a, Found<RecoveryAnswer>> {
        async move { Ok(RecoveryAnswer::new(id, self, llm.recovery(self).await?)) }.boxed()
    }

    fn incident_id(&self) -> &str {
        &self.incident_id
    }

    fn remediation_id(&self) -> &str {
        &self.remediation_id
    }

    fn signal_type(&self) -> Option<&str> {
        self.signal_type.as_deref()
    }
}
