//! The handle of a run's watch and wait.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::command::Command;
use super::errors::innermost;
use super::tracker::Tracker;
use super::{NotReady, Probe, Recorder, Settings, logs, masked};
use crate::object::Applied;
use crate::progress::Observer;
use crate::redact::Redactor;

/// How long the API server may take to respond after the deadline.
const LAST_QUESTION: Duration = Duration::from_secs(1);

/// A run's watch of the cluster. Clones share it; it stops with the last of them.
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

    /// Starts watching like [`Readiness::start`], with other settings than the default.
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

    /// Starts watching like [`Readiness::start_with`], and records everything that the watches receive, for
    /// [`replay`](super::replay).
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

    /// Sets the expected components, and the direct and indirect needs of each.
    ///
    /// Only the needs of a component can fix its problems: its graces run from when it and all of them are expected,
    /// regardless of others. Without this, they run from when any component was last expected.
    pub fn plan(&self, needs: BTreeMap<String, BTreeSet<String>>) {
        let _ = self.inner.commands.send(Command::Plan { needs });
    }

    /// Expects `component` to consist of the objects in `applied`, and to pass `probes` when they are ready. The
    /// component's step in the ready phase starts now, and ends when it is ready. Replaces an earlier expectation of
    /// the component.
    pub fn expect(&self, component: &str, applied: Vec<Applied>, probes: Vec<Probe>) {
        let at = Instant::now();
        // If the task has ended, the next wait reports it.
        let _ = self.inner.commands.send(Command::Expect { component: component.to_owned(), applied, probes, at });
    }

    /// Waits until the named components, or all expected ones, are ready at the same time.
    ///
    /// # Errors
    /// As soon as one of them has failed permanently, at the deadline, or when the API server is unreachable or denies
    /// a watch.
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

    /// Resolves once one of the named components, which need not be expected yet, has failed permanently; never while
    /// none has. For callers with other work to do before they wait.
    pub async fn failure(&self, components: &[&str]) -> NotReady {
        match self.ask(Some(components), None).await {
            Ok(Err(mut failure)) => {
                if let NotReady::Failed { failed, .. } = &mut failure {
                    logs::attach(&self.inner.client, failed).await;
                }
                failure
            }
            // All are ready, or the watch has stopped: a wait will report that.
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

    /// Returns an error if the API server does not respond at the deadline, to one request: a hung server looks to a
    /// watch as if nothing happened.
    async fn silence(&self) -> Option<String> {
        match tokio::time::timeout(LAST_QUESTION, self.inner.client.apiserver_version()).await {
            Err(_) => Some("it accepts the connection, but does not answer".into()),
            // Any response, even a refusal, shows that it is up.
            Ok(Ok(_) | Err(kube::Error::Api(_) | kube::Error::SerdeError(_))) => None,
            Ok(Err(error)) => Some(innermost(&error)),
        }
    }
}

/// Every awaited component is ready.
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
    /// Time from its expectation until it was ready.
    pub after: Duration,
}
