//! The outer protocol, once for every way in: bring up → on failure look → undo or keep → report.

use serde_json::Value;

use super::Running;
use super::failed_run::{FailedRun, Rest, Why};
use super::failure_report::FailureReport;
use super::session::{Session, UpError};
use crate::host::folders;
use crate::report::{Phase, Reporter, Timeline, to_json};
use crate::suite::config::Keep;

/// The file in the cluster's folder that has the report of the last run that changed it.
pub const REPORT: &str = "report.json";

/// What of a suite a run brings up.
#[derive(Debug, Clone, Copy)]
pub enum Part<'a> {
    /// Everything, the cluster included.
    All,
    /// These components, again, in the cluster that is there. All others stay as they are, and so does what was deployed
    /// of these when the run fails.
    Only(&'a [String]),
}

/// What becomes of a run that failed, once it has been looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// What it made is removed.
    Undo,
    /// What it made stays, for a person to look at.
    Keep,
}

/// Requests to end the run.
pub trait Interrupts: Send {
    /// Returns with the next request: how many there have been, this one included.
    fn next(&mut self) -> impl Future<Output = usize> + Send;
}

/// For runs that end with their process.
#[derive(Debug)]
pub struct Uninterrupted;

impl Interrupts for Uninterrupted {
    async fn next(&mut self) -> usize {
        std::future::pending().await
    }
}

/// One run of a session, from its beginning to its report.
#[derive(Debug)]
pub struct Run {
    /// What is run.
    pub session: Session,
    reporter: Reporter,
}

impl Run {
    /// A run whose events `reporter` reads.
    #[must_use]
    pub fn new(session: Session, reporter: Reporter) -> Run {
        Run { session, reporter }
    }

    /// Brings `part` up. A run that fails or is interrupted is looked at first, and then undone or kept; an interrupted one is
    /// never kept. A second interrupt gives nothing time for a graceful end any more; the third leaves the rest.
    ///
    /// # Errors
    /// Why there is no environment, with what was seen of it and what became of what was made.
    pub async fn up(
        &self,
        part: Part<'_>,
        on_failure: OnFailure,
        interrupts: &mut impl Interrupts,
    ) -> Result<Running, Box<FailedRun>> {
        let result = tokio::select! {
            result = self.bring_up(part) => result.map_err(Why::Error),
            _ = interrupts.next() => Err(Why::Interrupted),
        };
        let ended = match result {
            Ok(running) => Ok(running),
            Err(why) => Err(Box::new(self.give_up(why, part, on_failure, interrupts).await)),
        };
        if ended.is_ok() && self.session.terms.keep == Keep::Always {
            self.session.undo.keep();
        }
        let is_new = matches!(part, Part::All) && ended.as_ref().is_ok_and(|running| !running.unchanged);
        self.write_down(is_new).await;
        ended
    }

    /// Looks at a run that failed, and undoes or keeps it.
    async fn give_up(
        &self,
        why: Why,
        part: Part<'_>,
        on_failure: OnFailure,
        interrupts: &mut impl Interrupts,
    ) -> FailedRun {
        let timeline = self.json(&self.timeline().await);
        let seen = match &why {
            Why::Error(error) => tokio::select! {
                seen = FailureReport::of_up(&self.session, error, timeline) => seen,
                _ = interrupts.next() => FailureReport::default(),
            },
            Why::Interrupted => FailureReport::default(),
        };
        let rest = match (part, &why, on_failure) {
            (Part::Only(_), ..) => Rest::Stays,
            (Part::All, Why::Error(_), OnFailure::Keep) => {
                self.session.keep().await.map_or_else(Rest::NotKept, |()| Rest::Kept)
            }
            (Part::All, ..) => self.undo(&why, interrupts).await,
        };
        FailedRun { why, seen, rest }
    }

    /// Keeps beside the cluster what became of the components, for `status`, and of a run that made what runs now its report,
    /// for bundles. Where that fails, both say less.
    async fn write_down(&self, is_new: bool) {
        let (timeline, folder) =
            (self.timeline().await, self.session.folders.cluster(self.session.plan.cluster_name()));
        if is_new {
            let _ = folders::publish(&folder.join(REPORT), &format!("{}\n", self.json(&timeline)));
        }
        let _ = timeline.lives.keep(&folder);
    }

    async fn bring_up(&self, part: Part<'_>) -> Result<Running, UpError> {
        match part {
            Part::All => self.session.up().await,
            Part::Only(components) => self.session.up_only(components).await,
        }
    }

    async fn undo(&self, why: &Why, interrupts: &mut impl Interrupts) -> Rest {
        let events = &self.session.events;
        if matches!(why, Why::Interrupted) {
            events.note(Phase::Teardown, "interrupted; removing what was begun");
        }
        let undone = tokio::select! {
            undone = self.session.undo() => undone,
            () = self.third(interrupts) => return Rest::Left,
        };
        undone.map_or_else(Rest::Remains, |()| Rest::Undone)
    }

    /// Returns with the third interrupt; the second hurries what is being undone.
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

    /// The timeline until now.
    pub async fn timeline(&self) -> Timeline {
        self.reporter.so_far().await
    }

    /// The report of `timeline` for machines.
    #[must_use]
    pub fn json(&self, timeline: &Timeline) -> Value {
        to_json(timeline, self.session.plan.suite().strategy.name())
    }

    /// Ends the run. What was sent before is in its timeline.
    pub async fn finish(self) -> Timeline {
        self.reporter.finish().await
    }
}
