//! What each strategy used, as medians.

use std::fmt::Write;

use kind_harness::report::StartupUsage;

use super::outputs::BenchUsage;
use crate::statistics::median;

/// Returns the medians of what was used; `None` when the nodes were never measured.
pub(super) fn medians(all: &[StartupUsage]) -> Option<BenchUsage> {
    let of = |value: &dyn Fn(&StartupUsage) -> Option<f64>| median(&all.iter().filter_map(value).collect::<Vec<_>>());
    Some(BenchUsage {
        node_cpu: of(&|usage| Some(usage.node?.cpu))?,
        harness_cpu: of(&|usage| Some(usage.harness?.cpu))?,
        node_memory: of(&|usage| Some(usage.node?.memory_high_water as f64))?,
        harness_memory: of(&|usage| Some(usage.harness?.memory_high_water as f64))?,
        node_disk: of(&|usage| Some(usage.node?.disk as f64))?,
        node_network: of(&|usage| Some(usage.node?.network as f64))?,
        busy_efficiency: of(&|usage| usage.busy_efficiency)?,
    })
}

/// Returns a table with a row for each way that was measured; nothing when none was.
pub(super) fn markdown(ways: &[(&str, BenchUsage)]) -> String {
    if ways.is_empty() {
        return String::new();
    }
    let mut text = "\n| medians | CPU, nodes | CPU, harness | all cores busy | memory, nodes | memory, harness | disk, nodes | network, nodes |\n\
                    | --- | --- | --- | --- | --- | --- | --- | --- |\n"
        .to_owned();
    let mib = |bytes: f64| format!("{:.0} MiB", bytes / 1024.0 / 1024.0);
    for (way, usage) in ways {
        let _ = writeln!(
            text,
            "| {way} | {:.1} s | {:.1} s | {:.0} % | {} | {} | {} | {} |",
            usage.node_cpu,
            usage.harness_cpu,
            100.0 * usage.busy_efficiency,
            mib(usage.node_memory),
            mib(usage.harness_memory),
            mib(usage.node_disk),
            mib(usage.node_network)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use kind_harness::report::PartUsage;

    use super::*;

    fn usage(cpu: f64) -> StartupUsage {
        let part = |cpu| Some(PartUsage { cpu, memory_high_water: 5 << 20, disk: 1 << 20, network: 2 << 20 });
        StartupUsage {
            cores: 2,
            node: part(cpu),
            harness: part(0.5),
            host_cpu: None,
            saturated: None,
            busy_efficiency: Some(0.4),
        }
    }

    #[test]
    fn a_way_that_was_not_measured_has_no_row() {
        assert_eq!(medians(&[]), None);
        assert_eq!(medians(&[StartupUsage { node: None, ..usage(1.0) }]), None);
        assert_eq!(markdown(&[]), "");
        let medians = medians(&[usage(1.0), usage(9.0), usage(2.0)]).unwrap();
        let text = markdown(&[("waves", medians)]);
        assert!(text.ends_with("| waves | 2.0 s | 0.5 s | 40 % | 5 MiB | 5 MiB | 1 MiB | 2 MiB |\n"), "{text}");
    }
}
