//! Taking away what a run made.
//!
//! Every act registers its undo before it acts. A run that fails or is interrupted undoes what it did, in reverse; one
//! that is killed is undone by its [`Reaper`].

mod reaper;
mod undo;

pub use reaper::Reaper;
pub use undo::{Undo, UndoErrors};
