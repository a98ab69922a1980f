//! Reports of a run: one stream of events, from which all of them are made.
//!
//! The pipeline sends [`Event`]s; a [`Reporter`] reads them, shows them on the [`console`], and at the end returns the
//! [`Timeline`] from which the table, the JSON report and all other reports of the run are made.

mod component_states;
pub mod console;
mod debounce;
mod event;
mod json;
mod observer;
mod state;
mod table;
mod timeline;

pub use component_states::ComponentStates;
pub use event::{Event, EventKind, Events, Outcome, Phase, Step, StepHandle};
pub use json::{Report, to_json};
pub use state::{InvalidTransition, State, StateHistory};
pub use table::to_table;
pub use timeline::{Retry, Span, Timeline};

use std::time::Instant;

use console::Console;
use tokio::sync::{mpsc, oneshot};

/// Reads a run's events, shows them, and keeps the timeline.
#[derive(Debug)]
pub struct Reporter {
    reading: tokio::task::JoinHandle<Timeline>,
    asking: mpsc::UnboundedSender<oneshot::Sender<Timeline>>,
    end: oneshot::Sender<()>,
}

impl Reporter {
    /// Starts a reporter; the returned sender is for the pipeline.
    #[must_use]
    pub fn start(mut console: impl Console + 'static) -> (Events, Reporter) {
        let (events, mut stream) = Events::channel();
        let began = events.began();
        let (end, mut ending) = oneshot::channel();
        let (asking, mut asked) = mpsc::unbounded_channel::<oneshot::Sender<Timeline>>();
        let reading = tokio::spawn(async move {
            let mut timeline = Timeline::default();
            loop {
                let event = tokio::select! {
                    biased;
                    event = stream.recv() => event,
                    // After the events, so that everything sent before the request is in the response.
                    Some(answer) = asked.recv() => {
                        // The receiver may have been dropped meanwhile.
                        let _ = answer.send(timeline.so_far(began.elapsed()));
                        continue;
                    }
                    () = until(console.due().map(|due| began + due)) => {
                        console.show_due(began.elapsed());
                        continue;
                    }
                    // Senders may live as long as the process: only events already sent are read.
                    _ = &mut ending, if !stream.is_closed() => {
                        stream.close();
                        continue;
                    }
                };
                let Some(event) = event else { break };
                console.show(&event);
                timeline.record(&event);
            }
            console.close();
            timeline
        });
        (events, Reporter { reading, asking, end })
    }

    /// Ends the stream and returns its timeline, with everything sent before.
    pub async fn finish(self) -> Timeline {
        let _ = self.end.send(());
        self.reading.await.unwrap_or_default()
    }

    /// Returns the timeline of everything sent so far. Steps in progress are included as if they failed now.
    pub async fn so_far(&self) -> Timeline {
        let (answer, timeline) = oneshot::channel();
        let _ = self.asking.send(answer);
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
