//! The current test and the namespaces that it created, which are deleted once its result is known.

use std::cell::RefCell;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::WeakUnboundedSender;

use super::cleanup::{Chore, FinishedNamespace};
use super::registry::lock;
use super::scope::{Locks, Scope};
use super::{Environment, EnvironmentLock, NamespaceError, TestNamespace};
use crate::report::{Outcome, Phase, Step};

thread_local! {
    static CURRENT: RefCell<Option<CurrentTest>> = const { RefCell::new(None) };
}

/// Returns the test that this thread runs under `#[kind_harness::test]` or `Specs`; `None` elsewhere.
///
/// For fixtures, which do not get the test's arguments:
///
/// ```no_run
/// use kind_harness::environment::{TestNamespace, current_test};
/// use rstest::fixture;
///
/// #[fixture]
/// async fn namespace() -> TestNamespace {
///     current_test().expect("a test in an environment").namespace().await.expect("a namespace")
/// }
/// ```
#[must_use]
pub fn current_test() -> Option<CurrentTest> {
    CURRENT.with_borrow(Clone::clone)
}

/// A test that runs in an environment. Clones refer to the same test.
#[derive(Clone)]
pub struct CurrentTest(Arc<Inner>);

struct Inner {
    name: String,
    environment: &'static Environment,
    /// What it uses and disturbs in this environment.
    scope: Scope,
    state: Mutex<State>,
    /// The locks that it holds, by the folders of their environments.
    turns: tokio::sync::Mutex<Vec<HeldTurn>>,
}

#[derive(Default)]
struct State {
    step: Option<Step>,
    /// When it began; `None` before that.
    began: Option<Instant>,
    /// How long it has waited for other tests since then.
    waited: Duration,
    made: Vec<Made>,
}

/// A namespace created by the test.
struct Made {
    leftover: FinishedNamespace,
    janitor: Option<WeakUnboundedSender<Chore>>,
    /// The test's step in the report of an environment other than its own.
    step: Option<Step>,
}

struct HeldTurn {
    folder: PathBuf,
    locks: Locks,
    turn: Weak<EnvironmentLock>,
}

impl std::fmt::Debug for CurrentTest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CurrentTest").field("name", &self.name()).finish_non_exhaustive()
    }
}

impl CurrentTest {
    pub(super) fn new(name: &str, environment: &'static Environment, scope: Scope) -> CurrentTest {
        let (state, turns) = (Mutex::default(), tokio::sync::Mutex::default());
        CurrentTest(Arc::new(Inner { name: name.to_owned(), environment, scope, state, turns }))
    }

    /// Returns the test's name, as the test runner prints it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Returns the environment that it runs in.
    #[must_use]
    pub fn environment(&self) -> &'static Environment {
        self.0.environment
    }

    /// Creates a namespace for the test, like [`Environment::test_namespace`].
    ///
    /// # Errors
    /// When the API server denies it, or the environment is gone.
    pub async fn namespace(&self) -> Result<TestNamespace, NamespaceError> {
        self.0.environment.test_namespace(self.name()).await
    }

    /// Sets this as the current test of the calling thread.
    pub(super) fn enter(&self) {
        CURRENT.set(Some(self.clone()));
    }

    /// Starts the test's step in the report.
    pub(super) fn begin(&self) {
        let Inner { name, environment, .. } = &*self.0;
        let mut state = self.state();
        state.step.get_or_insert_with(|| environment.running.events.step(Phase::Specs, name));
        state.began.get_or_insert_with(Instant::now);
    }

    /// Returns the test's locks in `environment`: those that it holds, or new ones, for `scope` or else for what it says
    /// that it uses. A test that took others later could deadlock with itself.
    pub(super) async fn turn(
        &self,
        environment: &Environment,
        scope: Option<Scope>,
    ) -> Result<Arc<EnvironmentLock>, NamespaceError> {
        let folder = environment.folder();
        let is_ours = folder == self.0.environment.folder();
        let mut turns = self.0.turns.lock().await;
        turns.retain(|held| held.turn.strong_count() > 0);
        if let Some(held) = turns.iter().find(|held| held.folder == folder)
            && let Some(turn) = held.turn.upgrade()
        {
            let Some(scope) = scope else { return Ok(turn) };
            let covered = held.locks.cover(&environment.locks(&scope)?);
            let text = match scope {
                Scope::Alone => "the test runs beside others already; write `#[kind_harness::test(exclusive)]`",
                _ => {
                    "the test has locked other components already; name all of them at once, in \
                     `#[kind_harness::test(exclusive = …, uses = …)]`"
                }
            };
            return if covered { Ok(turn) } else { Err(io::Error::new(io::ErrorKind::Deadlock, text).into()) };
        }
        let declared = || if is_ours { self.0.scope.clone() } else { Scope::default() };
        let locks = environment.locks(&scope.unwrap_or_else(declared))?;
        let asked = Instant::now();
        let turn = Arc::new(EnvironmentLock::take(folder, &locks).await?);
        let waited = asked.elapsed();
        let state = &mut *self.state();
        if state.began.is_some() {
            state.waited += waited;
        }
        turns.push(HeldTurn { folder: folder.to_owned(), locks, turn: Arc::downgrade(&turn) });
        Ok(turn)
    }

    /// Records a namespace, to be deleted when the test has ended.
    pub(super) fn made(&self, leftover: FinishedNamespace, environment: &Environment, step: impl FnOnce() -> Step) {
        let is_ours = environment.folder() == self.0.environment.folder();
        let made = Made { leftover, janitor: environment.janitor.clone(), step: (!is_ours).then(step) };
        self.state().made.push(made);
    }

    /// Returns the namespaces that the test has created in its own environment.
    pub(super) fn namespaces(&self) -> Vec<String> {
        let state = self.state();
        state.made.iter().filter(|made| made.step.is_none()).map(|made| made.leftover.namespace.clone()).collect()
    }

    /// Reports the test's result.
    pub(super) fn finish(&self, failed: bool) {
        // A test that failed before its start is in the report, too.
        self.begin();
        let state = &mut *self.state();
        let took = state.began.map(|began| began.elapsed().saturating_sub(state.waited)).unwrap_or_default();
        lock(&self.0.environment.times).push((self.0.name.clone(), took));
        let others = state.made.iter_mut().filter_map(|made| made.step.take());
        for step in others.chain(state.step.take()) {
            step.finish(if failed { Outcome::Failed } else { Outcome::Done });
        }
    }

    /// Releases the test's locks, and deletes its namespaces. If it `failed`, `told` is whether they have been
    /// reported.
    pub(super) fn clean(&self, failed: bool, told: bool) {
        // A body that blocks its thread never releases them.
        if let Ok(mut turns) = self.0.turns.try_lock() {
            turns.drain(..).filter_map(|held| held.turn.upgrade()).for_each(|turn| turn.end());
        }
        for Made { leftover, janitor, .. } in std::mem::take(&mut self.state().made) {
            // If clean-up has already stopped, the namespace is removed with the cluster.
            if let Some(janitor) = janitor.as_ref().and_then(WeakUnboundedSender::upgrade) {
                let _ = janitor.send(Chore::Delete(FinishedNamespace { failed, told, ..leftover }));
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.0.state)
    }
}
