//! The protocol of a run, shared by all entry points: bring up → on failure diagnose → undo or keep → report.

use std::sync::OnceLock;

use serde_json::Value;

use super::Running;
use super::failed_run::{Cleanup, FailedRun, FailureCause};
use super::failure_report::FailureReport;
use super::past_runs;
use super::session::{Session, UpError};
use crate::host::folders;
use crate::report::{Phase, Reporter, RunHeader, RunOutcome, Timeline, to_json};
use crate::suite::config::Keep;

/// The file in the cluster's folder with the report of the last run that changed it.
pub const REPORT: &str = "report.json";

/// The part of a suite that a run brings up.
#[derive(Debug, Clone, Copy)]
pub enum Part<'a> {
    /// Everything, the cluster included.
    All,
    /// Everything, in a cluster that is returned to the state in which it booted first.
    Reset,
    /// Redeploys these components in the current cluster. All others are unchanged; if the run fails, what it deployed
    /// is kept.
    Only(&'a [String]),
}

/// Action for the resources of a failed run, once its report is collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// Remove them.
    Undo,
    /// Keep them, to be inspected.
    Keep,
}

/// Requests to end the run.
pub trait Interrupts: Send {
    /// Resolves at the next request, with the number of requests so far, including this one.
    fn next(&mut self) -> impl Future<Output = usize> + Send;
}

/// Never interrupts, for runs that end with their process.
#[derive(Debug)]
pub struct Uninterrupted;

impl Interrupts for Uninterrupted {
    async fn next(&mut self) -> usize {
        std::future::pending().await
    }
}

/// One run of a session, from start to report.
#[derive(Debug)]
pub struct Run {
    /// The session.
    pub session: Session,
    /// What the run is about, as its reports say.
    pub header: RunHeader,
    reporter: Reporter,
    outcome: OnceLock<RunOutcome>,
}

impl Run {
    /// Returns a run whose events are read by `reporter`, and kept in a file.
    #[must_use]
    pub fn new(mut session: Session, reporter: Reporter) -> Run {
        let header = past_runs::header(&session.plan);
        match past_runs::start(&session.folders, header.clone()) {
            Ok(recorder) => {
                session.reports.run = Some(recorder.path().to_owned());
                reporter.record(recorder);
            }
            Err(error) => session.events.warn(Phase::Setup, format!("this run is not kept: {error}")),
        }
        Run { session, header, reporter, outcome: OnceLock::new() }
    }

    /// Brings `part` up. A failed run is diagnosed, then undone or kept; an interrupted one is undone, never kept. A
    /// second interrupt skips graceful termination; the third leaves the rest.
    ///
    /// # Errors
    /// Why the run failed, with its report and the outcome of removing or keeping its resources.
    pub async fn up(
        &mut self,
        part: Part<'_>,
        on_failure: OnFailure,
        interrupts: &mut impl Interrupts,
    ) -> Result<Running, Box<FailedRun>> {
        let result = tokio::select! {
            result = self.bring_up(part) => result.map_err(FailureCause::Error),
            _ = interrupts.next() => Err(FailureCause::Interrupted),
        };
        let ended = match result {
            Ok(running) => Ok(running),
            Err(cause) => Err(Box::new(self.give_up(cause, part, on_failure, interrupts).await)),
        };
        let _ = self.outcome.set(match &ended {
            Ok(running) if running.unchanged => RunOutcome::Unchanged,
            Ok(_) => RunOutcome::Ready,
            Err(failed) if matches!(failed.cause, FailureCause::Interrupted) => RunOutcome::Interrupted,
            Err(_) => RunOutcome::Failed,
        });
        if ended.is_ok() && self.session.terms.keep == Keep::Always {
            self.session.undo.keep();
        }
        let is_new = matches!(part, Part::All | Part::Reset) && ended.as_ref().is_ok_and(|running| !running.unchanged);
        self.write_down(is_new).await;
        ended
    }

    /// Collects the report of a failed run, and undoes or keeps it.
    async fn give_up(
        &self,
        cause: FailureCause,
        part: Part<'_>,
        on_failure: OnFailure,
        interrupts: &mut impl Interrupts,
    ) -> FailedRun {
        let timeline = self.json(&self.timeline().await);
        let seen = match &cause {
            FailureCause::Error(error) => tokio::select! {
                seen = FailureReport::of_up(&self.session, error, timeline) => seen,
                _ = interrupts.next() => FailureReport::default(),
            },
            FailureCause::Interrupted => FailureReport::default(),
        };
        if let Some(diagnosis) = &seen.diagnosis {
            self.session.events.diagnosis(diagnosis.to_string());
        }
        let cleanup = match (part, &cause, on_failure) {
            (Part::Only(_), ..) => Cleanup::Stays,
            // Only a cluster that had to be made anew is undone; one that was there is neither removed nor given another lease.
            (Part::Reset, ..) => self.session.undo().await.map_or_else(Cleanup::Remains, |()| Cleanup::Stays),
            (Part::All, FailureCause::Error(_), OnFailure::Keep) => {
                self.session.keep().await.map_or_else(Cleanup::NotKept, |()| Cleanup::Kept)
            }
            (Part::All, ..) => self.undo(&cause, interrupts).await,
        };
        FailedRun { cause, seen, cleanup }
    }

    /// Writes the components' states beside the cluster, for `status`, and the report of a run that changed the
    /// deployment, for bundles. If writing fails, both contain less.
    async fn write_down(&self, is_new: bool) {
        let (timeline, folder) =
            (self.timeline().await, self.session.folders.cluster(self.session.plan.cluster_name()));
        if is_new {
            let _ = folders::publish(&folder.join(REPORT), &format!("{}\n", self.json(&timeline)));
        }
        self.session.keep_states(timeline.lives);
    }

    async fn bring_up(&mut self, part: Part<'_>) -> Result<Running, UpError> {
        match part {
            Part::All => self.session.up().await,
            Part::Reset => self.session.reset(None).await,
            Part::Only(components) => self.session.up_only(components).await,
        }
    }

    async fn undo(&self, cause: &FailureCause, interrupts: &mut impl Interrupts) -> Cleanup {
        let events = &self.session.events;
        if matches!(cause, FailureCause::Interrupted) {
            events.note(Phase::Teardown, "interrupted; removing what was begun");
        }
        let undone = tokio::select! {
            undone = self.session.undo() => undone,
            () = self.third(interrupts) => return Cleanup::Left,
        };
        undone.map_or_else(Cleanup::Remains, |()| Cleanup::Undone)
    }

    /// Resolves at the third interrupt; the second hurries the undo.
    async fn third(&self, interrupts: &mut impl Interrupts) {
        loop {
            match interrupts.next().await {
                0 | 1 => {}
                2 => {
                    self.session.undo.hurry();
                    let text = "nothing is given time for a graceful end any more; once more leaves the rest";
                    self.session.events.note(Phase::Teardown, text);
                }
                _ => return,
            }
        }
    }

    /// Returns the timeline so far.
    pub async fn timeline(&self) -> Timeline {
        self.reporter.so_far().await
    }

    /// Returns the report of `timeline` as JSON.
    #[must_use]
    pub fn json(&self, timeline: &Timeline) -> Value {
        to_json(timeline, &self.header)
    }

    /// Ends the run. Returns the timeline with all events sent before.
    pub async fn finish(self) -> Timeline {
        self.reporter.finish_as(self.outcome.get().copied()).await
    }
}
