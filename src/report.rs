//! What a run says of itself: one stream of events, and everything that is made from it.
//!
//! The pipeline sends [`Event`]s; a [`Reporter`] reads them, shows them on the [`console`], and at the end
//! gives the [`Timeline`] from which the table, the JSON report and every other account of the run are made.

pub mod console;
mod event;
mod json;
mod table;
mod timeline;

pub use event::{Event, EventKind, Events, Outcome, Phase, Step, StepHandle};
pub use json::to_json;
pub use table::to_table;
pub use timeline::{Span, Timeline};

use console::Console;
use tokio::sync::oneshot;

/// Reads a run's events, shows them, and keeps the timeline.
#[derive(Debug)]
pub struct Reporter {
    reading: tokio::task::JoinHandle<Timeline>,
    end: oneshot::Sender<()>,
}

impl Reporter {
    /// Starts reading; the returned end is for the pipeline.
    #[must_use]
    pub fn start(mut console: Console) -> (Events, Reporter) {
        let (events, mut stream) = Events::channel();
        let (end, mut ending) = oneshot::channel();
        let reading = tokio::spawn(async move {
            let mut timeline = Timeline::default();
            loop {
                let event = tokio::select! {
                    biased;
                    event = stream.recv() => event,
                    // Senders may live as long as the process: what they have sent is read, and no more.
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
        (events, Reporter { reading, end })
    }

    /// Ends the stream and returns its timeline. What was sent before is in it.
    pub async fn finish(self) -> Timeline {
        let _ = self.end.send(());
        self.reading.await.unwrap_or_default()
    }
}

/// `error` and its causes in one line, unless one of them says more.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        text.push_str(&format!(": {source}"));
        cause = source.source();
    }
    text
}
