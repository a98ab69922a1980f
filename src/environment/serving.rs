//! An environment from when it is up until the process that has brought it up exits.

use std::cell::RefCell;
use std::pin::pin;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::cleanup::clean;
use super::failed::TestObserver;
use super::reports::{UsedBy, environment_came_up};
use super::{Environment, TestTimes};
use crate::cluster::ClusterError;
use crate::readiness::errors;
use crate::readiness::redact::Redactor;
use crate::report::Phase;
use crate::run::Running;
use crate::run::failed_run::{Cleanup, FailedRun};
use crate::run::protocol::Run;
use crate::run::session::Session;
use crate::suite::config::Keep;

/// How long collecting what is left of failed tests' namespaces may take.
const CLEANING: Duration = Duration::from_secs(10);

/// How an environment was used, for its reports.
pub(super) struct Used {
    pub(super) by: UsedBy,
    /// How long its tests took; `None` when there was no environment.
    pub(super) times: Option<TestTimes>,
    /// Why it did not come up.
    pub(super) why_not: Option<String>,
}

/// Returns who uses an environment that this process brings up.
pub(super) fn first_user(session: &Session) -> UsedBy {
    if session.terms.runner.is_some() { UsedBy::Runner } else { UsedBy::ThisProcess }
}

/// Hands the environment to the tests, until the process exits. Then it is removed, unless it stays.
pub(super) async fn serve(
    run: &Run,
    mut running: Running,
    up: std::sync::mpsc::Sender<Result<Environment, String>>,
    ending: oneshot::Receiver<()>,
) -> Used {
    let (session, keep) = (&run.session, run.session.terms.keep);
    // Dropped at the end of this function: the environment becomes part of a static, which is never dropped.
    let used = running.used.take();
    let mut environment = Environment::from(running);
    // They end with this function, as the environment does.
    let forwards = environment.forward_unreached().await;
    if let Err(error) = &forwards {
        session.events.warn(Phase::Ready, errors::chain(error));
    }
    let is_shared = session.terms.runner.is_some();
    let by = if is_shared && environment.was_unchanged() { UsedBy::RunnerAlready } else { first_user(session) };
    if by != UsedBy::RunnerAlready {
        environment_came_up(&run.timeline().await, &run.header, None);
    }
    let mut stays = keep == Keep::Always || environment.was_unchanged() || is_shared;
    if stays {
        // It is removed when the test runner exits, or by `kind-harness down`.
        session.undo.keep();
    }
    if keep == Keep::Always && by != UsedBy::RunnerAlready {
        tell_how_to_use(session);
    }
    let (janitor, chores) = mpsc::unbounded_channel();
    environment.janitor = Some(janitor.downgrade());
    let times = environment.times.clone();
    let cluster = environment.running.cluster.clone();
    let observer = TestObserver { run, cluster: &cluster, bundled: RefCell::default() };
    let mut cleaning = pin!(clean(environment.client(), chores, &observer));
    let _ = up.send(Ok(environment));
    // An error means that the sender was dropped, which ends it too.
    tokio::select! {
        _ = ending => {}
        () = &mut cleaning => {}
    }
    drop(janitor);
    let _ = tokio::time::timeout(CLEANING, cleaning).await;
    if report_failed_tests(&observer).await && keep == Keep::OnFailure {
        stays = true;
        match session.keep().await {
            Ok(()) => tell_how_to_use(session),
            Err(error) => will_not_stay(session, &error),
        }
    }
    drop((used, forwards));
    if !stays && let Err(error) = session.undo().await {
        session.events.warn(Phase::Teardown, error.to_string());
    }
    Used { by, times: Some(times), why_not: None }
}

/// Says what became of an environment that did not come up; returns why it did not.
pub(super) fn tell_failure(session: &Session, failed: &FailedRun) -> String {
    match &failed.cleanup {
        Cleanup::Kept => tell_how_to_use(session),
        Cleanup::NotKept(error) => will_not_stay(session, error),
        Cleanup::Remains(errors) => session.events.warn(Phase::Teardown, errors.to_string()),
        Cleanup::Undone | Cleanup::Left | Cleanup::Stays => {}
    }
    let mut why = failed.to_string();
    Redactor::global().mask(&mut why);
    why
}

/// Reports failed tests without a bundle before the environment is removed. Returns whether any test has failed.
async fn report_failed_tests(observer: &TestObserver<'_>) -> bool {
    let Some(unseen) = observer.unseen().await else { return false };
    if !unseen.is_empty()
        && let Some(bundle) = observer.bundle(&unseen).await
    {
        let text = format!("{} failed; bundle: {}", unseen.join(", "), bundle.display());
        observer.run.session.events.note(Phase::Specs, text);
    }
    true
}

fn will_not_stay(session: &Session, error: &ClusterError) {
    session.events.warn(Phase::Specs, format!("the cluster will not stay: {error}"));
}

fn tell_how_to_use(session: &Session) {
    let name = session.plan.cluster_name();
    let kubeconfig = session.folders.cluster(name).join("kubeconfig");
    let text = format!(
        "cluster {name} stays; use it with `kubectl --kubeconfig {}`, remove it with `kind-harness down --name {name}`",
        kubeconfig.display()
    );
    session.events.note(Phase::Specs, text);
}
