//! Makes calls: retries them where that may help, and makes none while the circuit is open.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout};

use super::hung::{API_DEADLINE, Hung};
use super::{Backoff, Breaker, Cause, Dependency, Open, Pass};
use crate::host::exec::ExecError;
use crate::report::{Events, Phase, StepHandle};
use crate::suite::config::RetrySpec;

/// Makes the calls of a run. Clones share the circuit breakers; each reports to its own step.
#[derive(Debug, Clone)]
pub struct Resilience {
    shared: Arc<Shared>,
    step: StepHandle,
}

#[derive(Debug)]
struct Shared {
    /// Reports changes of the circuit breakers.
    step: StepHandle,
    spec: RetrySpec,
    random: fn() -> f64,
    began: Instant,
    breakers: Mutex<BTreeMap<Dependency, Breaker>>,
}

/// The default settings, without reports.
impl Default for Resilience {
    fn default() -> Resilience {
        Resilience::new(&RetrySpec::default(), Events::discard().handle(Phase::Deploy, ""))
    }
}

impl Resilience {
    /// Returns a caller that retries according to `spec`; each retry is an event of `step`.
    #[must_use]
    pub fn new(spec: &RetrySpec, step: StepHandle) -> Resilience {
        Resilience::with_random(spec, step, fastrand::f64)
    }

    /// Retries like [`Resilience::new`], with another source of random numbers from 0 to 1.
    #[must_use]
    pub fn with_random(spec: &RetrySpec, step: StepHandle, random: fn() -> f64) -> Resilience {
        let shared =
            Shared { step: step.clone(), spec: *spec, random, began: Instant::now(), breakers: Mutex::default() };
        Resilience { shared: Arc::new(shared), step }
    }

    /// Returns a clone for calls that belong to `step`.
    #[must_use]
    pub fn of(&self, step: StepHandle) -> Resilience {
        Resilience { shared: self.shared.clone(), step }
    }

    /// Reports what the step is waiting for.
    pub(crate) fn progress(&self, message: String) {
        self.step.progress(message);
    }

    /// Returns a copy with every circuit closed: clean-up is attempted regardless of earlier failures.
    #[must_use]
    pub fn afresh(&self) -> Resilience {
        Resilience::with_random(&self.shared.spec, self.step.clone(), self.shared.random)
    }

    /// Runs a program that depends only on the engine.
    ///
    /// # Errors
    /// The program's last error, or [`ExecError::NotRun`].
    pub async fn engine<T, F>(&self, what: &str, run: impl FnMut() -> F) -> Result<T, ExecError>
    where
        F: Future<Output = Result<T, ExecError>>,
    {
        self.call(Dependency::Engine, what, |error| Cause::of_program(error, Dependency::Engine), run).await
    }

    /// Runs a program that needs a registry.
    ///
    /// # Errors
    /// The program's last error, or [`ExecError::NotRun`].
    pub async fn registry<T, F>(&self, what: &str, run: impl FnMut() -> F) -> Result<T, ExecError>
    where
        F: Future<Output = Result<T, ExecError>>,
    {
        self.call(Dependency::Registry, what, |error| Cause::of_program(error, Dependency::Registry), run).await
    }

    /// Makes an idempotent request to the API server. Each attempt has a deadline of 70 s.
    ///
    /// # Errors
    /// The API server's last error; [`Hung`] or [`Open`] as [`kube::Error::Service`].
    pub async fn api<T, F>(&self, what: &str, ask: impl FnMut() -> F) -> Result<T, kube::Error>
    where
        F: Future<Output = Result<T, kube::Error>>,
    {
        self.api_unless(what, |_| false, ask).await
    }

    /// Makes a request like [`Resilience::api`]; errors that are `expected` are returned at once, and are no failures of
    /// the API server.
    ///
    /// # Errors
    /// As [`Resilience::api`].
    pub(crate) async fn api_unless<T, F>(
        &self,
        what: &str,
        expected: impl Fn(&kube::Error) -> bool,
        mut ask: impl FnMut() -> F,
    ) -> Result<T, kube::Error>
    where
        F: Future<Output = Result<T, kube::Error>>,
    {
        let in_time = || {
            let answer = timeout(API_DEADLINE, ask());
            async move { answer.await.unwrap_or_else(|_| Err(Hung { what: what.into(), after: API_DEADLINE }.into())) }
        };
        let classify = |error: &kube::Error| {
            let cause = Cause::of_api(error);
            if expected(error) { Cause { transient: false, ..cause } } else { cause }
        };
        self.call(Dependency::ApiServer, what, classify, in_time).await
    }

    /// Makes the call `what` to `dependency` until it succeeds, `classify` returns a permanent cause, or no attempt is
    /// left. The one call that tests an open circuit is attempted once.
    ///
    /// # Errors
    /// The error of the last attempt, or that none was made.
    pub async fn call<T, E, F>(
        &self,
        dependency: Dependency,
        what: &str,
        classify: impl Fn(&E) -> Cause,
        mut make: impl FnMut() -> F,
    ) -> Result<T, E>
    where
        E: From<Open>,
        F: Future<Output = Result<T, E>>,
    {
        let Shared { spec, random, .. } = self.shared.as_ref();
        let call = self.shared.admit(dependency)?;
        let most = if call.is_probe() { 1 } else { spec.attempts };
        let mut pauses = Backoff::new(spec, *random);
        let mut attempt = 1;
        loop {
            let error = match make().await {
                Ok(value) => {
                    call.succeeded();
                    return Ok(value);
                }
                Err(error) => error,
            };
            let cause = classify(&error);
            let of = cause.attempts(most);
            let Some(pause) = pauses.next().filter(|_| cause.transient && attempt < of) else {
                call.failed(cause);
                return Err(error);
            };
            attempt += 1;
            self.step.retry(attempt, of, format!("{cause} ({what})"), pause);
            sleep_until(Instant::now() + pause).await;
        }
    }
}

impl Shared {
    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn breakers(&self) -> MutexGuard<'_, BTreeMap<Dependency, Breaker>> {
        self.breakers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with_breaker<T>(&self, dependency: Dependency, update: impl FnOnce(&mut Breaker) -> T) -> T {
        let (before, after, result) = {
            let mut breakers = self.breakers();
            let breaker = breakers.entry(dependency).or_insert_with(|| Breaker::new(dependency));
            let before = breaker.state();
            let result = update(breaker);
            (before, breaker.state(), result)
        };
        if before != after {
            self.step.breaker(dependency.to_string(), after);
        }
        result
    }

    fn admit(&self, dependency: Dependency) -> Result<Call<'_>, Open> {
        let pass = self.with_breaker(dependency, |breaker| breaker.admit(self.now()))?;
        Ok(Call { shared: self, dependency, pass: Some(pass) })
    }
}

/// A call in progress. Dropping it before its end abandons it.
struct Call<'a> {
    shared: &'a Shared,
    dependency: Dependency,
    pass: Option<Pass>,
}

impl Call<'_> {
    fn is_probe(&self) -> bool {
        self.pass.as_ref().is_some_and(Pass::is_probe)
    }

    fn succeeded(mut self) {
        if let Some(pass) = self.pass.take() {
            self.shared.with_breaker(self.dependency, |breaker| breaker.succeeded(pass));
        }
    }

    /// Counts the failure against the dependency that failed: an engine's refusal of a pull is not the registry's
    /// failure.
    fn failed(mut self, cause: Cause) {
        let now = self.shared.now();
        if cause.dependency != self.dependency {
            return self.shared.with_breaker(cause.dependency, |breaker| breaker.count(cause, now));
        }
        if let Some(pass) = self.pass.take() {
            self.shared.with_breaker(self.dependency, |breaker| breaker.failed(pass, cause, now));
        }
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if let Some(pass) = self.pass.take() {
            let now = self.shared.now();
            self.shared.with_breaker(self.dependency, |breaker| breaker.abandoned(pass, now));
        }
    }
}

#[cfg(test)]
mod tests;
