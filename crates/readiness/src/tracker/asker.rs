//! Runs components' probes, each in a task of its own.

use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

use crate::Probe;
use crate::probe::Caller;

/// The result of a probe: its round, its index, the result.
pub(super) type Answer = (u64, usize, Result<(), String>);

/// Runs components' probes, each in a task of its own.
pub(super) struct Asker {
    tasks: JoinSet<()>,
    answers: mpsc::UnboundedSender<Answer>,
    caller: Caller,
}

impl Asker {
    /// Returns an asker that uses `api` for what is not reachable from this host.
    pub(super) fn new(api: Option<kube::Client>, answers: mpsc::UnboundedSender<Answer>) -> Asker {
        Asker { tasks: JoinSet::new(), answers, caller: Caller::new(api) }
    }

    /// Starts a round of these probes, by their indices; the results have the number of the round.
    pub(super) fn ask(&mut self, round: u64, probes: Vec<(usize, Probe)>) -> Vec<AbortHandle> {
        while self.tasks.try_join_next().is_some() {}
        let tasks = probes.into_iter().map(|(index, probe)| {
            let (caller, answers) = (self.caller.clone(), self.answers.clone());
            self.tasks.spawn(async move {
                // The tracker may have ended meanwhile.
                let say = |answer| drop(answers.send((round, index, answer)));
                probe.ask_until_answered(&caller, say).await;
            })
        });
        tasks.collect()
    }
}
