//! Makes calls: again when that may help, and not at all when it would not.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout};

use super::hung::{API_DEADLINE, Hung};
use super::{Backoff, Breaker, Cause, Dependency, Open, Pass};
use crate::host::exec::ExecError;
use crate::report::{Events, Phase, StepHandle};
use crate::suite::config::RetrySpec;

/// Makes the calls of a run. Clones share the circuit breakers; each speaks for the step that it was given.
#[derive(Debug, Clone)]
pub struct Resilience {
    shared: Arc<Shared>,
    step: StepHandle,
}

#[derive(Debug)]
struct Shared {
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
    /// Retries as `spec` says; each is an event of `step`.
    #[must_use]
    pub fn new(spec: &RetrySpec, step: StepHandle) -> Resilience {
        Resilience::with_random(spec, step, fastrand::f64)
    }

    /// The same with another source of chance: numbers from 0 to 1.
    #[must_use]
    pub fn with_random(spec: &RetrySpec, step: StepHandle, random: fn() -> f64) -> Resilience {
        let shared = Shared { spec: *spec, random, began: Instant::now(), breakers: Mutex::default() };
        Resilience { shared: Arc::new(shared), step }
    }

    /// The same for calls that belong to `step`.
    #[must_use]
    pub fn of(&self, step: StepHandle) -> Resilience {
        Resilience { shared: self.shared.clone(), step }
    }

    /// The same with every circuit closed: clean-up has to be tried whatever failed before.
    #[must_use]
    pub fn afresh(&self) -> Resilience {
        Resilience::with_random(&self.shared.spec, self.step.clone(), self.shared.random)
    }

    /// Runs a program that works with what the engine has.
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

    /// Asks the API server something that it may be asked twice. An answer has to come within 70 s.
    ///
    /// # Errors
    /// The API server's last answer; [`Hung`] or [`Open`] as [`kube::Error::Service`].
    pub async fn api<T, F>(&self, what: &str, mut ask: impl FnMut() -> F) -> Result<T, kube::Error>
    where
        F: Future<Output = Result<T, kube::Error>>,
    {
        let in_time = || {
            let answer = timeout(API_DEADLINE, ask());
            async move { answer.await.unwrap_or_else(|_| Err(Hung { what: what.into(), after: API_DEADLINE }.into())) }
        };
        self.call(Dependency::ApiServer, what, Cause::of_api, in_time).await
    }

    /// Makes the call `what` to `dependency` until it succeeds, fails for good as `classify` says, or has been made often
    /// enough. The one call that finds out whether an open circuit can be closed is made once.
    ///
    /// # Errors
    /// What the last attempt failed of, or that none was made.
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

    fn tell<T>(&self, dependency: Dependency, tell: impl FnOnce(&mut Breaker) -> T) -> T {
        tell(self.breakers().entry(dependency).or_insert_with(|| Breaker::new(dependency)))
    }

    fn admit(&self, dependency: Dependency) -> Result<Call<'_>, Open> {
        let pass = self.tell(dependency, |breaker| breaker.admit(self.now()))?;
        Ok(Call { shared: self, dependency, pass: Some(pass) })
    }
}

/// A call on its way. One that is dropped before its end was abandoned.
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
            self.shared.tell(self.dependency, |breaker| breaker.succeeded(pass));
        }
    }

    /// It is whoever failed that is left alone: a pull that the engine refuses says nothing of the registry.
    fn failed(mut self, cause: Cause) {
        let now = self.shared.now();
        if cause.dependency != self.dependency {
            return self.shared.tell(cause.dependency, |breaker| breaker.count(cause, now));
        }
        if let Some(pass) = self.pass.take() {
            self.shared.tell(self.dependency, |breaker| breaker.failed(pass, cause, now));
        }
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if let Some(pass) = self.pass.take() {
            let now = self.shared.now();
            self.shared.tell(self.dependency, |breaker| breaker.abandoned(pass, now));
        }
    }
}

#[cfg(test)]
mod tests;
