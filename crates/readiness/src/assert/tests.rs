//! Assertions against an API server in memory.

#[cfg(feature = "cel")]
mod cel;
mod contain;
mod outcomes;
mod server;
mod trouble;
