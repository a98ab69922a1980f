//! `/metrics` in the OpenMetrics text format, with what a process and its runtime say about themselves.

use std::{fs, sync::Arc};

use axum::{Router, http::header, response::IntoResponse, routing::get};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, text::encode},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
    registry::{Registry, Unit},
};

use crate::Problem;

/// A registry that already knows the process and the runtime; the service's own metrics carry `prefix`.
pub fn registry(prefix: &str) -> (Registry, impl Fn(&mut Registry) -> &mut Registry) {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Process));
    let prefix = prefix.to_owned();
    (registry, move |registry| registry.sub_registry_with_prefix(&prefix))
}

/// Serves `GET /metrics`.
pub fn router(registry: Arc<Registry>) -> Router {
    Router::new().route("/metrics", get(move || async move { exposition(&registry) }))
}

fn exposition(registry: &Registry) -> axum::response::Response {
    let mut text = String::new();
    match encode(&mut text, registry) {
        Ok(()) => ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text)
            .into_response(),
        Err(error) => Problem::internal(error).into_response(),
    }
}

/// Read from /proc at each scrape; what cannot be read is left out.
#[derive(Debug)]
struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        if let Ok(handle) = tokio::runtime::Handle::try_current() {
            let metrics = handle.metrics();
            gauge(&mut encoder, "runtime_workers", "Worker threads of the async runtime", None, metrics.num_workers())?;
            gauge(&mut encoder, "runtime_tasks", "Tasks that the async runtime has", None, metrics.num_alive_tasks())?;
        }
        if let Ok(entries) = fs::read_dir("/proc/self/fd") {
            gauge(&mut encoder, "process_open_fds", "Open file descriptors", None, entries.count())?;
        }
        let Some(stat) = Stat::read() else { return Ok(()) };
        gauge(&mut encoder, "process_threads", "Threads", None, stat.threads)?;
        let bytes = Unit::Bytes;
        gauge(&mut encoder, "process_resident_memory", "Resident memory", Some(&bytes), stat.resident_bytes)?;
        let cpu = ConstCounter::new(stat.cpu_seconds);
        let help = "Processor time used, user and system";
        cpu.encode(encoder.encode_descriptor("process_cpu", help, Some(&Unit::Seconds), cpu.metric_type())?)
    }
}

fn gauge(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    value: usize,
) -> Result<(), std::fmt::Error> {
    let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
    gauge.encode(encoder.encode_descriptor(name, help, unit, gauge.metric_type())?)
}

/// What `/proc/self/stat` says, in units that people use.
struct Stat {
    cpu_seconds: f64,
    threads: usize,
    resident_bytes: usize,
}

impl Stat {
    /// Clock ticks per second and bytes per page are these on every Linux that Kubernetes' amd64 images run on.
    const TICKS: f64 = 100.0;
    const PAGE: usize = 4096;

    fn read() -> Option<Self> {
        Self::parse(&fs::read_to_string("/proc/self/stat").ok()?)
    }

    /// The second field is the command in parentheses, which may itself contain spaces and parentheses.
    fn parse(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |field: usize| fields.get(field - 3)?.parse::<u32>().ok();
        Some(Self {
            cpu_seconds: (f64::from(number(14)?) + f64::from(number(15)?)) / Self::TICKS,
            threads: number(20)? as usize,
            resident_bytes: number(24)? as usize * Self::PAGE,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_exposition_has_process_and_runtime() {
        let (registry, _) = registry("sample");
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        for name in
            ["process_resident_memory_bytes ", "process_cpu_seconds_total ", "process_threads ", "runtime_workers "]
        {
            assert!(text.contains(name), "{name} is missing in\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }
}
