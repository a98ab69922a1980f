//! Assertions against an API server in memory.

mod contain;
mod outcomes;
mod server;
mod trouble;
