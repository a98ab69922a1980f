//! Figures in the text format of Prometheus.

use std::fmt::Write;

use kind_harness::report::{PartUsage, Phase, RunHeader, StartupMetrics, Timeline};

/// The type of a metric.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Gauge,
    Counter,
}

/// Metrics with common labels.
#[derive(Debug)]
pub(crate) struct Metrics {
    labels: String,
    pub(crate) text: String,
}

impl Metrics {
    /// Returns no metrics yet, with these labels for all: `suite="shop"`.
    pub(crate) fn new(labels: String) -> Metrics {
        Metrics { labels, text: String::new() }
    }

    /// Adds a metric with its values, each with labels of its own: `,component="redis"`.
    pub(crate) fn add(&mut self, kind: Kind, name: &str, help: &str, values: &[(String, f64)]) {
        if values.is_empty() {
            return;
        }
        let kind = match kind {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
        };
        let (text, common) = (&mut self.text, &self.labels);
        let _ = writeln!(text, "# HELP kind_harness_{name} {help}\n# TYPE kind_harness_{name} {kind}");
        for (labels, value) in values {
            let _ = writeln!(text, "kind_harness_{name}{{{common}{labels}}} {value}");
        }
    }
}

/// Returns a gauge for each figure of the run.
pub(crate) fn run_metrics(timeline: &Timeline, header: &RunHeader) -> String {
    let labels = format!("suite=\"{}\",strategy=\"{}\"", escaped(&header.suite), escaped(&header.strategy));
    let mut metrics = Metrics::new(labels);
    let mut gauge = |name: &str, help: &str, values: &[(String, f64)]| metrics.add(Kind::Gauge, name, help, values);
    let began = timeline.began.map(|began| (String::new(), began.as_millisecond() as f64 / 1000.0));
    gauge("run_began_seconds", "When the run began, in seconds since 1970.", began.as_slice());
    let wall = [(String::new(), timeline.wall().as_secs_f64())];
    gauge("run_seconds", "How long the run took.", &wall);
    let phase = |phase: Phase| {
        let (start, end) = timeline.phase(phase)?;
        Some((format!(",phase=\"{phase}\""), end.saturating_sub(start).as_secs_f64()))
    };
    let phases: Vec<_> = Phase::ALL.into_iter().filter_map(phase).collect();
    gauge("phase_seconds", "How long a phase took; phases overlap.", &phases);
    let component =
        |(name, time): (&str, std::time::Duration)| (format!(",component=\"{}\"", escaped(name)), time.as_secs_f64());
    let components: Vec<_> = timeline.components().into_iter().map(component).collect();
    gauge("component_seconds", "From applied to ready.", &components);
    if let Some(startup) = StartupMetrics::of(timeline, header) {
        let one = |value: f64| [(String::new(), value)];
        gauge("startup_seconds", "Deploy and ready together.", &one(startup.total));
        gauge("startup_lower_bound_seconds", "The longest chain of needs.", &one(startup.lower_bound));
        gauge("startup_overlap_ratio", "Start-up times together, divided by the total.", &one(startup.overlap));
        let speed_up: Vec<_> = startup.speed_up.map(|speed_up| (String::new(), speed_up)).into_iter().collect();
        gauge("startup_speed_up_ratio", "Sequential start-up divided by a parallel one.", &speed_up);
        if let Some(usage) = &startup.usage {
            let parts = [("nodes", usage.node), ("harness", usage.harness)];
            let of = |value: &dyn Fn(PartUsage) -> f64| -> Vec<(String, f64)> {
                let values =
                    parts.iter().filter_map(|(part, used)| Some((format!(",part=\"{part}\""), value((*used)?))));
                values.collect()
            };
            gauge("startup_cpu_seconds", "CPU time of the start-up.", &of(&|part| part.cpu));
            let memory = of(&|part| part.memory_high_water as f64);
            gauge("startup_memory_bytes", "The most memory in use during the start-up.", &memory);
            let busy: Vec<_> = usage.busy_efficiency.map(|busy| (String::new(), busy)).into_iter().collect();
            gauge("startup_busy_ratio", "CPU time divided by what all cores could do.", &busy);
        }
        gauge("startup_failures", "Components that were not ready.", &one(startup.failures as f64));
        gauge("startup_retries", "Calls that were retried.", &one(startup.retries as f64));
    }
    metrics.text
}

pub(crate) fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
