//! Single events are written together with those that arrive at the same time: one statement and one commit for all of
//! them. Nothing is waited for: whatever came while the last ones were being written makes the next group.

use std::sync::Arc;

use service_common::limits::Share;
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::{
    event::Event,
    intake::{Intake, Kept, NotKept},
};

/// Most events in one statement.
const MOST: usize = 500;
/// Statements at the same time: while one waits for the disk, another is made.
const WRITERS: usize = 4;

type Reply = oneshot::Sender<Result<Kept, NotKept>>;

/// An event on its way into a group, where it stays even if its client is gone; hence its share of what may be in work.
struct Waiting {
    event: Event,
    reply: Reply,
    share: Share,
}

/// The way in for single events; clones share the groups.
#[derive(Clone)]
pub struct Groups(mpsc::Sender<Waiting>);

impl Groups {
    /// Starts grouping. It ends when the last clone is gone.
    pub fn start(intake: Intake) -> Self {
        let (sender, receiver) = mpsc::channel(MOST * WRITERS);
        tokio::spawn(write_groups(intake, receiver));
        Self(sender)
    }

    /// Takes one event; `None` when the writer of its group is gone, and nobody knows what became of the event.
    pub async fn take(&self, event: Event, share: Share) -> Option<Result<Kept, NotKept>> {
        let (reply, result) = oneshot::channel();
        self.0.send(Waiting { event, reply, share }).await.ok()?;
        result.await.ok()
    }
}

async fn write_groups(intake: Intake, mut receiver: mpsc::Receiver<Waiting>) {
    let writers = Arc::new(Semaphore::new(WRITERS));
    // The writer is waited for first: meanwhile the group grows.
    while let Ok(writer) = writers.clone().acquire_owned().await {
        let mut group = Vec::new();
        if receiver.recv_many(&mut group, MOST).await == 0 {
            return;
        }
        let intake = intake.clone();
        tokio::spawn(async move {
            let (units, waiting): (Vec<_>, Vec<_>) =
                group.into_iter().map(|one| (vec![one.event], (one.reply, one.share))).unzip();
            for (result, (reply, _share)) in intake.take_all(&units).await.into_iter().zip(waiting) {
                // A client that went away does not want to know.
                let _gone = reply.send(result);
            }
            drop(writer);
        });
    }
}
