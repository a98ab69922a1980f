//! Removal of what a run created.
//!
//! Every action registers its undo before it starts. A run that fails or is interrupted undoes its actions in reverse
//! order; a killed run is undone by its [`Reaper`]; and what the reaper missed (the host was switched off) is found by
//! [`gc`], by the lease that every cluster carries. Our own cluster is deleted as a whole; [`remove`] deletes
//! components from a cluster that is kept.

mod components;
mod detached;
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
pub use detached::ReaperError;
pub use error::{KillError, KillErrors};
pub use existing::TakeOut;
pub(crate) use existing::settle;
pub use options::RemoveOptions;
pub use reaper::Reaper;
pub use undo::{Undo, UndoErrors};
pub use unfinished::UnfinishedReports;
#[cfg(feature = "webhook")]
pub(crate) use webhooks::{WebhookChange, WebhookGuard, WebhookKind};

/// Runs before `main` in every program that links this library. `dtor` adds it to the functions that the C library
/// calls at start: `ctor`, which is made for this, cannot be used where unsafe code is forbidden.
#[dtor::dtor(unsafe, method = linker, link_section = ".init_array")]
fn before_main() {
    detached::run_if_told::<Reaper>();
    #[cfg(feature = "webhook")]
    detached::run_if_told::<WebhookGuard>();
}
