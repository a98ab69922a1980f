//! A wait for components to be ready.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::component::Component;
use crate::{AllReady, NotReady, ReadyComponent, Settings, Unready, UnreadyObject, Verdict};

/// If the API server has been unreachable this long at the deadline, report `Gone` instead of a timeout.
const SILENT: Duration = Duration::from_secs(1);

/// The state from which a wait is answered.
pub(super) struct State<'a> {
    pub(super) components: &'a [Component],
    pub(super) health: Option<&'a (Duration, String)>,
    pub(super) refused: Option<&'a (String, String)>,
    pub(super) settings: &'a Settings,
    pub(super) now: Instant,
}

/// A wait.
pub(super) struct Wait {
    names: Option<Vec<String>>,
    began: Instant,
    /// Without one, only readiness or a failure ends it.
    deadline: Option<Instant>,
    failing: Option<Instant>,
    reply: oneshot::Sender<Result<AllReady, NotReady>>,
}

impl Wait {
    pub(super) fn new(
        mut names: Option<Vec<String>>,
        deadline: Option<Instant>,
        reply: oneshot::Sender<Result<AllReady, NotReady>>,
        now: Instant,
    ) -> Wait {
        if let Some(names) = &mut names {
            names.sort();
            names.dedup();
        }
        Wait { names, began: now, deadline, failing: None, reply }
    }

    /// Returns the awaited components; `None` for all.
    pub(super) fn names(&self) -> Option<&[String]> {
        self.names.as_deref()
    }

    /// Returns whether `other` waits for the same components, and this wait has no deadline.
    pub(super) fn is_replaced_by(&self, other: &Wait) -> bool {
        self.deadline.is_none() && self.names == other.names
    }

    /// Returns whether the caller is still waiting.
    pub(super) fn is_open(&self) -> bool {
        !self.reply.is_closed()
    }

    pub(super) fn reply(self, answer: Result<AllReady, NotReady>) {
        // The caller may have stopped waiting.
        let _ = self.reply.send(answer);
    }

    /// Returns the awaited components that are expected already.
    pub(super) fn members<'a>(&'a self, components: &'a [Component]) -> impl Iterator<Item = &'a Component> {
        components.iter().filter(|c| self.names.as_ref().is_none_or(|names| names.contains(&c.name)))
    }

    /// Returns the answer, once there is one.
    pub(super) fn answer(&mut self, state: &State<'_>) -> Option<Result<AllReady, NotReady>> {
        let members: Vec<_> = self.members(state.components).collect();
        let ready = members.iter().filter_map(|component| {
            let after = component.ready_after()?;
            Some(ReadyComponent { component: component.name.clone(), after })
        });
        let ready: Vec<_> = ready.collect();
        let of = self.names.as_ref().map_or(members.len(), Vec::len);
        if ready.len() == of {
            return Some(Ok(AllReady { components: ready }));
        }
        let late = self.deadline.is_some_and(|deadline| state.now >= deadline);
        let settled = |c: &&&Component| c.ready_after().is_some() || c.has_failed(state.now);
        let any_failed = members.iter().any(|component| component.has_failed(state.now));
        let all_settled = members.len() == of && members.iter().filter(settled).count() == of;
        drop(members);
        self.failing = any_failed.then(|| self.failing.unwrap_or(state.now));
        let gathered = self.failing.is_some_and(|since| state.now >= since + state.settings.gather);
        if any_failed && (gathered || all_settled || late) {
            return Some(Err(self.failed(state, of)));
        }
        self.deadline?;
        if let Some((watch, error)) = state.refused {
            return Some(Err(NotReady::Forbidden { watch: watch.clone(), error: error.clone() }));
        }
        let patience = if late { SILENT } else { state.settings.api_gone_after };
        if let Some((since, error)) = state.health.filter(|(since, _)| *since >= patience) {
            return Some(Err(NotReady::Gone { since: *since, error: error.clone() }));
        }
        late.then(|| {
            let waited = state.now.saturating_duration_since(self.began);
            Err(NotReady::Deadline { waited, waiting: self.unready(state), of })
        })
    }

    /// Returns when the answer may change without an event.
    pub(super) fn wake(&self, state: &State<'_>) -> Option<Instant> {
        let gone = state.health.map(|(since, _)| state.now + state.settings.api_gone_after.saturating_sub(*since));
        let gathered = self.failing.map(|since| since + state.settings.gather);
        // Without a deadline the API server's outage does not end the wait.
        [self.deadline, gone.filter(|_| self.deadline.is_some()), gathered].into_iter().flatten().min()
    }

    fn failed(&self, state: &State<'_>, of: usize) -> NotReady {
        let is_failed = |object: &UnreadyObject| matches!(object.verdict, Verdict::Failed { .. });
        let (mut failed, waiting): (Vec<_>, Vec<_>) =
            self.unready(state).into_iter().partition(|unready| unready.objects.iter().any(is_failed));
        failed.iter_mut().for_each(|unready| unready.objects.retain(is_failed));
        NotReady::Failed { failed, waiting, of }
    }

    fn unready(&self, state: &State<'_>) -> Vec<Unready> {
        let known = self.members(state.components).filter(|component| component.ready_after().is_none());
        let known = known.map(|component| component.unready(state.now));
        let is_known = |name: &&String| state.components.iter().any(|component| component.name == **name);
        let unknown = self.names.iter().flatten().filter(|name| !is_known(name)).map(|name| Unready {
            component: name.clone(),
            objects: vec![UnreadyObject::without_object(Verdict::waiting(
                "NotApplied",
                "nothing of it has been applied yet",
            ))],
        });
        known.chain(unknown).collect()
    }
}
