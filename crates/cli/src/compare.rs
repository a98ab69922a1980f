//! `compare`: whether new runs are slower than others, and where.

use std::collections::BTreeSet;

use clap::Args;
use kind_harness::report::Phase;

use super::inspect::{print, print_json};
use super::selection::{Finished, Selected, hosts, select};
use super::statistics::{self, Change, Compared, median_estimate};
use super::{Cli, Exit, Failure, Output, outputs};

/// What `compare` is told.
#[derive(Debug, Args)]
pub(super) struct Compare {
    /// The runs to compare with: a folder of runs' files, the beginning of runs' names, or conditions such as
    /// strategy=sequential or source=0f3a
    base: String,
    /// The new runs, in the same way
    new: String,
    /// How much longer deploy and ready may take
    #[arg(long, value_name = "PERCENT", default_value = "20", value_parser = percent)]
    threshold: f64,
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
        let comparison = Comparison::of(&base, &new, compare.threshold)?;
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
    runs: (usize, usize),
    /// Runs that were left out: how many did not end ready, and how many created a cluster where others did not.
    left_out: (usize, usize),
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
        let all: Vec<Finished> = base.finished.iter().chain(&new.finished).cloned().collect();
        if let [first, second, ..] = hosts(&all)[..] {
            let text = format!("the runs are from hosts that cannot be compared: {first}, and {second}");
            return Err(Failure::told(Exit::Usage, text));
        }
        let of_kind = |side: &Selected, is_fresh: bool| -> Vec<Finished> {
            side.finished.iter().filter(|run| run.is_fresh == is_fresh).cloned().collect()
        };
        let fewest = |is_fresh| of_kind(base, is_fresh).len().min(of_kind(new, is_fresh).len());
        let is_fresh = fewest(true) > fewest(false);
        let (old, fresh) = (of_kind(base, is_fresh), of_kind(new, is_fresh));
        let others = base.finished.len() + new.finished.len() - old.len() - fresh.len();
        Ok(Comparison {
            threshold,
            is_fresh,
            runs: (old.len(), fresh.len()),
            left_out: (base.others + new.others, others),
            rows: rows(&old, &fresh, threshold),
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
            base_runs: self.runs.0,
            new_runs: self.runs.1,
            not_ready: self.left_out.0,
            other_kind: self.left_out.1,
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
        let table: Vec<_> = table.lines().map(|line| line.trim_end().to_owned()).collect();
        let (base, new) = self.runs;
        let kind = if self.is_fresh { "each with a new cluster" } else { "on clusters that were there" };
        let mut text = format!("{}\n\nmedians of {base} and {new} runs, {kind}", table.join("\n"));
        if self.left_out.0 > 0 {
            text.push_str(&format!("; {} more did not bring the suite up", self.left_out.0));
        }
        if self.left_out.1 > 0 {
            text.push_str(&format!("; {} more are of the other kind", self.left_out.1));
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

/// Every figure of both sides, the one that decides first.
fn rows(base: &[Finished], new: &[Finished], threshold: f64) -> Vec<Row> {
    let row = |name: String, figure: &dyn Fn(&Finished) -> Option<f64>| {
        let (base, new): (Vec<_>, Vec<_>) =
            (base.iter().filter_map(figure).collect(), new.iter().filter_map(figure).collect());
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
