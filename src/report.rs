//! Reports of a run: one stream of events, from which all of them are made.
//!
//! The pipeline sends [`Event`]s; a [`Reporter`] reads them, shows them on the [`console`], and at the end returns the
//! [`Timeline`] from which the table, the JSON report and all other reports of the run are made.

mod advice;
mod component_states;
pub mod console;
mod debounce;
mod detail;
mod event;
mod github;
mod json;
#[cfg(feature = "junit")]
pub mod junit;
mod layer;
mod markdown;
mod nanoseconds;
mod observer;
mod other_strategy;
mod results;
mod run_file;
mod run_header;
mod slowest;
mod startup;
mod state;
mod step;
mod table;
mod timeline;
mod usage;
mod what_if;

pub use advice::{Advice, Rule};
pub use component_states::ComponentStates;
pub use detail::{BreakerState, ComponentMoment};
pub use event::{Event, EventKind, Events, Outcome, Phase};
pub use github::GitHub;
pub use json::{Report, to_json};
pub use layer::LargestLayer;
pub use markdown::{failure_markdown, to_markdown};
pub use other_strategy::OtherStrategy;
pub use results::{CaseOutcome, CaseResult, SuiteResults, environment_results};
pub use run_file::{FORMAT, RecordedRun, RunEnd, RunFileError, RunLine, RunOutcome, RunRecorder, outcome_of};
pub use run_header::{Calibration, HostClass, PlannedComponent, RunHeader};
pub use slowest::slowest;
pub use startup::{Alert, Bottleneck, Grade, Limits, OpenedBreaker, StartupMetrics};
pub use state::{InvalidTransition, State, StateHistory};
pub use step::{Step, StepHandle};
pub use table::{startup_text, to_table};
pub use timeline::{BreakerChange, Moment, Retry, Span, Timeline};
pub use usage::{PartUsage, StartupUsage, Usage, Used};

use std::time::Instant;

use console::Console;
use tokio::sync::{mpsc, oneshot};

/// Reads a run's events, shows them, and keeps the timeline.
#[derive(Debug)]
pub struct Reporter {
    reading: tokio::task::JoinHandle<Timeline>,
    asking: mpsc::UnboundedSender<Request>,
    end: oneshot::Sender<Option<RunOutcome>>,
}

/// A request to the task that reads the events. It is served after the events sent before it.
#[derive(Debug)]
enum Request {
    /// The timeline so far.
    SoFar(oneshot::Sender<Timeline>),
    /// Write the events to the file of a run, those of before too.
    Record(RunRecorder),
}

impl Reporter {
    /// Starts a reporter; the returned sender is for the pipeline.
    #[must_use]
    pub fn start(mut console: impl Console + 'static) -> (Events, Reporter) {
        let (events, mut stream) = Events::channel();
        let began = events.began();
        let (end, mut ending) = oneshot::channel();
        let (asking, mut asked) = mpsc::unbounded_channel();
        let reading = tokio::spawn(async move {
            let (mut timeline, mut recorder, mut early) = (Timeline::default(), None::<RunRecorder>, Vec::new());
            let mut outcome = None;
            loop {
                let event = tokio::select! {
                    biased;
                    event = stream.recv() => event,
                    // After the events, so that everything sent before the request is in the response.
                    Some(request) = asked.recv() => {
                        match request {
                            // The receiver may have been dropped meanwhile.
                            Request::SoFar(answer) => drop(answer.send(timeline.so_far(began.elapsed()))),
                            Request::Record(mut new) => {
                                early.drain(..).for_each(|event| new.event(&event));
                                recorder = Some(new);
                            }
                        }
                        continue;
                    }
                    () = until(console.due().map(|due| began + due)) => {
                        console.show_due(began.elapsed());
                        continue;
                    }
                    // Senders may live as long as the process: only events already sent are read.
                    end = &mut ending, if !stream.is_closed() => {
                        outcome = end.unwrap_or_default();
                        stream.close();
                        continue;
                    }
                };
                let Some(event) = event else { break };
                console.show(&event);
                timeline.record(&event);
                match &mut recorder {
                    Some(recorder) => recorder.event(&event),
                    None => early.push(event),
                }
            }
            console.close();
            if let Some(recorder) = recorder {
                recorder.end(outcome);
            }
            timeline
        });
        (events, Reporter { reading, asking, end })
    }

    /// Writes all events, those of before too, to the file of a run.
    pub fn record(&self, recorder: RunRecorder) {
        // An error means that the stream has ended.
        let _ = self.asking.send(Request::Record(recorder));
    }

    /// Ends the stream and returns its timeline, with everything sent before.
    pub async fn finish(self) -> Timeline {
        self.finish_as(None).await
    }

    /// Ends the stream of a run like [`Reporter::finish`]; `outcome` is written to the run's file.
    pub async fn finish_as(self, outcome: Option<RunOutcome>) -> Timeline {
        let _ = self.end.send(outcome);
        self.reading.await.unwrap_or_default()
    }

    /// Returns the timeline of everything sent so far. Steps in progress are included as if they failed now.
    pub async fn so_far(&self) -> Timeline {
        let (answer, timeline) = oneshot::channel();
        let _ = self.asking.send(Request::SoFar(answer));
        timeline.await.unwrap_or_default()
    }
}

/// Resolves at `moment`, or never.
async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment.into()).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_sent_before_the_question_is_in_the_timeline_so_far() {
        let (events, reporter) = Reporter::start(console::QuietConsole);
        events.step(Phase::Deploy, "a").done();
        let under_way = events.step(Phase::Ready, "a");
        let timeline = reporter.so_far().await;
        let ends: Vec<_> = timeline.spans.iter().map(|span| (span.phase, span.outcome.clone())).collect();
        assert_eq!(ends, [(Phase::Deploy, Outcome::Done), (Phase::Ready, Outcome::Failed)]);
        under_way.done();
        assert_eq!(reporter.finish().await.spans[1].outcome, Outcome::Done);
    }
}
