//! What DataStorage counts.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::Registry,
};

/// What became of an event that a client sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// In PostgreSQL.
    Stored,
    /// Refused: 400.
    Invalid,
    /// Neither kept nor refused: 5xx.
    Failed,
}

impl Outcome {
    fn label(self) -> OutcomeLabel {
        let outcome = match self {
            Self::Stored => "stored",
            Self::Invalid => "invalid",
            Self::Failed => "failed",
        };
        OutcomeLabel { outcome }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

/// The service's own metrics; clones share their values.
#[derive(Clone)]
pub struct Metrics {
    events: Family<OutcomeLabel, Counter>,
    /// Seconds that writing to PostgreSQL took, by request.
    pub write_seconds: Histogram,
}

impl Metrics {
    /// The metrics at zero, and the registry that shows them.
    pub fn new() -> (Self, Registry) {
        let (mut registry, own) = service_common::metrics::registry("datastorage");
        let buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];
        let metrics = Self { events: Family::default(), write_seconds: Histogram::new(buckets) };
        for outcome in [Outcome::Stored, Outcome::Invalid, Outcome::Failed] {
            let _zero = metrics.events.get_or_create(&outcome.label());
        }
        let registry_of_own = own(&mut registry);
        registry_of_own.register(
            "audit_events",
            "Audit events received, by what became of them",
            metrics.events.clone(),
        );
        registry_of_own.register("write_seconds", "Time to write to PostgreSQL", metrics.write_seconds.clone());
        (metrics, registry)
    }

    /// Counts what became of events.
    pub fn count(&self, outcome: Outcome, events: usize) {
        self.events.get_or_create(&outcome.label()).inc_by(events as u64);
    }
}
