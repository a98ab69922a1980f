//! The board of a running cluster, kept up to date.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use kind_harness::cluster::{Cluster, Record, Records};
use kind_harness::host::folders::Folders;
use kind_harness::readiness::redact::Redactor;
use kind_harness::run::diagnostics::learn_secrets;
use kind_harness::suite::plan::Plan;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::board::{Board, Schedule};
use super::past::Past;
use super::target::Target;

/// The board of a suite's cluster, and its past runs.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) board: Arc<Board>,
    pub(crate) suite: String,
    pub(crate) cluster: String,
    /// Whether components are asked again and again.
    pub(crate) is_repeated: bool,
    past: RwLock<Arc<Past>>,
}

impl Live {
    pub(crate) fn new(board: Board, suite: &str, cluster: &str, past: Past, is_repeated: bool) -> Live {
        let (suite, cluster) = (suite.to_owned(), cluster.to_owned());
        Live { board: Arc::new(board), suite, cluster, is_repeated, past: RwLock::new(Arc::new(past)) }
    }

    /// Returns what past runs tell.
    pub(crate) fn past(&self) -> Arc<Past> {
        self.past.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps it up to date until the returned tasks are dropped: asks the components, and follows new runs, and what a
    /// later `up` changes about the cluster.
    pub(crate) fn keep(self: &Arc<Live>, source: Source, record: Record, target: Target, schedule: Schedule) -> Tasks {
        let (sender, target) = watch::channel(Arc::new(target));
        let mut tasks = self.board.keep_asking(&target, schedule);
        let live = self.clone();
        tasks.spawn(async move { live.follow(source, record, &sender, schedule).await });
        Tasks(tasks)
    }

    async fn follow(
        &self,
        source: Source,
        mut record: Record,
        target: &watch::Sender<Arc<Target>>,
        schedule: Schedule,
    ) {
        let source = Arc::new(source);
        let mut ticks = interval(schedule.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if let Some(cluster) = source.changed(&record).await {
                record = cluster.record.clone();
                target.send_replace(Arc::new(Target::new(&source.plan, &cluster)));
            }
            let (client, namespace) = {
                let target = target.borrow();
                (target.client.0.clone(), target.namespace.clone())
            };
            // Secrets that are new are learned before a component quotes them for long.
            let _ = timeout(schedule.limit, learn_secrets(&client, Some(&namespace))).await;
            self.follow_runs(&source).await;
        }
    }

    async fn follow_runs(&self, source: &Arc<Source>) {
        let (past, source) = (self.past(), source.clone());
        let (suite, cluster) = (self.suite.clone(), self.cluster.clone());
        let read = tokio::task::spawn_blocking(move || past.newer(&source.folders, &suite, &cluster));
        if let Ok(Some(newer)) = read.await {
            *self.past.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(newer);
        }
    }
}

/// Tasks that end when this is dropped, and not by themselves.
#[derive(Debug)]
pub(crate) struct Tasks(JoinSet<()>);

impl Tasks {
    /// Returns when one of them has ended by a panic: what it kept up to date is not any more.
    pub(crate) async fn broken(&mut self) {
        if self.0.join_next().await.is_none() {
            std::future::pending().await
        }
    }
}

/// Where a suite's cluster is found.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) plan: Plan,
    pub(crate) folders: Folders,
}

impl Source {
    /// Returns the cluster if its record has changed: after another `up`, its address and its objects may be others.
    async fn changed(&self, known: &Record) -> Option<Cluster> {
        let name = self.plan.cluster_name();
        let record = Records::peek(&self.folders, name).ok()??;
        if record == *known {
            return None;
        }
        let attached = Cluster::attach(record, self.folders.cluster(name).join("kubeconfig"));
        let cluster = timeout(Duration::from_secs(5), attached).await.ok()?.ok()?;
        Redactor::global().learn_credentials(&cluster.config);
        Some(cluster)
    }
}
