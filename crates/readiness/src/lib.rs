//! Readiness: one watch, one deadline, a verdict for every object.
//!
//! [`Readiness::start`] opens the run's watches, before anything is applied. After applying a component,
//! [`expect`](Readiness::expect) its objects, and [`wait_for_all_ready`](Readiness::wait_for_all_ready): the result is
//! [`AllReady`], or [`NotReady`] with the reason. [`survey`] returns the current state, without waiting, and
//! [`wait_for`] waits for any objects without the rest of the harness.
//!
//! Modules, from the outside in: `readiness` is the handle, `tracker` its task, `watch` updates the `world` from the
//! API server, and `rules` are pure functions that judge objects in it.

#![warn(missing_debug_implementations)]

pub mod assert;
pub mod conditions;
pub mod errors;
#[doc(hidden)]
pub mod kinds;
#[doc(hidden)]
pub mod pods;
pub mod redact;

mod ask;
mod asked;
mod command;
mod display;
mod evaluate;
mod examine;
mod finding;
mod grace;
mod health;
mod journal;
mod logs;
#[doc(hidden)]
pub mod masked;
mod moments;
mod not_ready;
mod object;
mod probe;
mod progress;
mod readiness;
mod recording;
mod replay;
mod rules;
mod saved;
mod settings;
mod survey;
mod tracker;
mod trim;
mod verdict;
mod view;
mod wait_for;
mod want;
mod watch;
mod watches;
mod world;

pub use ask::{Answer, Listing};
pub use examine::examine;
pub use grace::Grace;
pub use journal::{Change, Ended, Recorder};
#[doc(hidden)]
pub use logs::{LINES, tails};
pub use moments::{Moment, MomentKind, ProbeSchedule};
pub use not_ready::{LogTail, NotReady, Unready, UnreadyObject};
pub use object::{Applied, ObjectRef};
pub use probe::{Place, Probe};
pub use progress::{Missed, Observer, Progress};
pub use readiness::{AllReady, Readiness, ReadyComponent};
pub use replay::{Replay, ReplayError, replay};
pub use saved::{Judgement, judge_saved};
pub use settings::{Field, KindRule, Settings, is_path};
pub use survey::{ComponentStatus, Expectation, PodStatus, survey, survey_with};
pub use verdict::Verdict;
#[doc(hidden)]
pub use view::Lenient;
pub use wait_for::wait_for;
pub use want::{ImageLack, Want};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
