//! Ctrl-C, once and more often.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// Requests to end this process: none is lost between two waits.
pub(super) struct Interrupts {
    received: mpsc::UnboundedReceiver<()>,
    count: usize,
}

impl Interrupts {
    /// Listens from now on; the process does not end by itself any more.
    pub(super) fn listen() -> Interrupts {
        let (sender, received) = mpsc::unbounded_channel();
        for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
            // One that cannot be listened to ends the process, and the reaper does the rest.
            let Ok(mut signals) = signal(kind) else { continue };
            let sender = sender.clone();
            tokio::spawn(async move { while signals.recv().await.is_some() && sender.send(()).is_ok() {} });
        }
        Interrupts { received, count: 0 }
    }
}

impl kind_harness::run::protocol::Interrupts for Interrupts {
    async fn next(&mut self) -> usize {
        match self.received.recv().await {
            Some(()) => self.count += 1,
            None => std::future::pending().await,
        }
        self.count
    }
}
