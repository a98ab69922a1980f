//! Asks components' probes, each in a task of its own.

use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

use super::Answer;
use crate::ready::{Probe, probe};

/// Asks components' probes, each in a task of its own.
pub(super) struct Asker {
    tasks: JoinSet<()>,
    answers: mpsc::UnboundedSender<Answer>,
    http: Option<reqwest::Client>,
}

impl Asker {
    pub(super) fn new(answers: mpsc::UnboundedSender<Answer>) -> Asker {
        Asker { tasks: JoinSet::new(), answers, http: None }
    }

    /// Begins a round of asking; the answers say which round they belong to.
    ///
    /// # Errors
    /// Why nothing can be asked on this host.
    pub(super) fn ask(&mut self, round: u64, probes: &[Probe]) -> Result<Vec<AbortHandle>, String> {
        while self.tasks.try_join_next().is_some() {}
        let client = self.http.clone().map_or_else(probe::client, Ok).map_err(|error| error.to_string())?;
        let client = self.http.insert(client);
        let tasks = probes.iter().cloned().enumerate().map(|(index, probe)| {
            let (client, answers) = (client.clone(), self.answers.clone());
            self.tasks.spawn(async move {
                // Nobody is left to be told once the tracker has ended.
                let say = |answer| drop(answers.send((round, index, answer)));
                probe.ask_until_answered(&client, say).await;
            })
        });
        Ok(tasks.collect())
    }
}
