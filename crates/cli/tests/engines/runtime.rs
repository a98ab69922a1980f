//! An OCI runtime for hosts that withhold capabilities: runc, asked for no more than there are.
//!
//! docker asks for every capability for a privileged container, and runc refuses one that this process does not have.
//! This program is called as the runtime; it takes what is withheld out of the container's configuration and becomes
//! runc.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use serde_json::Value;

/// The name under which this program is the runtime.
pub(crate) const NAME: &str = "runc-within-bounds";

/// The capabilities in the order of their bits, from Linux's `include/uapi/linux/capability.h`.
const CAPABILITIES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

/// Becomes runc if this program was called by [`NAME`].
pub(crate) fn run_if_called() -> Option<ExitCode> {
    let mut arguments = std::env::args_os();
    let called = PathBuf::from(arguments.next()?);
    if called.file_name()? != NAME {
        return None;
    }
    let arguments: Vec<OsString> = arguments.collect();
    if let Err(error) = limit(&arguments) {
        eprintln!("{NAME}: {error:#}");
        return Some(ExitCode::FAILURE);
    }
    let error = Command::new("runc").args(arguments).exec();
    eprintln!("{NAME}: runc: {error}");
    Some(ExitCode::FAILURE)
}

/// Whether this process may have every capability.
pub(crate) fn has_all_capabilities() -> Result<bool> {
    let bounds = bounding_set()?;
    Ok((0..CAPABILITIES.len()).all(|bit| bounds & (1 << bit) != 0))
}

/// The capabilities that this process may have, by bit.
fn bounding_set() -> Result<u64> {
    procfs::process::Process::myself()?.status()?.capbnd.context("/proc/self/status names no bounding set")
}

/// Takes the capabilities that this process may not have out of the files that the arguments name.
fn limit(arguments: &[OsString]) -> Result<()> {
    let bounds = bounding_set()?;
    let value = |flag: &str| arguments.iter().position(|it| it == flag).and_then(|at| arguments.get(at + 1));
    let is = |name: &str| arguments.iter().any(|it| it == name);
    if let Some(bundle) = value("--bundle").filter(|_| is("create") || is("run")) {
        limit_file(&Path::new(bundle).join("config.json"), "/process/capabilities", bounds)?;
    }
    if let Some(process) = value("--process").filter(|_| is("exec")) {
        limit_file(Path::new(process), "/capabilities", bounds)?;
    }
    Ok(())
}

fn limit_file(path: &Path, pointer: &str, bounds: u64) -> Result<()> {
    let about = || path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(about)?;
    let mut json: Value = serde_json::from_str(&text).with_context(about)?;
    let sets = json.pointer_mut(pointer).and_then(Value::as_object_mut);
    for set in sets.into_iter().flat_map(|sets| sets.values_mut()).filter_map(Value::as_array_mut) {
        set.retain(|name| is_within(name.as_str().unwrap_or_default(), bounds));
    }
    std::fs::write(path, json.to_string()).with_context(about)
}

fn is_within(name: &str, bounds: u64) -> bool {
    let bit = CAPABILITIES.iter().position(|it| name.strip_prefix("CAP_") == Some(it));
    bit.is_some_and(|bit| bounds & (1 << bit) != 0)
}
