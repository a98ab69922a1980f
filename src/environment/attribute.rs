//! Runs a test from start to end: called by the expansion of `#[kind_harness::test]`, and by `Specs`.

use std::fmt;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use tokio::sync::mpsc;

use super::attempt::{Cause, Limits, attempt};
use super::cleanup::Chore;
use super::current::CurrentTest;
use super::failed::FailedTest;
use super::reports::SpecReport;
use super::returned::TestResult;
use super::scope::Scope;
use super::shared::try_shared;
use super::{Environment, TestNamespace};
use crate::readiness::errors::chain;
use crate::readiness::redact::Redactor;

/// How long a test waits for the report of its failure: longer than a bundle takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// The arguments of the attribute, and the function that has it.
#[derive(Debug)]
pub struct Options {
    /// The suite's file.
    pub suite: &'static str,
    /// Path of the module, starting with the crate.
    pub module: &'static str,
    /// The function.
    pub name: &'static str,
    /// The file of the function, as the compiler names it.
    pub file: &'static str,
    /// The line of the function.
    pub line: u32,
    /// How long the body may take.
    pub timeout: Option<Duration>,
    /// Whether the test's runtime is multi-threaded.
    pub multi_thread: bool,
    /// Whether the test holds a shared lock on the environment, so that it does not run during an exclusive test.
    pub turn: bool,
    /// The components that the test disturbs, so that no other test runs meanwhile that uses them; all if it names none.
    pub exclusive: Option<&'static [&'static str]>,
    /// The components that the test uses; all without this.
    pub uses: Option<&'static [&'static str]>,
}

impl Options {
    /// Returns what the test uses and disturbs.
    fn scope(&self) -> Scope {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        match (self.exclusive, self.uses) {
            (None, None) => Scope::Shared,
            (None, Some(uses)) => Scope::Uses(owned(uses)),
            (Some([]), _) => Scope::Alone,
            (Some(on), uses) => Scope::Exclusive { on: owned(on), uses: owned(uses.unwrap_or_default()) },
        }
    }
}

/// Why a test failed, with the report. Test runners print it with `{:?}`, so it is plain text.
pub struct Failure(String);

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Runs a test without a namespace.
///
/// # Errors
/// Why it failed.
///
/// # Panics
/// When the test panics.
pub fn run<F, R>(options: Options, body: F) -> Result<(), Failure>
where
    F: FnOnce(&'static Environment) -> R + Send + 'static,
    R: Future,
    R::Output: TestResult,
{
    // Fixtures take the locks of a test that says nothing, if it needs any.
    let turn = options.turn || options.scope() != Scope::Shared;
    let prepare = async move |test: CurrentTest| {
        let turn = if turn { Some(test.turn(test.environment(), None).await) } else { None };
        turn.transpose().map_err(|error| format!("no turn for the test: {}", chain(&error)))
    };
    TestRun::from(options).run(prepare, |environment, turn| async move {
        let _turn = turn;
        body(environment).await
    })
}

/// Runs a test with a namespace.
///
/// # Errors
/// Why it failed.
///
/// # Panics
/// When the test panics.
pub fn run_in_namespace<F, R>(options: Options, body: F) -> Result<(), Failure>
where
    F: FnOnce(&'static Environment, TestNamespace) -> R + Send + 'static,
    R: Future,
    R::Output: TestResult,
{
    let prepare = async |test: CurrentTest| {
        let made = test.namespace().await;
        made.map_err(|error| format!("no namespace for the test: {}", chain(&error)))
    };
    TestRun::from(options).run(prepare, body)
}

/// A test that is about to run.
pub(super) struct TestRun {
    pub(super) suite: PathBuf,
    pub(super) limits: Limits,
    /// What the test uses and disturbs.
    pub(super) scope: Scope,
    /// The file and line of its source.
    pub(super) place: (&'static str, u32),
}

impl From<Options> for TestRun {
    fn from(options: Options) -> TestRun {
        let scope = options.scope();
        let Options { suite, module, name, file, line, timeout, multi_thread, .. } = options;
        // In libtest's format, without the crate.
        let name = module.split_once("::").map_or_else(|| name.to_owned(), |(_, module)| format!("{module}::{name}"));
        TestRun { suite: suite.into(), limits: Limits { name, timeout, multi_thread }, scope, place: (file, line) }
    }
}

impl TestRun {
    fn run<T, F, R>(
        self,
        prepare: impl AsyncFnOnce(CurrentTest) -> Result<T, String> + Send + 'static,
        body: F,
    ) -> Result<(), Failure>
    where
        F: FnOnce(&'static Environment, T) -> R + Send + 'static,
        R: Future,
        R::Output: TestResult,
    {
        match self.outcome(prepare, body) {
            Ok(()) => Ok(()),
            Err((Cause::Panic(payload), seen)) => {
                // Printed here, where libtest shows it below the panic's message.
                eprintln!("{seen}");
                resume_unwind(payload)
            }
            Err((cause, seen)) => {
                let mut text = format!("{cause}\n{seen}");
                Redactor::global().mask(&mut text);
                Err(Failure(text))
            }
        }
    }

    /// Runs the test. On failure returns the cause and the report.
    pub(super) fn outcome<T, F, R>(
        self,
        prepare: impl AsyncFnOnce(CurrentTest) -> Result<T, String> + Send + 'static,
        body: F,
    ) -> Result<(), (Cause, String)>
    where
        F: FnOnce(&'static Environment, T) -> R + Send + 'static,
        R: Future,
        R::Output: TestResult,
    {
        let report = Arc::new(SpecReport::begin(&self.suite, &self.limits.name, self.place));
        let environment = try_shared(&self.suite).map_err(|why| {
            let why = format!("the test environment did not come up: {why}");
            report.has_no_environment(&why);
            (Cause::Error(why), String::new())
        })?;
        let test = CurrentTest::new(&self.limits.name, environment, self.scope);
        let (entered, begun, started) = (test.clone(), test.clone(), report.clone());
        let prepare = async move || {
            let prepared = prepare(begun.clone()).await;
            begun.begin();
            started.body_begins();
            prepared
        };
        let ended = attempt(&self.limits, move || entered.enter(), prepare, move |given| body(environment, given));
        report.body_ended();
        test.finish(ended.is_err());
        let ended = ended.map_err(|cause| {
            let seen = request_report(&test, &cause);
            (cause, seen)
        });
        report.end(ended.as_ref().err().map(|(cause, seen)| format!("{cause}\n{seen}")));
        let is_seen = ended.as_ref().is_err_and(|(_, seen)| !seen.is_empty());
        test.clean(ended.is_err(), is_seen);
        ended
    }
}

/// Returns the report of a failed test, with the path of its bundle. Empty if the environment is being removed already.
fn request_report(test: &CurrentTest, cause: &Cause) -> String {
    let janitor = test.environment().janitor.as_ref().and_then(mpsc::WeakUnboundedSender::upgrade);
    let Some(janitor) = janitor else { return String::new() };
    let (answer, answered) = channel();
    let (name, why, namespaces) = (test.name().to_owned(), cause.to_string(), test.namespaces());
    // With RUST_BACKTRACE anyhow prints a backtrace too, which is in the test's output already.
    let why = why.split("\n\nStack backtrace:").next().unwrap_or_default().to_owned();
    let _ = janitor.send(Chore::Look(FailedTest { name, why, namespaces, answer }));
    answered.recv_timeout(PATIENCE).unwrap_or_default()
}
