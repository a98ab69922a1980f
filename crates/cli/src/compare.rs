//! `compare`: whether new runs are slower than others, and where.

use std::collections::BTreeSet;

use clap::Args;
use kind_harness::report::Phase;

use super::inspect::{lines_of, print, print_json};
use super::selection::{Finished, Selected, hosts, select};
use super::statistics::{self, Change, Compared, median_estimate};
use super::{Cli, Exit, Failure, Output, outputs};

/// How many runs a side are compared, the last ones.
const MOST: usize = 40;
/// How much longer deploy and ready may take unless something else is asked for: 20 %.
pub(super) const THRESHOLD: f64 = 0.2;

/// What `compare` is told.
#[derive(Debug, Args)]
pub(super) struct Compare {
    /// The runs to compare with: a folder of runs' files, the beginning of runs' names, or conditions such as
    /// strategy=sequential or source=0f3a
    base: String,
    /// The new runs, in the same way
    new: String,
    /// How much longer deploy and ready may take; 20 when left out
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    threshold: Option<f64>,
}

/// Reads `20` or `20%` as 0.2.
pub(super) fn percent(text: &str) -> Result<f64, String> {
    let number: f64 = text.trim_end_matches('%').trim().parse().map_err(|_| format!("{text:?} is no percentage"))?;
    if (0.1..=1000.0).contains(&number) {
        Ok(number / 100.0)
    } else {
        Err(format!("{text:?} is not between 0.1 and 1000"))
    }
}

impl Cli {
    /// Compares two sets of runs. Deploy and ready together decide; phases and components tell where it is.
    pub(super) fn compare(&self, compare: &Compare) -> Result<Exit, Failure> {
        let folders = self.folders()?;
        let side = |text: &str| select(&folders, text).map(Selected::from);
        let (base, new) = (side(&compare.base)?, side(&compare.new)?);
        let comparison = Comparison::of(&base, &new, compare.threshold.unwrap_or(THRESHOLD))?;
        if self.output == Output::Json {
            print_json(&comparison.told());
        } else {
            print(&comparison.text());
        }
        Ok(comparison.exit())
    }
}

/// Two sets of runs, compared.
pub(super) struct Comparison {
    threshold: f64,
    /// Whether runs that created their cluster are compared, or others.
    is_fresh: bool,
    base_runs: usize,
    new_runs: usize,
    /// Runs that are left out because they did not bring the suite up.
    not_ready: usize,
    /// Runs that are left out because they created a cluster where others did not, or the other way round.
    other_kind: usize,
    /// Runs that are left out because there are enough newer ones.
    older: usize,
    /// The medians of the base's and the new runs' calibrations, in seconds, if the hosts differ in speed: then times of
    /// the new runs are scaled.
    calibration: Option<(f64, f64)>,
    rows: Vec<Row>,
}

/// A figure of both.
struct Row {
    name: String,
    base: Vec<f64>,
    new: Vec<f64>,
    compared: Compared,
}

impl Comparison {
    /// Compares runs of the same class of host.
    pub(super) fn of(base: &Selected, new: &Selected, threshold: f64) -> Result<Comparison, Failure> {
        if let [first, second, ..] = hosts(base.finished.iter().chain(&new.finished))[..] {
            let text = format!("the runs are from hosts that cannot be compared: {first}, and {second}");
            return Err(Failure::told(Exit::Usage, text));
        }
        let count = |is_fresh| {
            let (base, new) = (base.of_kind(is_fresh).len(), new.of_kind(is_fresh).len());
            (base.min(new), base + new)
        };
        let is_fresh = count(true) > count(false);
        let (all_old, all_new) = (base.of_kind(is_fresh), new.of_kind(is_fresh));
        let (last_old, last_new) = (last(&all_old), last(&all_new));
        let of_kind = all_old.len() + all_new.len();
        let calibration = calibrations(last_old, last_new);
        Ok(Comparison {
            threshold,
            is_fresh,
            base_runs: last_old.len(),
            new_runs: last_new.len(),
            not_ready: base.others + new.others,
            other_kind: base.finished.len() + new.finished.len() - of_kind,
            older: of_kind - last_old.len() - last_new.len(),
            calibration,
            rows: rows(last_old, last_new, threshold, calibration),
        })
    }

    /// Returns the figure that decides.
    pub(super) fn change(&self) -> Change {
        self.rows.first().map_or(Change::NotEnoughData, |row| row.compared.change)
    }

    pub(super) fn exit(&self) -> Exit {
        match self.change() {
            Change::Regressed => Exit::Slower,
            Change::Improved | Change::Same => Exit::Done,
            Change::NotEnoughData => Exit::NotEnoughRuns,
        }
    }

    fn told(&self) -> outputs::Comparison {
        let row = |row: &Row| outputs::ComparedFigure {
            name: row.name.trim().to_owned(),
            base: median_estimate(&row.base),
            new: median_estimate(&row.new),
            compared: row.compared,
        };
        outputs::Comparison {
            change: self.change(),
            threshold: self.threshold,
            fresh: self.is_fresh,
            base_runs: self.base_runs,
            new_runs: self.new_runs,
            not_ready: self.not_ready,
            other_kind: self.other_kind,
            older: self.older,
            calibration: self.calibration.map(|(base, new)| outputs::Calibrations { base, new }),
            figures: self.rows.iter().map(row).collect(),
        }
    }

    /// Returns the comparison as a table, with what it means.
    pub(super) fn text(&self) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        table.set_header(["", "BASE", "NEW", "NEW ÷ BASE", "95 % INTERVAL", "P", ""]);
        let seconds = |values: &[f64]| statistics::median(values).map(|it| format!("{it:.2} s")).unwrap_or_default();
        for Row { name, base, new, compared } in &self.rows {
            let ratio = compared.ratio.map(|ratio| format!("{:.2}", ratio.value)).unwrap_or_default();
            let interval = compared.ratio.and_then(|ratio| ratio.interval);
            let interval = interval.map(|(low, high)| format!("{low:.2} to {high:.2}")).unwrap_or_default();
            let p = compared.p.map(|p| format!("{p:.3}")).unwrap_or_default();
            table.add_row([name, &seconds(base), &seconds(new), &ratio, &interval, &p, compared.change.text()]);
        }
        let Comparison { base_runs, new_runs, not_ready, other_kind, older, .. } = self;
        let kind = if self.is_fresh { "each with a new cluster" } else { "on clusters that were there" };
        let mut text = format!("{}\n\nmedians of {base_runs} and {new_runs} runs, {kind}", lines_of(&table));
        let left_out =
            [(not_ready, "that did not bring the suite up"), (other_kind, "of the other kind"), (older, "older")];
        let left_out = left_out.iter().filter(|(count, _)| **count > 0);
        let left_out: Vec<_> = left_out.map(|(count, which)| format!("{count} {which}")).collect();
        if !left_out.is_empty() {
            text.push_str(&format!("; left out: {}", left_out.join(", ")));
        }
        if let Some((base, new)) = self.calibration {
            text.push_str(&format!(
                "\nnew times are scaled to the speed of the base's host: a calibration took {:.2} ms with the base, {:.2} ms with the new runs",
                1000.0 * base,
                1000.0 * new
            ));
        }
        text.push_str(&match self.change() {
            Change::NotEnoughData => format!("\nnot enough data: {} runs on each side are needed", statistics::ENOUGH),
            change => {
                format!("\n{}: deploy + ready, with a threshold of {:.0} %", change.text(), 100.0 * self.threshold)
            }
        });
        text
    }
}

/// Returns the last runs, as many as are compared.
fn last<'a, 'b>(runs: &'b [&'a Finished]) -> &'b [&'a Finished] {
    &runs[runs.len().saturating_sub(MOST)..]
}

/// Returns the medians of both sides' calibrations when they differ by the same test as the runs. `None` when they do not,
/// one is missing, or builds with and without optimisation are mixed. Single calibrations are as noisy as runs.
fn calibrations(base: &[&Finished], new: &[&Finished]) -> Option<(f64, f64)> {
    let all: Option<Vec<_>> = base.iter().chain(new).map(|run| run.header.calibration).collect();
    let all = all?;
    let seconds: Vec<f64> = all.iter().map(|it| it.seconds).collect();
    let (old, new) = seconds.split_at(base.len());
    let is_mixed = all.windows(2).any(|pair| pair[0].optimised != pair[1].optimised);
    let differ = matches!(statistics::compare(old, new, 0.0).change, Change::Regressed | Change::Improved);
    if is_mixed || !differ {
        return None;
    }
    statistics::median(old).zip(statistics::median(new))
}

/// Returns every figure of both sides, the one that decides first. With calibrations, times of the new runs are those of
/// the base's host.
fn rows(base: &[&Finished], new: &[&Finished], threshold: f64, calibrations: Option<(f64, f64)>) -> Vec<Row> {
    let row = |name: String, figure: &dyn Fn(&Finished) -> Option<f64>| {
        let scaled = |run: &&Finished| {
            Some(figure(run)? * calibrations.map_or(1.0, |(base, new)| run.scale(base / new.max(f64::MIN_POSITIVE))))
        };
        let (base, new): (Vec<_>, Vec<_>) =
            (base.iter().filter_map(|run| figure(run)).collect(), new.iter().filter_map(scaled).collect());
        let compared = statistics::compare(&base, &new, threshold);
        Row { name, base, new, compared }
    };
    let mut rows = vec![row("deploy + ready".into(), &|run| Some(run.startup))];
    for phase in [Phase::Images, Phase::Cluster, Phase::Load, Phase::Deploy, Phase::Ready] {
        let time =
            |run: &Finished| run.timeline.phase(phase).map(|(start, end)| end.saturating_sub(start).as_secs_f64());
        rows.push(row(format!("  {phase}"), &time));
    }
    let names: BTreeSet<String> = base
        .iter()
        .chain(new)
        .flat_map(|run| run.timeline.components().into_iter().map(|(name, _)| name.to_owned()).collect::<Vec<_>>())
        .collect();
    for name in names {
        let time = |run: &Finished| {
            run.timeline.components().into_iter().find(|(it, _)| *it == name).map(|(_, time)| time.as_secs_f64())
        };
        rows.push(row(format!("  {name}"), &time));
    }
    rows.retain(|row| !row.base.is_empty() || !row.new.is_empty());
    rows
}

#[cfg(test)]
mod tests;
