//! The processes that share an environment.

use crate::cluster::Owner;
use crate::host::system;
use crate::suite::config::Share;

/// Returns the default for sharing an environment: nextest's processes share one, since each runs a single test.
pub(super) fn usual() -> Share {
    if std::env::var_os("NEXTEST").is_some() { Share::Runner } else { Share::Process }
}

/// Returns the test runner that started this process: the nearest ancestor that is cargo or nextest.
pub(super) fn runner() -> Result<Owner, String> {
    let mut pid = std::process::id().cast_signed();
    while let Some((parent, name)) = system::parent_of(pid) {
        if name == "cargo" || name == "cargo-nextest" {
            return Owner::of(parent).ok().flatten().ok_or_else(|| format!("{name} (pid {parent}) has gone"));
        }
        pid = parent;
    }
    Err("KIND_HARNESS_SHARE is runner, but neither cargo nor nextest started this process".into())
}
