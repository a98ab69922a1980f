//! What DataStorage counts.

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric},
    metrics::{counter::Counter, family::Family, gauge::ConstGauge, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use sqlx::PgPool;

/// What became of an event that a client sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// In PostgreSQL: 201.
    Stored,
    /// In the dead-letter stream: 202.
    Accepted,
    /// Refused: 400.
    Invalid,
    /// Refused, because its id is another event's: 409.
    Conflict,
    /// Neither kept nor refused: 5xx.
    Failed,
}

impl Outcome {
    const ALL: [Self; 5] = [Self::Stored, Self::Accepted, Self::Invalid, Self::Conflict, Self::Failed];

    fn label(self) -> OutcomeLabel {
        let outcome = match self {
            Self::Stored => "stored",
            Self::Accepted => "accepted",
            Self::Invalid => "invalid",
            Self::Conflict => "conflict",
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
    /// Seconds that writing to PostgreSQL took, by statement.
    pub write_seconds: Histogram,
    /// Seconds that a question took.
    pub query_seconds: Histogram,
    /// Entries in the dead-letter stream.
    pub dead_letter_entries: Gauge,
    /// Events that came back from the dead-letter stream.
    pub dead_letter_drained: Counter,
    /// Entries that nobody can store.
    pub dead_letter_parked: Counter,
}

impl Metrics {
    /// The metrics at zero, and the registry that shows them, and the pool's.
    pub fn new(pool: PgPool) -> (Self, Registry) {
        let (mut registry, own) = service_common::metrics::registry("datastorage");
        let buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];
        let metrics = Self {
            events: Family::default(),
            write_seconds: Histogram::new(buckets),
            query_seconds: Histogram::new(buckets),
            dead_letter_entries: Gauge::default(),
            dead_letter_drained: Counter::default(),
            dead_letter_parked: Counter::default(),
        };
        for outcome in Outcome::ALL {
            let _zero = metrics.events.get_or_create(&outcome.label());
        }
        let Self { events, write_seconds, query_seconds, dead_letter_entries: entries, .. } = metrics.clone();
        let shown = own(&mut registry);
        shown.register("audit_events", "Audit events received, by what became of them", events);
        shown.register("write_seconds", "Time to write to PostgreSQL", write_seconds);
        shown.register("query_seconds", "Time to answer a question", query_seconds);
        shown.register("dead_letter_entries", "Entries in the dead-letter stream", entries);
        let (drained, parked) = (metrics.dead_letter_drained.clone(), metrics.dead_letter_parked.clone());
        shown.register("dead_letter_drained", "Events brought back from the dead-letter stream", drained);
        shown.register("dead_letter_parked", "Entries taken out of the stream that nobody can store", parked);
        shown.register_collector(Box::new(Pool(pool)));
        (metrics, registry)
    }

    /// Counts what became of events.
    pub fn count(&self, outcome: Outcome, events: usize) {
        self.events.get_or_create(&outcome.label()).inc_by(events as u64);
    }
}

/// Connections to PostgreSQL, asked at each scrape.
#[derive(Debug)]
struct Pool(PgPool);

impl Collector for Pool {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let (all, idle) = (i64::from(self.0.size()), i64::try_from(self.0.num_idle()).unwrap_or(i64::MAX));
        let counts = [
            ("database_connections", "Open connections to PostgreSQL", all),
            ("database_connections_idle", "Those of them that have nothing to do", idle),
        ];
        for (name, help, count) in counts {
            let gauge = ConstGauge::new(count);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        Ok(())
    }
}
