//! The events that wait for DataStorage, and how those stand that objects still keep.

use std::collections::{HashMap, VecDeque};

use uuid::Uuid;

use super::event::{self, AuditEvent};
use crate::api::{AIAnalysis, AuditNote};

/// Most events that wait; about 10 MB.
pub(super) const CAPACITY: usize = 10_000;

/// How the notes of an object stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handover {
    /// DataStorage has all of them, or has refused them for good.
    Settled,
    /// Some are on their way.
    Waiting,
    /// There is no room for some; they stay where they are, in their object.
    Full,
}

/// Events in order, and what is known of those that objects still keep.
#[derive(Default)]
pub(super) struct Buffer {
    waiting: VecDeque<AuditEvent>,
    /// Id of an event that an object keeps → DataStorage has it, or has refused it.
    kept: HashMap<Uuid, bool>,
}

impl Buffer {
    pub(super) fn hand_over(&mut self, object: &AIAnalysis, notes: &[AuditNote]) -> Handover {
        let mut handover = Handover::Settled;
        for note in notes {
            match self.kept.get(&event::id(note)) {
                Some(true) => {}
                Some(false) => handover = Handover::Waiting,
                None if self.waiting.len() >= CAPACITY => return Handover::Full,
                None => {
                    let event = AuditEvent::of(object, note);
                    self.kept.insert(event.event_id, false);
                    self.waiting.push_back(event);
                    handover = Handover::Waiting;
                }
            }
        }
        handover
    }

    /// Nobody will ask for these again. What waits goes on waiting; how many never got there is the answer.
    pub(super) fn forget(&mut self, notes: &[AuditNote]) -> usize {
        notes.iter().filter(|note| self.kept.remove(&event::id(note)).is_none()).count()
    }

    pub(super) fn first(&self, most: usize) -> Vec<AuditEvent> {
        self.waiting.iter().take(most).cloned().collect()
    }

    pub(super) fn settle_first(&mut self, count: usize) {
        for event in self.waiting.drain(..count) {
            if let Some(settled) = self.kept.get_mut(&event.event_id) {
                *settled = true;
            }
        }
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// How many of those that wait are kept by an object, and how many are not.
    pub(super) fn left_over(&self) -> (usize, usize) {
        let kept = self.waiting.iter().filter(|event| self.kept.contains_key(&event.event_id)).count();
        (kept, self.waiting.len() - kept)
    }
}
