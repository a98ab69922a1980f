//! Figures in the text format of Prometheus.

use std::fmt::Write;

use kind_harness::report::{PartUsage, Phase, RunHeader, StartupMetrics, Timeline};

/// Returns a gauge for each figure of the run.
pub(super) fn render(timeline: &Timeline, header: &RunHeader) -> String {
    let mut text = String::new();
    let run = format!("suite=\"{}\",strategy=\"{}\"", escaped(&header.suite), escaped(&header.strategy));
    let gauge = |text: &mut String, name: &str, help: &str, values: &[(String, f64)]| {
        if values.is_empty() {
            return;
        }
        let _ = writeln!(text, "# HELP kind_harness_{name} {help}\n# TYPE kind_harness_{name} gauge");
        for (labels, value) in values {
            let _ = writeln!(text, "kind_harness_{name}{{{run}{labels}}} {value}");
        }
    };
    let began = timeline.began.map(|began| (String::new(), began.as_millisecond() as f64 / 1000.0));
    gauge(&mut text, "run_began_seconds", "When the run began, in seconds since 1970.", began.as_slice());
    let wall = [(String::new(), timeline.wall().as_secs_f64())];
    gauge(&mut text, "run_seconds", "How long the run took.", &wall);
    let phase = |phase: Phase| {
        let (start, end) = timeline.phase(phase)?;
        Some((format!(",phase=\"{phase}\""), end.saturating_sub(start).as_secs_f64()))
    };
    let phases: Vec<_> = Phase::ALL.into_iter().filter_map(phase).collect();
    gauge(&mut text, "phase_seconds", "How long a phase took; phases overlap.", &phases);
    let component =
        |(name, time): (&str, std::time::Duration)| (format!(",component=\"{}\"", escaped(name)), time.as_secs_f64());
    let components: Vec<_> = timeline.components().into_iter().map(component).collect();
    gauge(&mut text, "component_seconds", "From applied to ready.", &components);
    if let Some(metrics) = StartupMetrics::of(timeline, header) {
        let one = |value: f64| [(String::new(), value)];
        gauge(&mut text, "startup_seconds", "Deploy and ready together.", &one(metrics.total));
        gauge(&mut text, "startup_lower_bound_seconds", "The longest chain of needs.", &one(metrics.lower_bound));
        gauge(
            &mut text,
            "startup_overlap_ratio",
            "Start-up times together, divided by the total.",
            &one(metrics.overlap),
        );
        if let Some(usage) = &metrics.usage {
            let parts = [("nodes", usage.node), ("harness", usage.harness)];
            let of = |value: &dyn Fn(PartUsage) -> f64| -> Vec<(String, f64)> {
                let values =
                    parts.iter().filter_map(|(part, used)| Some((format!(",part=\"{part}\""), value((*used)?))));
                values.collect()
            };
            gauge(&mut text, "startup_cpu_seconds", "CPU time of the start-up.", &of(&|part| part.cpu));
            let memory = of(&|part| part.memory_high_water as f64);
            gauge(&mut text, "startup_memory_bytes", "The most memory in use during the start-up.", &memory);
            let busy: Vec<_> = usage.busy_efficiency.map(|busy| (String::new(), busy)).into_iter().collect();
            gauge(&mut text, "startup_busy_ratio", "CPU time divided by what all cores could do.", &busy);
        }
        gauge(&mut text, "startup_failures", "Components that were not ready.", &one(metrics.failures as f64));
        gauge(&mut text, "startup_retries", "Calls that were retried.", &one(metrics.retries as f64));
    }
    text
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
