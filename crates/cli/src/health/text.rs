//! The health of a suite as text.

use kind_harness::report::console::printable;

use crate::inspect::lines_of;
use crate::outputs::{Health, HealthStatus, Service, ServiceState};

/// Returns the table.
pub(super) fn render(health: &Health) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    let breakers = health.infrastructure.circuit_breakers.as_ref();
    let mut header = vec!["COMPONENT", "STATE", "RESPONSE", "NEEDED BY", "WHY"];
    if breakers.is_some() {
        header.insert(4, "CIRCUIT");
    }
    table.set_header(header);
    for (name, service) in &health.infrastructure.services {
        let time = service.response_time_ms.map(|time| format!("{time:.1} ms")).unwrap_or_default();
        let needed_by = service.needed_by.join(",");
        let mut row = vec![name.clone(), state(service.state).into(), time, needed_by, why(service)];
        if let Some(breakers) = breakers {
            row.insert(4, breakers.get(name).map_or_else(String::new, |breaker| breaker.state.to_string()));
        }
        table.add_row(row);
    }
    let mut text = format!("{}: cluster {}\n{}", status(health.status), health.cluster, lines_of(&table));
    if let Some(last) = &health.infrastructure.startup_metrics {
        text += &format!("\nlast start-up: {:.1} s, {}", last.total_seconds, last.strategy);
        let optimization = &health.startup_optimization;
        text += &optimization.performance_grade.map(|grade| format!(", grade {grade}")).unwrap_or_default();
        text += &optimization.speed_up.map(|times| format!(", speed-up {times:.2}")).unwrap_or_default();
    }
    text
}

/// Returns the health without what differs from ask to ask: a new block or line is printed when the rest changes.
pub(super) fn without_times(health: &Health) -> Health {
    let mut health = health.clone();
    health.infrastructure.circuit_breakers = None;
    for service in health.infrastructure.services.values_mut() {
        (service.response_time_ms, service.asked) = (None, None);
    }
    health
}

/// Returns the name of a status, as in JSON.
pub(super) fn status(status: HealthStatus) -> &'static str {
    match status {
        HealthStatus::Starting => "starting",
        HealthStatus::Healthy => "healthy",
        HealthStatus::Degraded => "degraded",
        HealthStatus::Unhealthy => "unhealthy",
    }
}

fn state(state: ServiceState) -> &'static str {
    match state {
        ServiceState::Up => "up",
        ServiceState::Down => "down",
        ServiceState::Unknown => "unknown",
    }
}

fn why(service: &Service) -> String {
    let message = printable(service.message.as_deref().unwrap_or_default());
    match &service.hint {
        Some(hint) => format!("{message} ({})", printable(hint)),
        None => message,
    }
}
