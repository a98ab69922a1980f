//! The watch of an assertion.

use std::fmt::Debug;
use std::time::Duration;

use backon::ExponentialBuilder;
use futures::stream::{BoxStream, Stream, StreamExt};
use kube::runtime::utils::StreamBackoff;
use kube::runtime::watcher::{self, ExponentialBackoff, watch_object};
use kube::{Api, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::error::Error;
use super::failure::Outcome;
use super::observer::Observer;
use super::subject::Subject;

/// The first pause before a failed watch is restarted; it doubles with every attempt.
const FIRST_RETRY: Duration = Duration::from_millis(50);

/// The longest pause between two attempts.
const LAST_RETRY: Duration = Duration::from_secs(1);

/// How long `always` and `never` wait for the first response, and for a response after the watch failed.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// A type that assertions support: every type of k8s-openapi and of `#[derive(CustomResource)]`, and
/// [`DynamicObject`](kube::core::DynamicObject).
pub trait Watchable: Resource + Clone + DeserializeOwned + Serialize + Debug + Send + 'static {}

impl<K: Resource + Clone + DeserializeOwned + Serialize + Debug + Send + 'static> Watchable for K {}

/// The next event of the watch.
enum Next<K> {
    /// The object's current state; `None` if it does not exist.
    State(Option<K>),
    /// No event before the deadline.
    TimeIsOver,
}

/// A watched object.
pub(super) struct Watch<K: Watchable> {
    api: Api<K>,
    stream: BoxStream<'static, watcher::Result<Option<K>>>,
    observer: Observer<K>,
    /// When the API server last returned the object's state.
    last_answer: Option<Duration>,
    /// The last error, if no event followed it.
    error: Option<watcher::Error>,
}

impl<K: Watchable> Watch<K> {
    /// Starts watching the object that `observer` judges.
    pub(super) fn start(api: Api<K>, observer: Observer<K>) -> Watch<K> {
        let stream = states(api.clone(), &observer.subject().name).boxed();
        Watch { api, stream, observer, last_answer: None, error: None }
    }

    /// Waits until the object exists and meets all requirements.
    pub(super) async fn until_met(mut self, within: Duration) -> Result<K, Error> {
        let deadline = Instant::now() + within;
        loop {
            match self.next(deadline).await? {
                Next::State(Some(object)) => {
                    let value = self.to_value(&object)?;
                    if self.observer.is_met(&object, &value)? {
                        return Ok(object);
                    }
                    self.observer.record(Some((&object, value)));
                }
                Next::State(None) => self.observer.record(None),
                Next::TimeIsOver => return Err(self.too_late(Outcome::NotMet, within)),
            }
        }
    }

    /// Waits until the object does not exist.
    pub(super) async fn until_absent(mut self, within: Duration) -> Result<(), Error> {
        let deadline = Instant::now() + within;
        loop {
            match self.next(deadline).await? {
                Next::State(None) => return Ok(()),
                Next::State(Some(object)) => {
                    let value = self.to_value(&object)?;
                    self.observer.record(Some((&object, value)));
                }
                Next::TimeIsOver => return Err(self.too_late(Outcome::StillExists, within)),
            }
        }
    }

    /// Checks that the object meets all requirements from the first list on, `during` that time. Returns its last
    /// state.
    pub(super) async fn always_met(self, during: Duration) -> Result<K, Error> {
        self.throughout(during, |state, is_met| state.filter(|_| is_met).ok_or(Outcome::Broken)).await
    }

    /// Checks that the object does not meet all requirements from the first list on, `during` that time.
    pub(super) async fn never_met(self, during: Duration) -> Result<(), Error> {
        self.throughout(during, |_, is_met| if is_met { Err(Outcome::Occurred) } else { Ok(()) }).await
    }

    /// Calls `judge` with every state, and whether it meets all requirements, until it rejects one. Returns its last
    /// result.
    async fn throughout<T>(
        mut self,
        during: Duration,
        judge: fn(Option<K>, bool) -> Result<T, Outcome>,
    ) -> Result<T, Error> {
        let (mut began, mut deadline, mut last) = (Instant::now(), Instant::now() + ANSWER_WITHIN, None);
        loop {
            let is_first = last.is_none();
            let state = match (self.next(deadline).await?, last) {
                (Next::State(state), _) => state,
                (Next::TimeIsOver, None) => return Err(self.unanswered()),
                (Next::TimeIsOver, Some(last)) if self.error.is_none() => return Ok(last),
                (Next::TimeIsOver, Some(_)) => {
                    // A restarted watch is silent while nothing changes; a new one starts with the current state.
                    self.stream = states(self.api.clone(), &self.observer.subject().name).boxed();
                    match self.next(Instant::now() + ANSWER_WITHIN).await? {
                        Next::State(state) => state,
                        Next::TimeIsOver => return Err(self.unanswered()),
                    }
                }
            };
            if is_first {
                began = Instant::now();
                deadline = began + during;
            }
            let value = state.as_ref().map(|object| self.to_value(object)).transpose()?;
            let is_met = match (&state, &value) {
                (Some(object), Some(value)) => self.observer.is_met(object, value)?,
                _ => false,
            };
            self.observer.record(state.as_ref().zip(value));
            match judge(state, is_met) {
                Ok(judged) => last = Some(judged),
                Err(outcome) => {
                    let waited = if is_first { Duration::ZERO } else { began.elapsed() };
                    return Err(self.observer.fail(outcome, waited, during, None));
                }
            }
        }
    }

    /// Returns the next state before `deadline`.
    async fn next(&mut self, deadline: Instant) -> Result<Next<K>, Error> {
        loop {
            match timeout_at(deadline, self.stream.next()).await {
                // The backoff never ends the stream.
                Err(_) | Ok(None) => return Ok(Next::TimeIsOver),
                Ok(Some(Ok(state))) => {
                    self.error = None;
                    self.last_answer = Some(self.observer.elapsed());
                    return Ok(Next::State(state));
                }
                Ok(Some(Err(error))) => {
                    let error = self.retryable(error)?;
                    self.observer.record_watch_error(&text(&error));
                    self.error = Some(error);
                }
            }
        }
    }

    /// Returns `error` if a retry may succeed.
    fn retryable(&self, error: watcher::Error) -> Result<watcher::Error, Error> {
        let subject = || Box::new(self.observer.subject().clone());
        match (refusal(&error), error) {
            (Some(code), error) => Err(Error::Refused { subject: subject(), code, source: error.into() }),
            (
                None,
                watcher::Error::InitialListFailed(kube::Error::SerdeError(source))
                | watcher::Error::WatchFailed(kube::Error::SerdeError(source)),
            ) => Err(unreadable::<K>(subject(), source)),
            (None, error) => Ok(error),
        }
    }

    fn to_value(&self, object: &K) -> Result<Value, Error> {
        serde_json::to_value(object)
            .map_err(|source| unreadable::<K>(Box::new(self.observer.subject().clone()), source))
    }

    /// Returns the error at the deadline: the assertion failed, or the API server never responded.
    fn too_late(self, outcome: Outcome, within: Duration) -> Error {
        if self.last_answer.is_none() {
            return self.unanswered();
        }
        let waited = self.observer.elapsed();
        self.observer.fail(outcome, waited, within, self.error.as_ref().map(text).as_deref())
    }

    fn unanswered(self) -> Error {
        Error::Unanswered {
            waited: self.observer.elapsed(),
            subject: Box::new(self.observer.subject().clone()),
            last_answer: self.last_answer,
            source: self.error.map(Box::new),
        }
    }
}

/// Returns the states of the object of that name. The stream continues after an error.
fn states<K: Watchable>(api: Api<K>, name: &str) -> impl Stream<Item = watcher::Result<Option<K>>> + Send + use<K> {
    let backoff = ExponentialBuilder::new()
        .with_min_delay(FIRST_RETRY)
        .with_max_delay(LAST_RETRY)
        .without_max_times()
        .with_jitter();
    StreamBackoff::new(watch_object(api, name), ExponentialBackoff::from(backoff))
}

/// Returns the status of a permanent refusal by the API server.
fn refusal(error: &watcher::Error) -> Option<u16> {
    use watcher::Error::{InitialListFailed, WatchError, WatchFailed, WatchStartFailed};
    let code = match error {
        InitialListFailed(kube::Error::Api(status))
        | WatchStartFailed(kube::Error::Api(status))
        | WatchFailed(kube::Error::Api(status))
        | WatchError(status) => status.code,
        _ => return None,
    };
    // Timeouts, conflicts, expired versions and too many requests are transient.
    ((400..500).contains(&code) && ![408, 409, 410, 429].contains(&code)).then_some(code)
}

/// Returns the text of a watch's error.
fn text(error: &watcher::Error) -> String {
    use watcher::Error::{InitialListFailed, WatchError, WatchFailed, WatchStartFailed};
    match error {
        InitialListFailed(kube::Error::Api(status))
        | WatchStartFailed(kube::Error::Api(status))
        | WatchFailed(kube::Error::Api(status))
        | WatchError(status) => status.message.clone(),
        other => other.to_string(),
    }
}

fn unreadable<K>(subject: Box<Subject>, source: serde_json::Error) -> Error {
    Error::Unreadable { subject, expected: std::any::type_name::<K>(), source: source.into() }
}
