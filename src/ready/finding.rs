//! What a rule finds, before time has had its say.

use std::time::Duration;

use super::Verdict;
use super::grace::Cause;
use super::view::View;
use crate::object::ObjectRef;

/// What a rule finds. [`Finding::settle`] makes a verdict of it, given how long it has been so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Finding {
    /// It does its work.
    Ready,
    /// It may still become ready, for this reason.
    Waiting(String),
    /// Something is wrong that is final once it has lasted for its grace.
    Failing(Box<Fault>),
}

/// Something that is wrong with an object, or with one that it consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The object to blame, and its identity.
    pub(crate) object: ObjectRef,
    /// What grace it gets.
    pub(crate) cause: Cause,
    /// The container to blame, if its logs may tell more.
    pub(crate) container: Option<String>,
    /// What is wrong.
    pub(crate) reason: String,
    /// What to do about it.
    pub(crate) hint: String,
    /// How long it may last.
    pub(crate) grace: Duration,
    /// The object whose absence is the reason. A watch on its kind tells when it appears.
    pub(crate) missing: Option<ObjectRef>,
}

impl Finding {
    pub(crate) fn waiting(reason: impl Into<String>) -> Finding {
        Finding::Waiting(reason.into())
    }

    /// `Ready` when there is nothing to wait for.
    pub(crate) fn from_reason(reason: Option<String>) -> Finding {
        reason.map_or(Finding::Ready, Finding::Waiting)
    }

    /// A failure that no waiting heals.
    pub(crate) fn failed(view: &View, reason: impl Into<String>, hint: impl Into<String>) -> Finding {
        Finding::failing(view, Cause::Final, Duration::ZERO, reason, hint)
    }

    pub(crate) fn failing(
        view: &View,
        cause: Cause,
        grace: Duration,
        reason: impl Into<String>,
        hint: impl Into<String>,
    ) -> Finding {
        Fault::new(view, cause, grace, reason, hint).into()
    }

    /// The verdict, when this has been found for the time `lasted`.
    pub(crate) fn settle(&self, lasted: Duration) -> Verdict {
        match self {
            Finding::Ready => Verdict::Ready,
            Finding::Waiting(reason) => Verdict::waiting(reason),
            Finding::Failing(fault) if lasted >= fault.grace => Verdict::failed(&fault.reason, &fault.hint),
            Finding::Failing(fault) => Verdict::waiting(&fault.reason),
        }
    }

    pub(crate) fn fault(&self) -> Option<&Fault> {
        match self {
            Finding::Failing(fault) => Some(fault),
            _ => None,
        }
    }
}

impl Fault {
    pub(crate) fn new(
        view: &View,
        cause: Cause,
        grace: Duration,
        reason: impl Into<String>,
        hint: impl Into<String>,
    ) -> Fault {
        Fault {
            object: view.object.clone(),
            cause,
            container: None,
            reason: reason.into(),
            hint: hint.into(),
            grace,
            missing: None,
        }
    }

    /// Blames a container.
    pub(crate) fn in_container(mut self, name: &str) -> Fault {
        self.container = Some(name.to_owned());
        self
    }
}

impl From<Fault> for Finding {
    fn from(fault: Fault) -> Finding {
        Finding::Failing(Box::new(fault))
    }
}
