//! Removal of what a run created.
//!
//! Every action registers its undo before it starts. A run that fails or is interrupted undoes its actions in reverse
//! order; a killed run is undone by its [`Reaper`]; and what the reaper missed (the host was switched off) is found by
//! [`gc`], by the lease that every cluster carries. Our own cluster is deleted as a whole; [`remove`] deletes
//! components from a cluster that is kept.

mod components;
mod error;
mod existing;
pub mod gc;
mod give_back;
mod identity;
mod objects;
mod options;
mod reaper;
mod test_namespaces;
mod undo;
mod unfinished;
#[cfg(feature = "webhook")]
mod webhooks;

pub use components::{RemovalTarget, remove};
pub use error::{KillError, KillErrors};
pub use existing::TakeOut;
pub(crate) use existing::settle;
pub use options::RemoveOptions;
pub use reaper::{Reaper, ReaperError};
pub use undo::{Undo, UndoErrors};
pub use unfinished::UnfinishedReports;
#[cfg(feature = "webhook")]
pub(crate) use webhooks::{WebhookChange, WebhookGuard, WebhookKind};
