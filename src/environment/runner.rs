//! Which processes share an environment.

use procfs::process::Process;

use crate::cluster::Owner;

/// Whose processes share one environment: `KIND_HARNESS_SHARE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Share {
    /// The threads of one test binary. Cargo runs binaries one after the other and tells none that it is the last, so
    /// this way the end can be waited for, and reported.
    Process,
    /// All test processes that one cargo or nextest starts. Its end is the environment's.
    Runner,
}

impl Share {
    /// What `KIND_HARNESS_SHARE` says; otherwise nextest's processes share, since each of them runs a single test.
    pub(super) fn from_env() -> Result<Share, String> {
        let value = std::env::var("KIND_HARNESS_SHARE").unwrap_or_default();
        match value.as_str() {
            "process" => Ok(Share::Process),
            "runner" => Ok(Share::Runner),
            "" if std::env::var_os("NEXTEST").is_some() => Ok(Share::Runner),
            "" => Ok(Share::Process),
            other => Err(format!("KIND_HARNESS_SHARE is {other:?}; it can be process or runner")),
        }
    }
}

/// The test runner that started this process: the nearest ancestor that is cargo or nextest.
pub(super) fn runner() -> Result<Owner, String> {
    let mut pid = std::process::id().cast_signed();
    while let Some(parent) = parent(pid) {
        let name = Process::new(parent).and_then(|process| process.stat()).map(|stat| stat.comm).unwrap_or_default();
        if name == "cargo" || name == "cargo-nextest" {
            return Owner::of(parent).ok().flatten().ok_or_else(|| format!("{name} (pid {parent}) has gone"));
        }
        pid = parent;
    }
    Err("KIND_HARNESS_SHARE is runner, but neither cargo nor nextest started this process".into())
}

fn parent(pid: i32) -> Option<i32> {
    let parent = Process::new(pid).ok()?.stat().ok()?.ppid;
    (parent > 0).then_some(parent)
}
