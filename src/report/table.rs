//! Durations of phases and steps, as a table.

use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};

use super::{Outcome, Phase, RunHeader, Span, StartupMetrics, StartupUsage, Timeline};

/// Returns one row per phase, one per step below it; `*` marks the critical path.
#[must_use]
pub fn to_table(timeline: &Timeline, header: &RunHeader) -> String {
    let wall = timeline.wall();
    let critical = timeline.critical_path();
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["PHASE", "STEP", "START", "TIME", "SHARE", ""]);
    for phase in Phase::ALL {
        let Some((start, end)) = timeline.phase(phase) else { continue };
        let mut spans: Vec<&Span> = timeline.spans.iter().filter(|span| span.phase == phase).collect();
        spans.sort_by_key(|span| (span.start, span.end));
        let (rows, quick): (Vec<&Span>, Vec<&Span>) = spans.into_iter().partition(|span| is_worth_a_row(span, wall));
        let marked = if rows.is_empty() && quick.iter().any(|span| critical.contains(span)) { "*" } else { "" };
        table.add_row([
            &phase.to_string(),
            "",
            &time(start),
            &time(end.saturating_sub(start)),
            &share(end.saturating_sub(start), wall),
            marked,
        ]);
        for span in rows {
            let mark = match (&span.outcome, critical.contains(&span)) {
                (Outcome::Failed, _) => "failed",
                (_, true) => "*",
                (_, false) => "",
            };
            table.add_row([
                "",
                &span.step,
                &time(span.start),
                &time(span.duration()),
                &share(span.duration(), wall),
                mark,
            ]);
        }
        if quick.len() > 1 {
            table.add_row(["", &format!("{} more", quick.len()), "", "", "", ""]);
        }
    }
    for column in [2, 3, 4] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut text: String = table.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    text.push_str(&format!("\nwall time {}; * = on the critical path\n", time(wall)));
    if !timeline.retries.is_empty() {
        let pauses = timeline.retries.iter().map(|retry| retry.after).sum();
        text.push_str(&format!("retries: {}, with pauses of {} in all\n", timeline.retries.len(), time(pauses)));
    }
    text.push_str(&startup_text(timeline, header));
    text
}

/// Returns the figures of the start-up, and what would make it shorter; nothing for a run that deployed nothing.
#[must_use]
pub fn startup_text(timeline: &Timeline, header: &RunHeader) -> String {
    let Some(metrics) = StartupMetrics::of(timeline, header) else { return String::new() };
    let StartupMetrics { total, components, overlap, lower_bound, share_of_lower_bound, .. } = &metrics;
    let grade = metrics.grade.map(|grade| format!(", grade {grade}")).unwrap_or_default();
    let alert = metrics.alert.map(|alert| format!(" ({})", alert.name())).unwrap_or_default();
    let mut text = format!(
        "deploy + ready {total:.1} s for {components} components{grade}{alert}; overlap {overlap:.2} (their start-up times \
         together ÷ that)\nlongest chain of needs {lower_bound:.1} s, {:.0} % of that\n",
        100.0 * share_of_lower_bound
    );
    if let (Some(speed_up), Some(other)) = (metrics.speed_up, &timeline.other_strategy) {
        text.push_str(&format!("speed-up {speed_up:.2} (sequential ÷ parallel), by earlier {} runs\n", other.strategy));
    }
    if let Some(usage) = &metrics.usage {
        text.push_str(&usage_text(usage));
    }
    for breaker in &metrics.breakers {
        text.push_str(&format!(
            "circuit breaker of {}: opened {} times, {}\n",
            breaker.dependency, breaker.opened, breaker.state
        ));
    }
    if let Some(found) = metrics.bottlenecks.first() {
        let (phase, step, own) = (found.phase, &found.step, found.own);
        text.push_str(&format!("bottleneck: {phase} {step}, {own:.1} s; without it {:.1} s less\n", found.saves));
    }
    for advice in &metrics.recommendations {
        text.push_str(&format!("to save up to {:.1} s: {}\n  ({})\n", advice.saves, advice.advice, advice.evidence));
    }
    text
}

/// Returns what was used, in one line: `CPU: nodes 7.1 s, harness 0.6 s, 56 % of 2 cores; memory of the nodes: 1.9 GiB`.
fn usage_text(usage: &StartupUsage) -> String {
    let parts = [("nodes", usage.node), ("harness", usage.harness)];
    let cpu = parts.iter().filter_map(|(name, part)| Some(format!("{name} {:.1} s", (*part)?.cpu)));
    let mut text = format!("CPU: {}", cpu.collect::<Vec<_>>().join(", "));
    if let Some(busy) = usage.busy_efficiency {
        text.push_str(&format!(", {:.0} % of {} cores", 100.0 * busy, usage.cores));
    }
    if let Some(node) = usage.node {
        let mib = |bytes: u64| bytes >> 20;
        let (memory, disk, network) = (mib(node.memory_high_water), mib(node.disk), mib(node.network));
        text.push_str(&format!("; nodes: memory {memory} MiB, disk {disk} MiB, network {network} MiB"));
    }
    text.push('\n');
    text
}

/// Returns whether a step gets a row: short steps without work are only counted.
fn is_worth_a_row(span: &Span, wall: Duration) -> bool {
    span.outcome != Outcome::Unchanged || span.duration() * 100 > wall
}

fn time(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

fn share(part: Duration, whole: Duration) -> String {
    if whole.is_zero() {
        return String::new();
    }
    format!("{:.0} %", 100.0 * part.as_secs_f64() / whole.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::OtherStrategy;

    #[test]
    fn the_speed_up_is_told_when_the_other_strategy_is_known_and_everything_is_ready() {
        let (mut timeline, header) =
            (crate::report::timeline::tests::example(), crate::report::run_file::tests::header());
        let told = |timeline: &Timeline| {
            let text = to_table(timeline, &header);
            text.lines().find(|line| line.starts_with("speed-up")).map(str::to_owned)
        };
        assert_eq!(told(&timeline), None);
        timeline.other_strategy = Some(OtherStrategy::from_start_ups("sequential", &[(25.0, true), (99.0, false)]));
        let expected = "speed-up 2.50 (sequential ÷ parallel), by earlier sequential runs";
        assert_eq!(told(&timeline).as_deref(), Some(expected));
        timeline.spans.last_mut().expect("a step").outcome = Outcome::Failed;
        assert_eq!(told(&timeline), None);
    }

    #[test]
    fn the_whole_run_on_one_screen() {
        let table = to_table(&crate::report::timeline::tests::example(), &crate::report::run_file::tests::header());
        snapbox::assert_data_eq!(
            table,
            snapbox::str![[r#"
 PHASE    STEP   START    TIME  SHARE
 setup           0.0 s   1.0 s    4 %
          host   0.0 s   1.0 s    4 %  *
 images          1.0 s   8.0 s   33 %
          node   1.0 s   3.0 s   12 %  *
          api    1.0 s   8.0 s   33 %
 cluster         4.0 s  10.0 s   42 %
          kind   4.0 s  10.0 s   42 %  *
 deploy         14.0 s   2.0 s    8 %
          db    14.0 s   1.0 s    4 %
          api   14.0 s   2.0 s    8 %  *
 ready          15.0 s   9.0 s   38 %
          db    15.0 s   5.0 s   21 %
          api   16.0 s   8.0 s   33 %  *

wall time 24.0 s; * = on the critical path
deploy + ready 10.0 s for 2 components, grade A; overlap 1.60 (their start-up times together ÷ that)
longest chain of needs 10.0 s, 100 % of that
bottleneck: cluster kind, 10.0 s; without it 10.0 s less
to save up to 3.0 s: have the image step node done before the run: what it makes is kept
  (it took 3.0 s, and the run waited for it)

"#]]
        );
    }
}
