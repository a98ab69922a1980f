//! What a run says of itself: one stream of events, and everything that is made from it.
//!
//! The pipeline sends [`Event`]s; a [`Reporter`] reads them, shows them on the [console](console), and at the end
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

/// Reads a run's events, shows them, and keeps the timeline.
#[derive(Debug)]
pub struct Reporter {
    reading: tokio::task::JoinHandle<Timeline>,
}

impl Reporter {
    /// Starts reading; the returned end is for the pipeline.
    #[must_use]
    pub fn start(mut console: Console) -> (Events, Reporter) {
        let (events, mut stream) = Events::channel();
        let reading = tokio::spawn(async move {
            let mut timeline = Timeline::default();
            while let Some(event) = stream.recv().await {
                console.show(&event);
                timeline.record(&event);
            }
            console.close();
            timeline
        });
        (events, Reporter { reading })
    }

    /// The timeline, once every sender of events is gone.
    pub async fn finish(self) -> Timeline {
        self.reading.await.unwrap_or_default()
    }
}
