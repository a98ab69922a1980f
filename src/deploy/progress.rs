//! How far the components of a stage are, for those that are held back until then.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

use super::ComponentError;
use crate::suite::config::Until;

/// How far a component is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reached {
    Nothing,
    Applied,
    Ready,
    Failed,
}

/// The components of a stage. Clones share the state.
#[derive(Debug, Clone)]
pub(super) struct Progress(Arc<BTreeMap<String, watch::Sender<Reached>>>);

impl Progress {
    pub(super) fn new<'a>(components: impl IntoIterator<Item = &'a str>) -> Progress {
        let nothing = |name: &str| (name.to_owned(), watch::Sender::new(Reached::Nothing));
        Progress(Arc::new(components.into_iter().map(nothing).collect()))
    }

    /// Notes that `component` has come this far.
    pub(super) fn reached(&self, component: &str, state: Reached) {
        if let Some(sender) = self.0.get(component) {
            sender.send_if_modified(|current| state > std::mem::replace(current, state.max(*current)));
        }
    }

    /// Returns a value that notes that `component` has failed, if it is dropped by a panic.
    pub(super) fn fails_with_panic(&self, component: &str) -> FailsWithPanic {
        FailsWithPanic(self.clone(), component.to_owned())
    }

    /// Returns whether `component` is in this state; one of an earlier stage is.
    pub(super) fn is(&self, component: &str, until: Until) -> bool {
        self.0.get(component).is_none_or(|sender| *sender.borrow() >= wanted(until))
    }

    /// Waits until `component` is in this state. One that is not in this stage was ready before.
    ///
    /// # Errors
    /// It failed.
    pub(super) async fn wait(&self, component: &str, until: Until) -> Result<(), ComponentError> {
        let Some(sender) = self.0.get(component) else { return Ok(()) };
        let state = sender.subscribe().wait_for(|state| *state >= wanted(until)).await.map(|state| *state);
        match state {
            Ok(Reached::Failed) | Err(_) => Err(ComponentError::Needed { need: component.to_owned() }),
            Ok(_) => Ok(()),
        }
    }
}

/// Notes that a component has failed, if it is dropped by a panic.
pub(super) struct FailsWithPanic(Progress, String);

impl Drop for FailsWithPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.reached(&self.1, Reached::Failed);
        }
    }
}

fn wanted(until: Until) -> Reached {
    match until {
        Until::Applied => Reached::Applied,
        Until::Ready => Reached::Ready,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_what_is_awaited_holds_back() {
        let progress = Progress::new(["db", "api"]);
        progress.wait("of an earlier stage", Until::Ready).await.unwrap();
        progress.reached("db", Reached::Applied);
        progress.wait("db", Until::Applied).await.unwrap();
        assert!(!progress.is("db", Until::Ready));
        let waits = tokio::spawn({
            let progress = progress.clone();
            async move { progress.wait("db", Until::Ready).await }
        });
        progress.reached("db", Reached::Ready);
        waits.await.unwrap().unwrap();
        // What was ready is still so when it is applied again.
        progress.reached("db", Reached::Applied);
        assert!(progress.is("db", Until::Ready));
        progress.reached("api", Reached::Failed);
        let error = progress.wait("api", Until::Applied).await.unwrap_err();
        assert_eq!(error.to_string(), "it needs api, which could not be deployed");
    }

    #[tokio::test]
    async fn a_panic_ends_the_wait() {
        let progress = Progress::new(["db"]);
        let fails = progress.fails_with_panic("db");
        drop(progress.fails_with_panic("db"));
        assert!(!progress.is("db", Until::Applied), "only a panic is a failure");
        let task = tokio::spawn(async move {
            let _fails = fails;
            panic!("as a test");
        });
        assert!(task.await.is_err());
        progress.wait("db", Until::Ready).await.unwrap_err();
    }
}
