//! The health of a suite, from the board and past runs.

use std::collections::BTreeMap;

use super::Live;
use super::board::Row;
use super::tally::milliseconds;
use crate::outputs::{Health, HealthStatus, Infrastructure, Service, ServiceState, Stats};

/// Returns the state of a suite with these components.
pub(super) fn status(rows: &[Row<'_>]) -> HealthStatus {
    let mut status = HealthStatus::Healthy;
    for row in rows {
        status = match row.last.as_ref().map(|last| last.state) {
            None => return HealthStatus::Starting,
            Some(ServiceState::Up) => continue,
            Some(ServiceState::Down) if row.needed_by.is_empty() && status == HealthStatus::Healthy => {
                HealthStatus::Degraded
            }
            Some(ServiceState::Down) if row.needed_by.is_empty() => status,
            Some(ServiceState::Down | ServiceState::Unknown) => HealthStatus::Unhealthy,
        };
    }
    status
}

fn service(row: &Row<'_>) -> Service {
    let last = row.last.clone();
    Service {
        state: last.as_ref().map_or(ServiceState::Unknown, |last| last.state),
        response_time_ms: last.as_ref().and_then(|last| last.response_time).map(milliseconds),
        needed_by: row.needed_by.to_vec(),
        asked: last.as_ref().map(|last| last.asked),
        reason: last.as_ref().and_then(|last| last.reason.clone()),
        message: last.as_ref().and_then(|last| last.message.clone()),
        hint: last.and_then(|last| last.hint),
    }
}

impl Live {
    /// Returns the health of the suite, from what is known now.
    pub(crate) fn health(&self) -> Health {
        let (rows, past) = (self.board.rows(), self.past());
        let breakers = || rows.iter().map(|row| (row.name.to_owned(), row.breaker.clone())).collect();
        Health {
            status: status(&rows),
            suite: self.suite.clone(),
            cluster: self.cluster.clone(),
            infrastructure: Infrastructure {
                services: rows.iter().map(|row| (row.name.to_owned(), service(row))).collect(),
                startup_metrics: past.start_up(),
                circuit_breakers: self.is_repeated.then(breakers),
            },
            startup_optimization: past.optimization(),
            recommendations: past.last.as_ref().map(|last| last.metrics.recommendations.clone()),
        }
    }

    /// Returns how components were asked.
    pub(crate) fn stats(&self) -> Stats {
        let components: BTreeMap<_, _> =
            self.board.rows().into_iter().map(|row| (row.name.to_owned(), row.stats)).collect();
        Stats { uptime_seconds: (self.board.uptime().as_secs_f64() * 10.0).round() / 10.0, components }
    }
}
