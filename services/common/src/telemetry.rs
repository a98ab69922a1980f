//! Logs: one line per event on standard output, JSON for machines and plain text for people.

use std::{env, io::IsTerminal};

use tracing_subscriber::EnvFilter;

/// kube logs every refused connection as an error; the services' own readiness says it once, and why.
const DEFAULT: &str = "info,kube_client::client::builder=off";

/// Starts logging. `RUST_LOG` chooses what is logged (default `info`), `LOG_FORMAT=json|plain` how (default: plain on a
/// terminal, JSON elsewhere). A second call does nothing, so that tests may call it too.
pub fn init() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT));
    let terminal = std::io::stdout().is_terminal();
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(terminal);
    let json = match env::var("LOG_FORMAT").as_deref() {
        Ok("json") => true,
        Ok("plain") => false,
        _ => !terminal,
    };
    let result = if json { builder.json().flatten_event(true).try_init() } else { builder.try_init() };
    if result.is_err() {
        tracing::debug!("logging was already started");
    }
}
