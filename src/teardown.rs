//! Taking away what a run made.
//!
//! Every act registers its undo before it acts. A run that fails or is interrupted undoes what it did, in reverse; one
//! that is killed is undone by its [`Reaper`]. A cluster of ours goes as a whole; from one that stays, [`remove`] takes
//! components away.

mod components;
mod error;
mod kill;
mod objects;
mod reaper;
mod undo;

pub use components::{Doomed, remove};
pub use error::{KillError, KillErrors};
pub use kill::{Kill, WrongVariable};
pub use reaper::Reaper;
pub use undo::{Undo, UndoErrors};
