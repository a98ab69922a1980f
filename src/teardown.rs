//! Taking away what a run made.
//!
//! Every act registers its undo before it acts. A run that fails or is interrupted undoes what it did, in reverse; one
//! that is killed is undone by its [`Reaper`]; and what escaped the reaper too (the host was switched off) is found by
//! [`gc`], by the lease that every cluster carries. A cluster of ours goes as a whole; from one that stays, [`remove`]
//! takes components away.

mod components;
mod error;
mod existing;
pub mod gc;
mod give_back;
mod identity;
mod objects;
mod options;
mod reaper;
mod undo;

pub use components::{RemovalTarget, remove};
pub use error::{KillError, KillErrors};
pub use existing::TakeOut;
pub(crate) use existing::settle;
pub use options::RemoveOptions;
pub use reaper::{Reaper, ReaperError};
pub use undo::{Undo, UndoErrors};
