//! Asks components' probes, each in a task of its own.

use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

use super::Answer;
use crate::ready::Probe;
use crate::ready::probe::Caller;

/// Asks components' probes, each in a task of its own.
pub(super) struct Asker {
    tasks: JoinSet<()>,
    answers: mpsc::UnboundedSender<Answer>,
    api: Option<kube::Client>,
    caller: Option<Caller>,
}

impl Asker {
    /// Asks what is not reached from this host through `api`.
    pub(super) fn new(api: Option<kube::Client>, answers: mpsc::UnboundedSender<Answer>) -> Asker {
        Asker { tasks: JoinSet::new(), answers, api, caller: None }
    }

    /// Begins a round of asking these probes, by their numbers; the answers say which round they belong to.
    ///
    /// # Errors
    /// Why nothing can be asked on this host.
    pub(super) fn ask(&mut self, round: u64, probes: Vec<(usize, Probe)>) -> Result<Vec<AbortHandle>, String> {
        while self.tasks.try_join_next().is_some() {}
        let known = self.caller.take().map_or_else(|| Caller::new(self.api.clone()), Ok);
        let caller = self.caller.insert(known.map_err(|error| error.to_string())?);
        let tasks = probes.into_iter().map(|(index, probe)| {
            let (caller, answers) = (caller.clone(), self.answers.clone());
            self.tasks.spawn(async move {
                // Nobody is left to be told once the tracker has ended.
                let say = |answer| drop(answers.send((round, index, answer)));
                probe.ask_until_answered(&caller, say).await;
            })
        });
        Ok(tasks.collect())
    }
}
