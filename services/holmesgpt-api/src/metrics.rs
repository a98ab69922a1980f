//! What HAPI counts.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

/// The labels of an analysis.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct AnalysisLabels {
    /// `incident` or `recovery`.
    pub kind: &'static str,
    /// HTTP status that was answered.
    pub status: u16,
}

/// The service's own metrics; clones share their values.
#[derive(Clone)]
pub struct Metrics {
    /// Analyses, by kind and status.
    pub analyses: Family<AnalysisLabels, Counter>,
    /// Analyses that are being worked on.
    pub in_flight: Gauge,
    /// Seconds that an analysis took.
    pub seconds: Histogram,
}

/// An analysis that is being worked on, until it is dropped: be it done, or be it that nobody waits for it any more.
pub struct InFlight(Gauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    /// One more analysis is being worked on.
    pub fn begin(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }

    /// The metrics at zero, and the registry that shows them.
    pub fn new() -> (Self, Registry) {
        let (mut registry, own) = service_common::metrics::registry("hapi");
        let buckets = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0];
        let metrics =
            Self { analyses: Family::default(), in_flight: Gauge::default(), seconds: Histogram::new(buckets) };
        for kind in ["incident", "recovery"] {
            let _zero = metrics.analyses.get_or_create(&AnalysisLabels { kind, status: 200 });
        }
        let registry_of_own = own(&mut registry);
        registry_of_own.register("analyses", "Analyses asked for, by kind and status", metrics.analyses.clone());
        let help = "Analyses that are being worked on";
        registry_of_own.register("analyses_in_flight", help, metrics.in_flight.clone());
        registry_of_own.register("analysis_seconds", "Time that an analysis took", metrics.seconds.clone());
        (metrics, registry)
    }
}
