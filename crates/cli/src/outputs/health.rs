//! What `health` prints and `serve` answers. Names are those of the usual health endpoints, with underscores.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kind_harness::report::{Advice, BreakerState, Grade};
use serde::Serialize;

/// `health`, and `GET /health` of `serve`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Health {
    /// The state of the whole suite.
    pub(crate) status: HealthStatus,
    /// The suite's name.
    pub(crate) suite: String,
    /// The cluster's name.
    pub(crate) cluster: String,
    /// The components, and how they are asked.
    pub(crate) infrastructure: Infrastructure,
    /// How the last start-up was.
    pub(crate) startup_optimization: StartupOptimization,
    /// What would make the start-up shorter, from the last start-up; null when none is kept.
    pub(crate) recommendations: Option<Vec<Advice>>,
}

/// The state of a suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub(crate) enum HealthStatus {
    /// A component has not answered for the first time yet.
    Starting,
    /// Every component is up.
    Healthy,
    /// Only components that no other component needs are down.
    Degraded,
    /// A component that another one needs is down, or the API server does not answer.
    Unhealthy,
}

/// The components, and how they are asked.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Infrastructure {
    /// Every component, by its name.
    pub(crate) services: BTreeMap<String, Service>,
    /// The last start-up that is kept; null when none is.
    pub(crate) startup_metrics: Option<LastStartUp>,
    /// The circuit breaker of each component; null where components are asked only once.
    pub(crate) circuit_breakers: Option<BTreeMap<String, CircuitBreaker>>,
}

/// A component.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Service {
    /// Whether it is up.
    pub(crate) state: ServiceState,
    /// Time until the last of its probes had succeeded or failed, in milliseconds; of a component without probes, the
    /// time in which its objects were listed. Null when its probes were not run.
    pub(crate) response_time_ms: Option<f64>,
    /// Why it is not up, as a word; null when it is.
    pub(crate) reason: Option<String>,
    /// Why it is not up, as a sentence; null when it is.
    pub(crate) message: Option<String>,
    /// What to do about it; null when that is not known.
    pub(crate) hint: Option<String>,
    /// The components that need it.
    pub(crate) needed_by: Vec<String>,
    /// When this was true; null before the first answer.
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub(crate) asked: Option<Timestamp>,
}

/// Whether a component is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub(crate) enum ServiceState {
    /// Its objects are ready, and its probes succeed.
    Up,
    /// It is not ready.
    Down,
    /// It has not answered yet, or the API server does not answer.
    Unknown,
}

/// The circuit breaker of a component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct CircuitBreaker {
    /// `open` while the component is not asked, `half-open` while one ask finds out whether it is back.
    pub(crate) state: BreakerState,
    /// How many asks in a row did not find it up.
    pub(crate) failures: u32,
}

/// The last start-up of the suite's cluster that deployed something and whose run ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct LastStartUp {
    /// The run's name, for `kind-harness report`.
    pub(crate) run: String,
    /// When it began.
    #[cfg_attr(test, schemars(with = "String"))]
    pub(crate) began: Timestamp,
    /// `ready`, `failed`, `interrupted` or `ended early`.
    pub(crate) outcome: &'static str,
    /// `parallel`, `waves` or `sequential`.
    pub(crate) strategy: String,
    /// How long deploy and ready took, in seconds.
    pub(crate) total_seconds: f64,
    /// The longest chain of components' own times along their needs, in seconds.
    pub(crate) lower_bound_seconds: f64,
    /// The components' start-up times together, divided by the total.
    pub(crate) overlap: f64,
    /// How many components were started.
    pub(crate) components: usize,
    /// How many of them were not ready.
    pub(crate) failures: usize,
    /// How many calls were retried.
    pub(crate) retries: usize,
}

/// How the last start-up was; every figure is null when no start-up is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct StartupOptimization {
    /// Whether components were deployed concurrently: with the strategies `parallel` and `waves`.
    pub(crate) parallel_initialization: Option<bool>,
    /// The grade; null also when a component was not ready.
    pub(crate) performance_grade: Option<Grade>,
    /// CPU time of nodes and harness as a share of what all cores could have done; null when it was not measured.
    pub(crate) efficiency_percent: Option<f64>,
    /// Sequential ÷ parallel: of the last start-up, and of the median of earlier ones by the other strategy, as its report
    /// says; null when not both are known.
    pub(crate) speed_up: Option<f64>,
}

/// `serve`: where it listens.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Serve {
    /// The address of the page.
    pub(crate) url: String,
}

/// `GET /stats` of `serve`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Stats {
    /// For how long the server has been running.
    pub(crate) uptime_seconds: f64,
    /// Every component, by its name.
    pub(crate) components: BTreeMap<String, ComponentStats>,
}

/// How a component was asked, and how it answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ComponentStats {
    /// How often it was asked.
    pub(crate) asks: u64,
    /// How many of them did not find it up.
    pub(crate) failures: u64,
    /// How often it was not asked because its circuit breaker was open.
    pub(crate) skipped: u64,
    /// Quantiles of its last response times; null before the first.
    pub(crate) response_time_ms: Option<Quantiles>,
}

/// Quantiles of the last 1,000 response times at most, in milliseconds: each is a time that was measured (nearest rank).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Quantiles {
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}
