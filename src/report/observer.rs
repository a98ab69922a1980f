//! Reports the progress of a wait as steps of the ready phase.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::{ComponentMoment, EventKind, Events, Phase, Step};
use crate::readiness::{Moment, Observer, Progress};

/// One step for each awaited component. A step that is still open when the wait is dropped has failed.
struct ReadySteps {
    events: Events,
    open: Mutex<HashMap<String, Step>>,
}

impl Events {
    /// Returns an observer that reports a wait's progress to this stream.
    #[must_use]
    pub fn observer(&self) -> impl Observer + use<> {
        ReadySteps { events: self.clone(), open: Mutex::default() }
    }
}

impl Observer for ReadySteps {
    fn progress(&self, component: &str, progress: Progress) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        match progress {
            Progress::Expected => {
                open.insert(component.to_owned(), self.events.step(Phase::Ready, component));
            }
            Progress::Waiting(text) => {
                if let Some(step) = open.get(component) {
                    step.progress(text);
                }
            }
            Progress::Ready => {
                if let Some(step) = open.remove(component) {
                    step.done();
                }
            }
            Progress::Missed { how, why } => match open.remove(component) {
                Some(step) => step.fail(how, why),
                None => self.events.trouble(Phase::Ready, component, how, why),
            },
            _ => {}
        }
    }

    fn moment(&self, component: &str, moment: Moment) {
        let at = moment.at.saturating_duration_since(self.events.began());
        let Moment { kind, object, container, probe, .. } = moment;
        let moment = ComponentMoment { kind, object, container, at, probe };
        self.events.send(Phase::Ready, component, EventKind::Moment(moment));
    }

    fn warning(&self, text: String) {
        self.events.warn(Phase::Ready, text);
    }
}
