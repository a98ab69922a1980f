//! Findings of rules, before their duration is considered.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use super::Verdict;
use super::grace::Cause;
use super::view::View;
use crate::object::ObjectRef;
use crate::want::Want;
use crate::world::World;

/// The finding of a rule. [`Finding::settle`] returns its verdict, given how long it has lasted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Finding {
    /// It is ready.
    Ready,
    /// It may still become ready, for this reason.
    Waiting(Why),
    /// It has a problem that is final once it has lasted for its grace.
    Failing(Box<Fault>),
}

/// Why something is not ready yet: a word for programs, a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Why {
    /// One word, in the style of Kubernetes' reasons: `ContainerCreating`.
    pub(crate) code: Cow<'static, str>,
    /// The reason, as an actionable sentence.
    pub(crate) text: String,
    /// An object that is needed for a better finding; its kind is then watched.
    pub(crate) needs: Option<ObjectRef>,
    /// The awaited object or resource, if known.
    pub(crate) want: Option<Box<Want>>,
}

impl std::ops::Deref for Why {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Why {
    /// Returns the same reason with another text.
    pub(crate) fn say(self, text: impl Into<String>) -> Why {
        Why { text: text.into(), ..self }
    }
}

/// A problem of an object, or of one of its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The blamed object, and its uid.
    pub(crate) object: ObjectRef,
    /// The kind of cause, which determines its grace.
    pub(crate) cause: Cause,
    /// One word for programs, in the style of Kubernetes' reasons: `CrashLoopBackOff`.
    pub(crate) code: Cow<'static, str>,
    /// The blamed container, if its logs may have details.
    pub(crate) container: Option<String>,
    /// The problem.
    pub(crate) message: String,
    /// The suggested fix.
    pub(crate) hint: String,
    /// How long it may last.
    pub(crate) grace: Duration,
    /// The missing object or resource, if known. If it is an object, its kind is watched until it appears.
    pub(crate) want: Option<Want>,
}

impl Finding {
    pub(crate) fn waiting(code: impl Into<Cow<'static, str>>, text: impl Into<String>) -> Finding {
        Finding::Waiting(Why { code: code.into(), text: text.into(), needs: None, want: None })
    }

    /// Returns a finding like [`Finding::waiting`], with an object that is needed for a better one.
    pub(crate) fn waiting_for(code: &'static str, object: ObjectRef, text: impl Into<String>) -> Finding {
        Finding::Waiting(Why { code: code.into(), text: text.into(), needs: Some(object), want: None })
    }

    /// Returns a permanent failure.
    pub(crate) fn failed(
        view: &View,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Finding {
        Fault::new(view, Cause::Final, Duration::ZERO, message, hint).coded(code).into()
    }

    pub(crate) fn failing(
        view: &View,
        cause: Cause,
        grace: Duration,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Finding {
        Fault::new(view, cause, grace, message, hint).into()
    }

    /// Returns the verdict, if this finding has lasted for `lasted`.
    pub(crate) fn settle(&self, lasted: Duration) -> Verdict {
        match self {
            Finding::Ready => Verdict::Ready,
            Finding::Waiting(why) => Verdict::waiting(why.code.clone(), &why.text),
            Finding::Failing(fault) if lasted >= fault.grace => {
                Verdict::failed(fault.code.clone(), &fault.message, &fault.hint)
            }
            Finding::Failing(fault) => Verdict::waiting(fault.code.clone(), &fault.message),
        }
    }

    /// Returns the finding as one word.
    pub(crate) fn code(&self) -> &str {
        match self {
            Finding::Ready => "Ready",
            Finding::Waiting(why) => &why.code,
            Finding::Failing(fault) => &fault.code,
        }
    }

    /// Returns the object that is missing, or is needed for a better finding.
    pub(crate) fn needs(&self) -> Option<&ObjectRef> {
        match self {
            Finding::Ready => None,
            Finding::Waiting(why) => why.needs.as_ref(),
            Finding::Failing(fault) => fault.missing(),
        }
    }

    /// Returns what it needs, if known.
    pub(crate) fn want(&self) -> Option<&Want> {
        match self {
            Finding::Ready => None,
            Finding::Waiting(why) => why.want.as_deref(),
            Finding::Failing(fault) => fault.want.as_ref(),
        }
    }

    /// Returns the finding with `want` as what it needs.
    pub(crate) fn wanting(mut self, want: Option<Want>) -> Finding {
        match &mut self {
            Finding::Ready => {}
            Finding::Waiting(why) => why.want = want.map(Box::new),
            Finding::Failing(fault) => fault.want = want,
        }
        self
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
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Fault {
        Fault {
            object: view.object.clone(),
            cause,
            code: cause.code().into(),
            container: None,
            message: message.into(),
            hint: hint.into(),
            grace,
            want: None,
        }
    }

    /// Sets its code.
    pub(crate) fn coded(mut self, code: impl Into<Cow<'static, str>>) -> Fault {
        self.code = code.into();
        self
    }

    /// Returns whether what is missing may be created by something that is still starting: a Secret, or the pods of a
    /// Service.
    pub(crate) fn may_come(&self) -> bool {
        self.missing().is_some() || self.cause == Cause::Endpoints
    }

    /// Returns whether it may be waiting for another component.
    pub(crate) fn may_wait_for_others(&self) -> bool {
        // A container may crash, or a Job give up, because another component does not answer yet.
        self.container.is_some()
            || self.may_come()
            || matches!(self.cause, Cause::Config | Cause::Volume | Cause::Claim)
    }

    /// Returns the object whose absence is the reason.
    fn missing(&self) -> Option<&ObjectRef> {
        self.want.as_ref().and_then(Want::missing)
    }

    /// Returns the finding, considering which objects exist. Once the missing object has appeared, the problem will be
    /// solved: the kubelet or controller has only not retried yet.
    pub(crate) fn unless_there(self, world: &World) -> Finding {
        match self.missing() {
            Some(missing) if world.has(missing) => Finding::waiting(
                self.code.clone(),
                format!("{missing} is there now, and will be tried again ({})", self.message),
            ),
            _ => self.into(),
        }
    }

    /// Sets the blamed container.
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
