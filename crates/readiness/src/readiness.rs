//! The handle to a run's one watch and wait.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::errors::innermost;
use super::tracker::{Command, Tracker};
use super::{NotReady, Probe, Recorder, Settings, logs, masked};
use crate::object::Applied;
use crate::progress::Observer;
use crate::redact::Redactor;

/// How long the API server may take to give a sign of life when the deadline has passed.
const LAST_QUESTION: Duration = Duration::from_secs(1);

/// A run's one watch of the cluster. Clones share it; it ends with the last of them.
#[derive(Debug, Clone)]
pub struct Readiness {
    inner: Arc<Inner>,
}

struct Inner {
    client: kube::Client,
    commands: mpsc::UnboundedSender<Command>,
    task: AbortHandle,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Readiness").finish_non_exhaustive()
    }
}

impl Readiness {
    /// Starts watching `namespace` now, before anything is applied.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use]
    pub fn start(client: kube::Client, namespace: &str, observer: impl Observer + 'static) -> Readiness {
        Readiness::start_with(client, namespace, observer, Settings::default())
    }

    /// As [`Readiness::start`], with settings other than the usual ones.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use]
    pub fn start_with(
        client: kube::Client,
        namespace: &str,
        observer: impl Observer + 'static,
        settings: Settings,
    ) -> Readiness {
        Readiness::start_recorded(client, namespace, observer, settings, None)
    }

    /// As [`Readiness::start_with`], with all that the watches bring recorded: [`replay`](super::replay) reads it.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use]
    pub fn start_recorded(
        client: kube::Client,
        namespace: &str,
        observer: impl Observer + 'static,
        settings: Settings,
        recorder: Option<Recorder>,
    ) -> Readiness {
        let (commands, receiver) = mpsc::unbounded_channel();
        let tracker =
            Tracker::new(Some(client.clone()), namespace, Arc::new(observer), settings, recorder, Instant::now());
        let task = tokio::spawn(tracker.run(receiver)).abort_handle();
        Readiness { inner: Arc::new(Inner { client, commands, task }) }
    }

    /// Says which components are to be expected, and what each of them needs, directly or not, of the others.
    ///
    /// Only what a component needs can heal it: its graces run from when it and all of these have been expected, whatever
    /// else is on its way. Without this, they run from when a component was expected last.
    pub fn plan(&self, needs: BTreeMap<String, BTreeSet<String>>) {
        let _ = self.inner.commands.send(Command::Plan { needs });
    }

    /// Says that `component` consists of the objects in `applied`, and must answer `probes` when they are ready.
    /// The component's step in the ready phase begins now, and ends when it is ready. A component that was expected
    /// before is replaced.
    pub fn expect(&self, component: &str, applied: Vec<Applied>, probes: Vec<Probe>) {
        let at = Instant::now();
        // If the task has ended, the next wait reports it.
        let _ = self.inner.commands.send(Command::Expect { component: component.to_owned(), applied, probes, at });
    }

    /// Waits until the named components, or all that are expected, are ready at the same time.
    ///
    /// # Errors
    /// As soon as one of them has failed for good, at the deadline, or when the API server is gone or refuses to be
    /// watched.
    pub async fn wait_for_all_ready(
        &self,
        components: Option<&[&str]>,
        deadline: Instant,
    ) -> Result<AllReady, NotReady> {
        let answer = self.ask(components, Some(deadline));
        let stopped = NotReady::Gone { since: Duration::ZERO, error: "the watch has stopped".into() };
        let mut result = answer.await.unwrap_or(Err(stopped));
        match &mut result {
            Err(NotReady::Failed { failed, .. }) => logs::attach(&self.inner.client, failed).await,
            Err(NotReady::Deadline { .. }) => {
                if let Some(error) = self.silence().await {
                    result = Err(NotReady::Gone { since: LAST_QUESTION, error });
                }
            }
            _ => {}
        }
        if let Err(error) = &mut result {
            masked::not_ready(Redactor::global(), error);
        }
        result
    }

    /// Resolves as soon as one of the named components, which need not all be expected yet, has failed for good; never
    /// while none has. For those who still have other things to do before they wait.
    pub async fn failure(&self, components: &[&str]) -> NotReady {
        match self.ask(Some(components), None).await {
            Ok(Err(mut failure)) => {
                if let NotReady::Failed { failed, .. } = &mut failure {
                    logs::attach(&self.inner.client, failed).await;
                }
                failure
            }
            // All are ready, or the watch has stopped: a wait will say so.
            Ok(Ok(_)) | Err(_) => std::future::pending().await,
        }
    }

    fn ask(
        &self,
        components: Option<&[&str]>,
        deadline: Option<Instant>,
    ) -> oneshot::Receiver<Result<AllReady, NotReady>> {
        let names = components.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        let (reply, answer) = oneshot::channel();
        let _ = self.inner.commands.send(Command::Wait { names, deadline, reply });
        answer
    }

    /// A server that hangs looks to a watch as if nothing happened: at the deadline it is asked, once.
    async fn silence(&self) -> Option<String> {
        match tokio::time::timeout(LAST_QUESTION, self.inner.client.apiserver_version()).await {
            Err(_) => Some("it accepts the connection, but does not answer".into()),
            // An answer, even a refusal, is a sign of life.
            Ok(Ok(_) | Err(kube::Error::Api(_) | kube::Error::SerdeError(_))) => None,
            Ok(Err(error)) => Some(innermost(&error)),
        }
    }
}

/// Every component that was waited for is ready.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllReady {
    /// The components, in the order in which they were expected.
    pub components: Vec<ReadyComponent>,
}

/// A component that is ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadyComponent {
    /// Its name.
    pub component: String,
    /// From the moment it was expected to the moment it was ready.
    pub after: Duration,
}
