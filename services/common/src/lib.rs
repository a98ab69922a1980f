//! What the services of the reference stack have in common, so that each of them reads as its own story.
//!
//! A service starts in this order: [`telemetry::init`], [`config::load`], a [`Readiness`] with one [`Check`] per
//! dependency, [`Shutdown::install`], and then [`http::serve`]: it listens from the first moment and says through its
//! readiness what it still waits for. Dependencies are kept with [`retry::keep_checking`], which never gives up.

pub mod config;
#[cfg(feature = "postgres")]
pub mod database;
pub mod fields;
pub mod http;
pub mod limits;
pub mod metrics;
#[cfg(feature = "postgres")]
pub mod postgres;
pub mod problem;
pub mod readiness;
pub mod retry;
pub mod shutdown;
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;

pub use limits::Limits;
pub use problem::Problem;
pub use readiness::{Check, Readiness};
pub use shutdown::Shutdown;
