//! `health`: whether each component of the running cluster answers now.

mod board;
mod live;
mod past;
mod tally;
mod target;
mod text;
mod view;

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use kind_harness::run::protocol::Interrupts as _;

use super::inspect::{print, print_json, print_json_line};
use super::interrupts::Interrupts;
use super::outputs::HealthStatus;
use super::{Cli, Exit, Failure, Output};

pub(crate) use board::{Board, Schedule};
pub(crate) use live::{Live, Source};
pub(crate) use past::Past;
pub(crate) use target::Target;

/// How `health` asks.
const SCHEDULE: Schedule =
    Schedule { every: Duration::from_secs(5), limit: Duration::from_secs(5), cool_down: Duration::from_secs(15) };

/// The message when a task that asks a component has panicked.
pub(super) const BROKEN: &str = "a task that asks the components has ended; its panic is above";

/// What `health` is told.
#[derive(Debug, Args)]
pub(super) struct Request {
    /// Ask again every 5 s, and show what changes, until Ctrl-C
    #[arg(long)]
    watch: bool,
}

impl Cli {
    pub(super) async fn health(&self, wanted: &Request) -> Result<Exit, Failure> {
        if wanted.watch {
            return self.watch_health().await;
        }
        let (live, _, (_, target)) = self.live(&SCHEDULE, false).await?;
        live.board.ask_all(&target, SCHEDULE.limit).await;
        let health = live.health();
        match self.output {
            Output::Json => print_json(&health),
            Output::Text => print(&text::render(&health)),
        }
        Ok(if health.status == HealthStatus::Healthy { Exit::Done } else { Exit::NotReady })
    }

    async fn watch_health(&self) -> Result<Exit, Failure> {
        let mut interrupts = Interrupts::listen();
        let (live, source, (record, target)) = self.live(&SCHEDULE, true).await?;
        let live = Arc::new(live);
        let mut answers = live.board.answers();
        let mut tasks = live.keep(source, record, target, SCHEDULE);
        let redraws = self.output == Output::Text && std::io::stdout().is_terminal();
        let mut last = None;
        loop {
            tokio::select! {
                _ = answers.changed() => {}
                _ = interrupts.next() => return Ok(Exit::Interrupted),
                () = tasks.broken() => return Err(Failure::told(Exit::Internal, BROKEN)),
            }
            let health = live.health();
            if health.status == HealthStatus::Starting {
                continue;
            }
            if redraws {
                // Cursor to the corner, and everything below it removed.
                print(&format!("\u{1b}[H\u{1b}[J{}", text::render(&health)));
                continue;
            }
            let shown = text::without_times(&health);
            if last.as_ref() != Some(&shown) {
                match self.output {
                    Output::Json => print_json_line(&health),
                    Output::Text => print(&text::render(&health)),
                }
                last = Some(shown);
            }
        }
    }

    /// Returns the board of the running cluster, without an answer yet, and what it asks.
    pub(super) async fn live(
        &self,
        schedule: &Schedule,
        is_repeated: bool,
    ) -> Result<(Live, Source, (kind_harness::cluster::Record, Target)), Failure> {
        let (plan, folders) = (self.plan()?, self.folders()?);
        let (record, cluster) = self.running_masked_within(&plan, schedule.limit).await?;
        let (suite, name) = (plan.suite().suite.clone(), record.name.to_string());
        let past = Past::read(&folders, &suite, &name);
        let live = Live::new(Board::new(&plan, schedule), &suite, &name, past, is_repeated);
        let target = Target::new(&plan, &cluster);
        Ok((live, Source { plan, folders }, (record, target)))
    }
}

#[cfg(test)]
pub(crate) mod tests;
