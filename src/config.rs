//! A suite's configuration: file, then environment, then flags, checked once.

mod schema;

pub use schema::*;
