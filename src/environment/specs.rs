//! Test targets with their own `main`, like Go's `TestMain`.

use std::fmt::{self, Display};
use std::panic::Location;
use std::path::PathBuf;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

use super::Environment;
use super::attempt::Limits;
use super::attribute::TestRun;
use super::scope::Scope;

/// Tests that share an environment, for a test target with `harness = false`. They are listed, filtered, ignored and
/// run like those of `cargo test`, including by nextest.
///
/// ```no_run
/// use kind_harness::environment::{Environment, Specs};
///
/// fn main() -> std::process::ExitCode {
///     // Code before `run` runs before the first test, code after it after the last one.
///     Specs::of("e2e.yaml").test("the_api_is_healthy", the_api_is_healthy).run()
/// }
///
/// async fn the_api_is_healthy(environment: &'static Environment) -> anyhow::Result<()> {
///     let api = environment.endpoint("api", "http").expect("e2e.yaml maps this port");
///     assert!(reqwest::get(format!("http://{api}/health")).await?.status().is_success());
///     Ok(())
/// }
/// ```
pub struct Specs {
    suite: PathBuf,
    trials: Vec<Trial>,
}

impl std::fmt::Debug for Specs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Specs").field("suite", &self.suite).finish_non_exhaustive()
    }
}

impl Specs {
    /// Returns an empty list of tests in the environment of the suite at `path`. It is brought up for the first test
    /// that runs; listing does not need it.
    #[must_use]
    pub fn of(path: impl Into<PathBuf>) -> Specs {
        Specs { suite: path.into(), trials: Vec::new() }
    }

    /// Adds a test, with an async runtime and a thread of its own. It fails when it returns an error or panics; the
    /// report is printed then, and a bundle is written. Inside, [`current_test`](super::current_test) returns this
    /// test.
    #[must_use]
    #[track_caller]
    pub fn test<F, R, E>(mut self, name: &str, test: F) -> Specs
    where
        F: FnOnce(&'static Environment) -> R + Send + 'static,
        R: Future<Output = Result<(), E>>,
        E: Display,
    {
        let suite = self.suite.clone();
        let caller = Location::caller();
        let place = (caller.file(), caller.line());
        let limits = Limits { name: name.to_owned(), timeout: None, multi_thread: false };
        self.trials.push(Trial::test(name, move || {
            let body = |environment, ()| async move { test(environment).await.map_err(Told) };
            let ended = TestRun { suite, limits, scope: Scope::default(), place }.outcome(async |_| Ok(()), body);
            ended.map_err(|(cause, seen)| Failed::from(format!("{cause}\n{seen}")))
        }));
        self
    }

    /// Runs the tests selected by the command line, which has the format of cargo and nextest.
    #[must_use]
    pub fn run(self) -> ExitCode {
        libtest_mimic::run(&Arguments::from_args(), self.trials).exit_code()
    }
}

/// Wraps an error so that `Debug` prints it with its causes.
struct Told<E>(E);

impl<E: Display> fmt::Debug for Told<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.0)
    }
}
