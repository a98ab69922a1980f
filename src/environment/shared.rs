//! One environment for all tests of a binary: brought up for the first test that uses it, removed when the process
//! exits.
//!
//! It runs on a thread of its own. Rust statics are never dropped, so it is ended from a function that the C library
//! calls at exit, whether tests passed or failed; when the process is killed instead, the
//! [reaper](crate::teardown::Reaper) removes the cluster.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use super::Environment;
use super::registry::{Shared, claim, entries, entry, lock};
use super::reports::{UsedBy, annotate_environment, environment_came_up, never_began, summarize, unfinished};
use super::runner::{runner, usual};
use super::serving::{Used, first_user, serve, tell_failure};
use crate::host::folders::Folders;
use crate::host::setup::Consent;
use crate::readiness::redact::Redactor;
use crate::report::console::PlainConsole;
use crate::report::{Events, Reporter, slowest, to_json, to_table};
use crate::run::protocol::{OnFailure, Part, Run, Uninterrupted};
use crate::run::session::{LeaseOptions, LooksLikeProduction, Session};
use crate::suite::config::{self, Keep, Overrides, Share, Switches};
use crate::suite::plan::Plan;
use crate::teardown::Undo;

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
