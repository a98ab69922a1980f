//! The figures of the board and of the last start-up for Prometheus.

use kind_harness::readiness::redact::Redactor;
use kind_harness::report::BreakerState;

use crate::formats::prometheus::{Kind, Metrics, escaped, run_metrics};
use crate::health::Live;
use crate::outputs::{HealthStatus, ServiceState};

/// Returns the figures, with secrets masked.
pub(super) fn render(live: &Live) -> String {
    let (health, stats) = (live.health(), live.stats());
    let mut metrics =
        Metrics::new(format!("suite=\"{}\",cluster=\"{}\"", escaped(&live.suite), escaped(&live.cluster)));
    let services = &health.infrastructure.services;
    let of = |name: &str| format!(",component=\"{}\"", escaped(name));
    let one = |value: f64| [(String::new(), value)];
    let is_healthy = matches!(health.status, HealthStatus::Healthy | HealthStatus::Degraded);
    metrics.add(Kind::Gauge, "up", "Whether the suite is healthy or degraded.", &one(f64::from(u8::from(is_healthy))));
    let up: Vec<_> =
        services.iter().map(|(name, it)| (of(name), f64::from(u8::from(it.state == ServiceState::Up)))).collect();
    metrics.add(Kind::Gauge, "component_up", "Whether the component is up.", &up);
    let times = services.iter().filter_map(|(name, it)| Some((of(name), seconds(it.response_time_ms?))));
    let times: Vec<_> = times.collect();
    metrics.add(Kind::Gauge, "component_response_seconds", "The last response time of the component.", &times);
    let breakers = health.infrastructure.circuit_breakers.iter().flatten();
    let open: Vec<_> = breakers
        .map(|(name, breaker)| (of(name), f64::from(u8::from(breaker.state != BreakerState::Closed))))
        .collect();
    metrics.add(Kind::Gauge, "component_circuit_open", "Whether the component is not asked on schedule.", &open);
    let asks: Vec<_> = stats.components.iter().map(|(name, it)| (of(name), it.asks as f64)).collect();
    metrics.add(Kind::Counter, "component_asks_total", "How often the component was asked.", &asks);
    let failures: Vec<_> = stats.components.iter().map(|(name, it)| (of(name), it.failures as f64)).collect();
    metrics.add(Kind::Counter, "component_failures_total", "How many asks did not find it up.", &failures);
    metrics.add(Kind::Gauge, "uptime_seconds", "How long the server has been running.", &one(stats.uptime_seconds));
    let mut text = metrics.text;
    if let Some(last) = &live.past().last {
        text += &run_metrics(&last.run.timeline(), &last.run.header);
    }
    masked(&text)
}

/// Returns tenths of milliseconds in seconds, without the digits that a division adds.
fn seconds(milliseconds: f64) -> f64 {
    (milliseconds * 10.0).round() / 10_000.0
}

/// Masks secrets in names and labels; a masked figure would be no number any more.
fn masked(text: &str) -> String {
    let line = |line: &str| match line.rsplit_once(' ') {
        Some((labels, figure)) if !line.starts_with('#') => {
            format!("{} {figure}\n", Redactor::global().text(labels))
        }
        _ => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}
