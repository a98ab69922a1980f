//! What a rule finds, before time has had its say.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use super::Verdict;
use super::grace::Cause;
use super::view::View;
use crate::object::ObjectRef;
use crate::want::Want;
use crate::world::World;

/// What a rule finds. [`Finding::settle`] makes a verdict of it, given how long it has been so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Finding {
    /// It does its work.
    Ready,
    /// It may still become ready, for this reason.
    Waiting(Why),
    /// Something is wrong that is final once it has lasted for its grace.
    Failing(Box<Fault>),
}

/// Why something is not ready yet: a word for programs, a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Why {
    /// One word, as Kubernetes writes reasons: `ContainerCreating`.
    pub(crate) code: Cow<'static, str>,
    /// What it waits for, in words a person can act on.
    pub(crate) text: String,
    /// An object that must be looked at to know more. A watch on its kind tells.
    pub(crate) needs: Option<ObjectRef>,
    /// What it waits for, as far as that has a name.
    pub(crate) want: Option<Want>,
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
    /// The same word, in other words.
    pub(crate) fn say(self, text: impl Into<String>) -> Why {
        Why { text: text.into(), ..self }
    }
}

/// Something that is wrong with an object, or with one that it consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The object to blame, and its identity.
    pub(crate) object: ObjectRef,
    /// What grace it gets.
    pub(crate) cause: Cause,
    /// One word for programs, as Kubernetes writes reasons: `CrashLoopBackOff`.
    pub(crate) code: Cow<'static, str>,
    /// The container to blame, if its logs may tell more.
    pub(crate) container: Option<String>,
    /// What is wrong.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) hint: String,
    /// How long it may last.
    pub(crate) grace: Duration,
    /// What is lacking, as far as that has a name. When it is an object, a watch on its kind tells when it appears.
    pub(crate) want: Option<Want>,
}

impl Finding {
    pub(crate) fn waiting(code: impl Into<Cow<'static, str>>, text: impl Into<String>) -> Finding {
        Finding::Waiting(Why { code: code.into(), text: text.into(), needs: None, want: None })
    }

    /// As [`Finding::waiting`], for an object that must be looked at to know more.
    pub(crate) fn waiting_for(code: &'static str, object: ObjectRef, text: impl Into<String>) -> Finding {
        Finding::Waiting(Why { code: code.into(), text: text.into(), needs: Some(object), want: None })
    }

    /// A failure that no waiting heals.
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

    /// The verdict, when this has been found for the time `lasted`.
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

    /// One word for what is found.
    pub(crate) fn code(&self) -> &str {
        match self {
            Finding::Ready => "Ready",
            Finding::Waiting(why) => &why.code,
            Finding::Failing(fault) => &fault.code,
        }
    }

    /// An object that is missing, or that must be looked at to know more.
    pub(crate) fn needs(&self) -> Option<&ObjectRef> {
        match self {
            Finding::Ready => None,
            Finding::Waiting(why) => why.needs.as_ref(),
            Finding::Failing(fault) => fault.missing(),
        }
    }

    /// What it wants, as far as that has a name.
    pub(crate) fn want(&self) -> Option<&Want> {
        match self {
            Finding::Ready => None,
            Finding::Waiting(why) => why.want.as_ref(),
            Finding::Failing(fault) => fault.want.as_ref(),
        }
    }

    /// The same, of something that wants `want`.
    pub(crate) fn wanting(mut self, want: Option<Want>) -> Finding {
        match &mut self {
            Finding::Ready => {}
            Finding::Waiting(why) => why.want = want,
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

    /// Names it by a word of its own.
    pub(crate) fn coded(mut self, code: impl Into<Cow<'static, str>>) -> Fault {
        self.code = code.into();
        self
    }

    /// Whether what is lacking may be made by something that is still starting: a Secret, say, or the pods of a Service.
    pub(crate) fn may_come(&self) -> bool {
        self.missing().is_some() || self.cause == Cause::Endpoints
    }

    /// Whether another component may be what it waits for.
    pub(crate) fn may_wait_for_others(&self) -> bool {
        // A container may crash, or a Job give up, because nothing answers where it asks.
        self.container.is_some()
            || self.may_come()
            || matches!(self.cause, Cause::Config | Cause::Volume | Cause::Claim)
    }

    /// The object whose absence is the reason.
    fn missing(&self) -> Option<&ObjectRef> {
        self.want.as_ref().and_then(Want::missing)
    }

    /// The finding, given what is there. When the missing object has appeared, the fault is about to heal: the kubelet or
    /// controller has not tried again yet.
    pub(crate) fn unless_there(self, world: &World) -> Finding {
        match self.missing() {
            Some(missing) if world.has(missing) => Finding::waiting(
                self.code.clone(),
                format!("{missing} is there now, and will be tried again ({})", self.message),
            ),
            _ => self.into(),
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
