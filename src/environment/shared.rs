//! One environment for all tests of a binary: brought up for the first test that uses it, removed when the process
//! exits.
//!
//! It runs on a thread of its own. Rust statics are never dropped, so it is ended from a function that the C library
//! calls at exit, whether tests passed or failed; when the process is killed instead, the
//! [reaper](crate::teardown::Reaper) removes the cluster.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Mutex;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::cleanup::clean;
use super::failed::TestObserver;
use super::registry::{Shared, claim, entries, entry, lock};
use super::reports::{UsedBy, annotate_environment, environment_came_up, never_began, summarize, unfinished};
use super::runner::{runner, usual};
use super::{Environment, TestTimes};
use crate::cluster::ClusterError;
use crate::host::folders::Folders;
use crate::host::setup::Consent;
use crate::readiness::errors;
use crate::readiness::redact::Redactor;
use crate::report::console::PlainConsole;
use crate::report::{Events, Phase, Reporter, slowest, to_json, to_table};
use crate::run::Running;
use crate::run::failed_run::{Cleanup, FailedRun};
use crate::run::protocol::{OnFailure, Part, Run, Uninterrupted};
use crate::run::session::{LeaseOptions, LooksLikeProduction, Session};
use crate::suite::config::{self, Keep, Overrides, Share, Switches};
use crate::suite::plan::Plan;
use crate::teardown::Undo;

/// How long collecting what is left of failed tests' namespaces may take.
const CLEANING: Duration = Duration::from_secs(10);

/// Returns the environment of the suite at `path`, shared by every test of this process.
///
/// The first call brings it up, on a cluster and host ports of its own; `KIND_HARNESS_*` variables change this (see
/// docs/cli.md). It is removed when the process exits. Each suite has an environment of its own: different paths are
/// different environments, unless they refer to the same file.
///
/// [`kind_harness::test`](macro@crate::test) calls this, and detects every failure. Of a test without that attribute,
/// only a panic is detected, while it has a [namespace](Environment::test_namespace): a returned error or a time-out
/// writes no bundle, and does not keep the cluster with `KIND_HARNESS_KEEP=on-failure`.
///
/// # Panics
/// When the environment does not come up: in every test that uses it, with the reason. Also when two suites of the
/// process would use the same cluster, because they have the same name and folder, or because of `KIND_HARNESS_NAME`.
///
/// ```no_run
/// use kind_harness::environment::{Environment, shared};
/// use rstest::{fixture, rstest};
///
/// #[fixture]
/// fn environment() -> &'static Environment {
///     shared("e2e.yaml")
/// }
///
/// #[rstest]
/// fn the_api_has_an_address(environment: &Environment) {
///     assert!(environment.endpoint("api", "http").is_some());
/// }
/// ```
#[must_use]
pub fn shared(path: impl AsRef<Path>) -> &'static Environment {
    try_shared(path.as_ref()).unwrap_or_else(|why| panic!("the test environment did not come up: {why}"))
}

/// Returns the environment like [`shared`], but with the reason as an error if it did not come up.
pub(super) fn try_shared(path: &Path) -> Result<&'static Environment, &'static str> {
    let entry = entry(path);
    let shared = entry.shared.get_or_init(|| start(path.into(), entry.later));
    shared.environment.as_ref().map_err(String::as_str)
}

fn start(path: PathBuf, later: bool) -> Shared {
    let (up, is_up) = std::sync::mpsc::channel();
    let (end, ending) = oneshot::channel();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        match runtime {
            Ok(runtime) => runtime.block_on(live(path, later, up, ending)),
            Err(error) => drop(up.send(Err(format!("no async runtime: {error}")))),
        }
    });
    let environment = is_up.recv().unwrap_or_else(|_| Err("it ended before it began".into()));
    Shared { environment, end: Mutex::new(Some((end, thread))) }
}

/// Runs the environment from start to end.
async fn live(
    path: PathBuf,
    later: bool,
    up: std::sync::mpsc::Sender<Result<Environment, String>>,
    ending: oneshot::Receiver<()>,
) {
    let (events, reporter) = Reporter::start(PlainConsole::default());
    let session = match session(&path, events) {
        Ok(session) => session,
        Err(why) => {
            never_began(&path, &why);
            return drop(up.send(Err(why)));
        }
    };
    let on_failure = if session.terms.keep == Keep::Never { OnFailure::Undo } else { OnFailure::Keep };
    let mut run = Run::new(session, reporter);
    let used = match run.up(Part::All, on_failure, &mut Uninterrupted).await {
        Ok(running) => serve(&run, running, up, ending).await,
        Err(failed) => {
            let why_not = tell_failure(&run.session, &failed);
            annotate_environment(&path, &why_not);
            let _ = up.send(Err(why_not.clone()));
            Used { by: first_user(&run.session), times: None, why_not: Some(why_not) }
        }
    };
    report(&path, later, run, used).await;
}

/// How an environment was used, for its reports.
struct Used {
    by: UsedBy,
    /// How long its tests took; `None` when there was no environment.
    times: Option<TestTimes>,
    /// Why it did not come up.
    why_not: Option<String>,
}

/// Returns who uses an environment that this process brings up.
fn first_user(session: &Session) -> UsedBy {
    if session.terms.runner.is_some() { UsedBy::Runner } else { UsedBy::ThisProcess }
}

/// Hands the environment to the tests, until the process exits. Then it is removed, unless it stays.
async fn serve(
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
fn tell_failure(session: &Session, failed: &FailedRun) -> String {
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

/// Ends the run, and writes its reports.
async fn report(path: &Path, later: bool, run: Run, used: Used) {
    let header = run.header.clone();
    let timeline = run.finish().await;
    let why_not = used.why_not.as_deref();
    if used.by != UsedBy::RunnerAlready {
        environment_came_up(&timeline, &header, why_not);
        crate::report::console::write(&format!("\n{}", to_table(&timeline, &header)));
    }
    if let Some(times) = used.times {
        let text = slowest(&lock(&times));
        crate::report::console::write(&text);
    }
    summarize(path, &timeline, &header, why_not, used.by);
    if let Some(file) = std::env::var_os("KIND_HARNESS_REPORT") {
        let report = format!("{}\n", to_json(&timeline, &header));
        let file = if later { beside(Path::new(&file), &header.suite) } else { file.into() };
        if let Err(error) = crate::host::folders::write_output(&file, &report) {
            crate::report::console::write(&format!("the report could not be written: {error}\n"));
        }
    }
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

/// Returns the path of a suite's report, for suites after the first one of the process.
fn beside(path: &Path, suite: &str) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let extension = path.extension().map_or(String::new(), |it| format!(".{}", it.to_string_lossy()));
    path.with_file_name(format!("{stem}-{suite}{extension}"))
}

fn session(path: &Path, events: Events) -> Result<Session, String> {
    let mut overrides = Overrides::from_env().map_err(|error| error.to_string())?;
    let switches = Switches::from_env().map_err(|error| error.to_string())?;
    switches.complete(&mut overrides);
    let test_file = std::env::current_exe().ok();
    let mut terms = LeaseOptions { keep: switches.keep, ttl: overrides.ttl, test_file, runner: None };
    let folders = Folders::of_user().map_err(|error| error.to_string())?;
    let private = terms.keep != Keep::Always && overrides.name.is_none();
    overrides.auto_ports |= private;
    let load = |overrides: &Overrides| {
        let loaded = config::load(path, overrides).map_err(|error| format!("\n{error}"))?;
        Plan::new(loaded).map_err(|error| error.to_string())
    };
    let mut plan = load(&overrides)?;
    plan.teach(Redactor::global());
    let mut whose = std::process::id().cast_signed();
    if switches.share.unwrap_or_else(usual) == Share::Runner {
        let runner = runner()?;
        whose = runner.pid;
        terms.runner = Some(runner);
    }
    if private {
        let name = plan.cluster_name().with_suffix(&whose.to_string()).map_err(|error| error.to_string())?;
        overrides.name = Some(name.into());
        plan = load(&overrides)?;
    }
    claim(plan.cluster_name().as_str(), path)?;
    let (undo, record) = (Undo::default(), Mutex::default());
    let agree = crate::host::setup::consent_of_environment;
    // A test run cannot ask the user.
    let confirm = |_: &LooksLikeProduction| crate::host::setup::consent_of_environment(&[]) == Consent::Given;
    let reports = unfinished();
    Ok(Session { plan, folders, events, undo, terms, record, reports, agree, confirm })
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

/// Ends the environments when the process exits, whether tests passed or failed.
#[dtor::dtor(unsafe)]
fn at_exit() {
    let entries = entries();
    let shared = entries.iter().filter_map(|entry| entry.shared.get());
    let ends: Vec<_> = shared.filter_map(|shared| lock(&shared.end).take()).collect();
    let end = |(end, thread): (oneshot::Sender<()>, JoinHandle<()>)| {
        let _ = end.send(());
        thread
    };
    // All are notified before the first one is joined.
    let threads: Vec<_> = ends.into_iter().map(end).collect();
    threads.into_iter().for_each(|thread| drop(thread.join()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_of_a_later_suite_is_beside_the_first_ones() {
        let at = |path: &str| beside(Path::new(path), "shop").display().to_string();
        assert_eq!(at("target/report.json"), "target/report-shop.json");
        assert_eq!(at("/tmp/a.b/v1.2.json"), "/tmp/a.b/v1.2-shop.json");
        assert_eq!(at("report"), "report-shop");
    }
}
