//! What a run says of itself: one stream of events, and everything that is made from it.
//!
//! The pipeline sends [`Event`]s; a [`Reporter`] reads them, shows them on the [`console`], and at the end
//! gives the [`Timeline`] from which the table, the JSON report and every other account of the run are made.

mod changes;
pub mod console;
mod event;
mod json;
mod table;
mod timeline;

pub use event::{Event, EventKind, Events, Outcome, Phase, Step, StepHandle};
pub use json::to_json;
pub use table::to_table;
pub use timeline::{Span, Timeline};

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use console::Console;
use tokio::sync::oneshot;

/// Reads a run's events, shows them, and keeps the timeline.
#[derive(Debug)]
pub struct Reporter {
    reading: tokio::task::JoinHandle<()>,
    timeline: Arc<Mutex<Timeline>>,
    end: oneshot::Sender<()>,
}

impl Reporter {
    /// Starts reading; the returned end is for the pipeline.
    #[must_use]
    pub fn start(mut console: Console) -> (Events, Reporter) {
        let (events, mut stream) = Events::channel();
        let began = events.began();
        let (end, mut ending) = oneshot::channel();
        let timeline = Arc::new(Mutex::new(Timeline::default()));
        let kept = timeline.clone();
        let reading = tokio::spawn(async move {
            loop {
                let event = tokio::select! {
                    biased;
                    event = stream.recv() => event,
                    () = until(console.due().map(|due| began + due)) => {
                        console.tell_what_is_due(began.elapsed());
                        continue;
                    }
                    // Senders may live as long as the process: what they have sent is read, and no more.
                    _ = &mut ending, if !stream.is_closed() => {
                        stream.close();
                        continue;
                    }
                };
                let Some(event) = event else { break };
                console.show(&event);
                kept.lock().unwrap_or_else(PoisonError::into_inner).record(&event);
            }
            console.close();
        });
        (events, Reporter { reading, timeline, end })
    }

    /// Ends the stream and returns its timeline. What was sent before is in it.
    pub async fn finish(self) -> Timeline {
        let _ = self.end.send(());
        // Should reading have ended unexpectedly, what it had read until then is there.
        let _ = self.reading.await;
        std::mem::take(&mut self.timeline.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The timeline of what has been read until now.
    #[must_use]
    pub fn so_far(&self) -> Timeline {
        self.timeline.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Returns at a moment, or never.
async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment.into()).await,
        None => std::future::pending().await,
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
