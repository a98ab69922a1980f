//! What a run says of itself: one stream of events, and everything that is made from it.

mod event;

pub use event::{Event, EventKind, Events, Outcome, Phase, Step, StepHandle};
