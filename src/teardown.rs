//! Taking away what a run made.
//!
//! Every act registers its undo before it acts. A run that fails or is interrupted undoes what it did, in reverse; one
//! that is killed is undone by its [`Reaper`]; and what escaped the reaper too (the host was switched off) is found by
//! [`gc`], by the lease that every cluster carries.

pub mod gc;
mod reaper;
mod undo;

pub use reaper::{Reaper, ReaperError};
pub use undo::{Undo, UndoErrors};
