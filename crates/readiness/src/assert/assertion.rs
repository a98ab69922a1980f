//! The interface of assertions: `eventually(&pods, "web-0").matches("status: {phase: Running}").await?`.

use std::fmt;
use std::future::IntoFuture;
use std::marker::PhantomData;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use kube::runtime::wait::Condition;
use kube::{Api, Resource};
use serde::Serialize;

use super::error::{Error, InvalidRequirement};
use super::observer::Observer;
use super::requirement::Requirement;
use super::subject::Subject;
use super::watch::{Watch, Watchable};

/// The default time limit of [`eventually`], changed by [`within`](Assertion::within).
const WITHIN: Duration = Duration::from_secs(30);

/// How long [`always`] and [`never()`] watch by default, changed by [`during`](Assertion::during).
const DURING: Duration = Duration::from_secs(5);

/// Asserts that the object `name` meets the requirements at some time within 30 s, or [`within`](Assertion::within)
/// another time. Without a requirement, the object has to exist.
///
/// Awaiting it returns the object in the state in which it met all requirements at once. With
/// [`absent`](Assertion::absent) it waits for the object's deletion instead.
///
/// The object is watched, not polled. The watch starts when the assertion is awaited.
///
/// # Errors
/// [`Error::Failed`] when the time limit is exceeded; any other [`Error`] if that could not be checked.
///
/// ```no_run
/// # use k8s_openapi::api::core::v1::Pod;
/// # use kind_harness_readiness::assert::{Error, eventually};
/// # async fn test(pods: kube::Api<Pod>) -> Result<(), Error> {
/// let pod: Pod = eventually(&pods, "web-0").matches("status: {phase: Running}").await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "an assertion does nothing unless it is awaited"]
pub fn eventually<K: Resource + Clone>(api: &Api<K>, name: &str) -> Assertion<K, Eventually> {
    Assertion::new(api, name, WITHIN)
}

/// Asserts that the object `name` meets the requirements at the first list and from then on for 5 s, or
/// [`during`](Assertion::during) another time. Without a requirement, the object has to exist.
///
/// Awaiting it returns the object's last state. It fails as soon as a requirement is not met or the object is deleted.
///
/// # Errors
/// [`Error::Failed`] at the first state that does not meet the requirements; any other [`Error`] if that could not be
/// checked, including when the API server is unreachable at the end.
///
/// ```no_run
/// # use k8s_openapi::api::apps::v1::Deployment;
/// # use kind_harness_readiness::assert::{Error, always};
/// # async fn test(deployments: kube::Api<Deployment>) -> Result<(), Error> {
/// let web = always(&deployments, "web").matches("status: {availableReplicas: 3}").await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "an assertion does nothing unless it is awaited"]
pub fn always<K: Resource + Clone>(api: &Api<K>, name: &str) -> Assertion<K, Always> {
    Assertion::new(api, name, DURING)
}

/// Asserts that the object `name` does not meet the requirements for 5 s, or [`during`](Assertion::during) another time.
/// Without a requirement, the object must not exist.
///
/// Several requirements are unmet as long as one of them is. It fails as soon as all of them are met.
///
/// # Errors
/// [`Error::Failed`] at the first state that meets the requirements; any other [`Error`] if that could not be checked,
/// including when the API server is unreachable at the end.
///
/// ```no_run
/// # use k8s_openapi::api::core::v1::Pod;
/// # use kind_harness_readiness::assert::{Error, never};
/// # async fn test(pods: kube::Api<Pod>) -> Result<(), Error> {
/// never(&pods, "web-0").matches("status: {phase: Failed}").await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "an assertion does nothing unless it is awaited"]
pub fn never<K: Resource + Clone>(api: &Api<K>, name: &str) -> Assertion<K, Never> {
    Assertion::new(api, name, DURING)
}

/// An assertion about one object, returned by [`eventually`], [`always`] or [`never()`]. Await it to check it.
#[must_use = "an assertion does nothing unless it is awaited"]
pub struct Assertion<K, Q> {
    api: Api<K>,
    subject: Subject,
    time: Duration,
    /// The requirements, or the first invalid one.
    requirements: Result<Vec<Requirement<K>>, InvalidRequirement>,
    quantifier: PhantomData<Q>,
}

/// When the requirements of an assertion must be met.
pub trait Quantifier: sealed::Sealed {}

mod sealed {
    pub trait Sealed {}
}

macro_rules! quantifiers {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub enum $name {}
        impl sealed::Sealed for $name {}
        impl Quantifier for $name {}
    )*};
}

quantifiers! {
    /// At some time: [`eventually`].
    Eventually
    /// All the time: [`always`].
    Always
    /// At no time: [`never()`].
    Never
}

/// At some time the object does not exist: [`eventually`] with [`absent`](Assertion::absent).
#[derive(Debug, Clone, Copy)]
pub enum EventuallyAbsent {}

impl<K: Resource + Clone, Q> Assertion<K, Q> {
    fn new(api: &Api<K>, name: &str, time: Duration) -> Assertion<K, Q> {
        let subject = Subject::new(api, name);
        Assertion { api: api.clone(), subject, time, requirements: Ok(Vec::new()), quantifier: PhantomData }
    }
}

impl<K, Q: Quantifier> Assertion<K, Q> {
    /// Requires that the object contains `yaml`: see [how it is matched](super). YAML that cannot be parsed, or is not
    /// a mapping, is an [`Error::Invalid`] when the assertion is awaited.
    pub fn matches(self, yaml: &str) -> Assertion<K, Q> {
        self.require(|| Requirement::yaml(yaml))
    }

    /// Requires that the object contains the fields of `piece`, as [`matches`](Assertion::matches) does: a
    /// [`serde_json::json!`] value, or a typed object of which only some fields are set.
    pub fn contains(self, piece: impl Serialize) -> Assertion<K, Q> {
        self.require(|| Requirement::piece(piece))
    }

    /// Requires that one of kube's conditions, or a custom one, matches the object. It is only evaluated for an object
    /// that exists.
    pub fn is(self, condition: impl Condition<K> + Send + 'static) -> Assertion<K, Q> {
        self.require(|| Ok(Requirement::condition(condition)))
    }

    /// Requires that `predicate` returns true. `name` describes it in the failure: "has a leader".
    pub fn satisfies(self, name: &str, predicate: impl Fn(&K) -> bool + Send + 'static) -> Assertion<K, Q> {
        self.require(|| Ok(Requirement::Satisfies(name.into(), Box::new(predicate))))
    }

    /// Requires that a [CEL](https://cel.dev) expression is true. The object is the variable `object`, as in
    /// Kubernetes: `object.status.readyReplicas == object.spec.replicas`. If a field that it reads is missing, it is
    /// not true; if it is not Boolean, or cannot be parsed, it is an [`Error::Invalid`].
    #[cfg(feature = "cel")]
    pub fn cel(self, expression: &str) -> Assertion<K, Q> {
        self.require(|| super::cel::Expression::new(expression).map(Requirement::Cel))
    }

    fn require(mut self, requirement: impl FnOnce() -> Result<Requirement<K>, InvalidRequirement>) -> Assertion<K, Q> {
        self.requirements = self.requirements.and_then(|mut requirements| {
            requirements.push(requirement()?);
            Ok(requirements)
        });
        self
    }
}

impl<K> Assertion<K, Eventually> {
    /// Sets the time limit, which includes the time until the API server's first response.
    pub fn within(mut self, time: Duration) -> Assertion<K, Eventually> {
        self.time = time;
        self
    }

    /// Requires that the object does not exist, instead of all other requirements.
    pub fn absent(self) -> Assertion<K, EventuallyAbsent> {
        let Assertion { api, subject, time, .. } = self;
        Assertion { api, subject, time, requirements: Ok(Vec::new()), quantifier: PhantomData }
    }
}

impl<K> Assertion<K, EventuallyAbsent> {
    /// Sets the time limit, which includes the time until the API server's first response.
    pub fn within(mut self, time: Duration) -> Assertion<K, EventuallyAbsent> {
        self.time = time;
        self
    }
}

impl<K> Assertion<K, Always> {
    /// Sets how long the object is watched, from the first list on.
    pub fn during(mut self, time: Duration) -> Assertion<K, Always> {
        self.time = time;
        self
    }
}

impl<K> Assertion<K, Never> {
    /// Sets how long the object is watched, from the first list on.
    pub fn during(mut self, time: Duration) -> Assertion<K, Never> {
        self.time = time;
        self
    }

    /// Requires that the object is never absent, instead of all other requirements: the same as [`always`] without any.
    pub fn absent(self) -> Assertion<K, Always> {
        let Assertion { api, subject, time, .. } = self;
        Assertion { api, subject, time, requirements: Ok(Vec::new()), quantifier: PhantomData }
    }
}

impl<K: Watchable, Q> Assertion<K, Q> {
    fn start(self) -> Result<(Watch<K>, Duration), Error> {
        let Assertion { api, subject, time, requirements, .. } = self;
        match requirements {
            Ok(requirements) => Ok((Watch::start(api, Observer::new(subject, requirements)), time)),
            Err(source) => Err(Error::Invalid { subject: subject.into(), source }),
        }
    }
}

impl<K: Watchable> IntoFuture for Assertion<K, Eventually> {
    type Output = Result<K, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        async move {
            let (watch, time) = self.start()?;
            watch.until_met(time).await
        }
        .boxed()
    }
}

impl<K: Watchable> IntoFuture for Assertion<K, EventuallyAbsent> {
    type Output = Result<(), Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        async move {
            let (watch, time) = self.start()?;
            watch.until_absent(time).await
        }
        .boxed()
    }
}

impl<K: Watchable> IntoFuture for Assertion<K, Always> {
    type Output = Result<K, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        async move {
            let (watch, time) = self.start()?;
            watch.always_met(time).await
        }
        .boxed()
    }
}

impl<K: Watchable> IntoFuture for Assertion<K, Never> {
    type Output = Result<(), Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        async move {
            let (watch, time) = self.start()?;
            watch.never_met(time).await
        }
        .boxed()
    }
}

impl<K, Q> fmt::Debug for Assertion<K, Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Assertion { subject, time, .. } = self;
        f.debug_struct("Assertion").field("subject", subject).field("time", time).finish_non_exhaustive()
    }
}
