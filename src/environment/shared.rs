//! One environment for all tests of a binary: brought up for the first that asks, taken down when the process ends.
//!
//! It lives on a thread of its own. Rust statics are never dropped, so its end is run from a function that the C
//! library calls at exit, passing and failing test runs included; when the process is killed instead, the
//! [reaper](crate::teardown::Reaper) removes the cluster.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::Environment;
use super::janitor::clean;
use super::runner::{runner, usual};
use crate::cluster::Cluster;
use crate::host::folders::Folders;
use crate::host::setup::Consent;
use crate::readiness::redact::Redactor;
use crate::report::console::PlainConsole;
use crate::report::{Events, Outcome, Phase, Reporter, to_json, to_table};
use crate::run::failure_report::FailureReport;
use crate::run::session::{LooksLikeProduction, Session, Terms, UpError};
use crate::suite::config::Keep;
use crate::suite::config::{self, Overrides, Share, Switches};
use crate::suite::plan::Plan;
use crate::teardown::Undo;

/// How long the namespaces of failed tests may take to be looked at.
const CLEANING: Duration = Duration::from_secs(10);

struct Shared {
    environment: Result<Environment, String>,
    end: Mutex<Option<(oneshot::Sender<()>, JoinHandle<()>)>>,
}

static SHARED: OnceLock<Shared> = OnceLock::new();

/// The environment of the suite at `path`, shared by every test of this process.
///
/// The first call brings it up, on a cluster and host ports of its own; `KIND_HARNESS_*` variables choose otherwise
/// (see README.md). It ends with the process.
///
/// # Panics
/// When the environment does not come up: in every test that asks for it, with the reason.
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
    let shared = SHARED.get_or_init(|| start(path.as_ref().into()));
    match &shared.environment {
        Ok(environment) => environment,
        Err(why) => panic!("the test environment did not come up: {why}"),
    }
}

fn start(path: PathBuf) -> Shared {
    let (up, is_up) = std::sync::mpsc::channel();
    let (end, ending) = oneshot::channel();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        match runtime {
            Ok(runtime) => runtime.block_on(live(path, up, ending)),
            Err(error) => drop(up.send(Err(format!("no async runtime: {error}")))),
        }
    });
    let environment = is_up.recv().unwrap_or_else(|_| Err("it ended before it began".into()));
    Shared { environment, end: Mutex::new(Some((end, thread))) }
}

/// The whole life of the environment.
async fn live(path: PathBuf, up: std::sync::mpsc::Sender<Result<Environment, String>>, ending: oneshot::Receiver<()>) {
    let (events, reporter) = Reporter::start(PlainConsole::default());
    let session = match session(&path, events) {
        Ok(session) => session,
        Err(why) => return drop(up.send(Err(why))),
    };
    let strategy = format!("{:?}", session.plan.suite().strategy).to_lowercase();
    let (mut stays, mut tells) = (session.terms.keep == Keep::Always, true);
    let up_or_not = session.up().await;
    // For `status` of others; a status without it is a status all the same.
    let _ = reporter.so_far().await.lives.keep(&session.folders.cluster(session.plan.cluster_name()));
    match up_or_not {
        Ok(mut environment) => {
            let joined = session.terms.runner.is_some() && environment.was_unchanged();
            tells = !joined;
            stays |= environment.was_unchanged() || session.terms.runner.is_some();
            if stays {
                // It is somebody else's to end: the runner's, or that of whoever takes it down.
                session.undo.keep();
            }
            if session.terms.keep == Keep::Always && !joined {
                tell_how_to_use(&session);
            }
            let (janitor, namespaces) = mpsc::unbounded_channel();
            let cleaning =
                tokio::spawn(clean(environment.client(), environment.events.clone(), namespaces, session.terms.keep));
            environment.janitor = Some(janitor.downgrade());
            let cluster = environment.cluster.clone();
            let _ = up.send(Ok(environment));
            // An error means that the other end is gone, which is an end too.
            let _ = ending.await;
            drop(janitor);
            let _ = tokio::time::timeout(CLEANING, cleaning).await;
            let failed = look(&session, &cluster, &reporter, &strategy).await;
            if failed && session.terms.keep == Keep::OnFailure {
                stays = true;
                keep(&session).await;
            }
            take_down(&session, stays).await;
        }
        Err(error) => {
            let why = told(&session, error, &reporter, &strategy).await;
            stays = session.terms.keep != Keep::Never;
            if stays {
                keep(&session).await;
            }
            take_down(&session, stays).await;
            let _ = up.send(Err(why));
        }
    }
    drop(session);
    let timeline = reporter.finish().await;
    if tells {
        crate::report::console::write(&format!("\n{}", to_table(&timeline)));
    }
    if let Some(path) = std::env::var_os("KIND_HARNESS_REPORT") {
        let report = to_json(&timeline, &strategy).to_string();
        if let Err(error) = crate::host::folders::write_output(Path::new(&path), &report) {
            crate::report::console::write(&format!("the report could not be written: {error}\n"));
        }
    }
}

/// Why there is no environment, with its root causes and where to look further.
async fn told(session: &Session, error: UpError, reporter: &Reporter, strategy: &str) -> String {
    let timeline = to_json(&reporter.so_far().await, strategy);
    let seen = FailureReport::of_up(&session.plan, &session.folders, &session.events, &error, timeline).await;
    let mut text =
        seen.diagnosis.map_or_else(|| crate::readiness::errors::chain(&error), |diagnosis| diagnosis.to_string());
    Redactor::global().mask(&mut text);
    seen.bundle.map_or(text.clone(), |bundle| format!("{text}\nbundle: {}", bundle.display()))
}

/// When tests have failed, looks at what there is to see before it is taken away. Returns whether any has.
async fn look(session: &Session, cluster: &Cluster, reporter: &Reporter, strategy: &str) -> bool {
    let timeline = reporter.so_far().await;
    let failed = timeline.spans.iter().filter(|span| span.phase == Phase::Specs && span.outcome == Outcome::Failed);
    let failed: Vec<String> = failed.map(|span| span.step.clone()).collect();
    if failed.is_empty() {
        return false;
    }
    let (plan, events) = (&session.plan, &session.events);
    let timeline = to_json(&timeline, strategy);
    let seen = FailureReport::of_tests(plan, &session.folders, events, cluster, &failed, timeline).await;
    if let Some(bundle) = seen.bundle {
        events.note(Phase::Specs, format!("{} failed; bundle: {}", failed.join(", "), bundle.display()));
    }
    true
}

fn session(path: &Path, events: Events) -> Result<Session, String> {
    let mut overrides = Overrides::from_env().map_err(|error| error.to_string())?;
    let switches = Switches::from_env().map_err(|error| error.to_string())?;
    switches.complete(&mut overrides);
    let mut terms = Terms { keep: switches.keep, ttl: overrides.ttl, runner: None };
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
    let (undo, record) = (Undo::default(), Mutex::default());
    let agree = crate::host::setup::consent_of_environment;
    // Nobody can be asked in a test run.
    let confirm = |_: &LooksLikeProduction| crate::host::setup::consent_of_environment(&[]) == Consent::Given;
    Ok(Session { plan, folders, events, undo, terms, record, agree, confirm })
}

/// Lets the cluster stay, and tells how to use it.
async fn keep(session: &Session) {
    match session.keep().await {
        Ok(()) => tell_how_to_use(session),
        Err(error) => session.events.warn(Phase::Specs, format!("the cluster will not stay: {error}")),
    }
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

async fn take_down(session: &Session, stays: bool) {
    if !stays && let Err(error) = session.undo().await {
        session.events.warn(Phase::Teardown, error.to_string());
    }
}

/// Runs when the process ends, however its tests went.
#[dtor::dtor(unsafe)]
fn at_exit() {
    let Some(shared) = SHARED.get() else { return };
    let end = shared.end.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some((end, thread)) = end {
        let _ = end.send(());
        let _ = thread.join();
    }
}
