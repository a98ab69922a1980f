//! All that is specific to Linux: `/proc`, and file descriptors of processes.
//!
//! A process is watched by a pidfd where the kernel has them (Linux 5.3), else by polling its id and start time.

mod usage;
mod watched;

use std::ffi::OsStr;
use std::io;

use procfs::net::TcpState;
use procfs::process::{FDTarget, Process as Entry, all_processes};
use rustix::process::{Pid, test_kill_process};

pub(crate) use usage::Meter;
pub(crate) use watched::Watched;

/// Path by which this program can be started again, also when its file was replaced meanwhile.
pub(crate) const THIS_PROGRAM: &str = "/proc/self/exe";

/// State of a process id in this process id namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// A process that was started at this time, in clock ticks since the boot.
    Running(u64),
    /// There is no such process, or it has exited and was not reaped yet.
    Gone,
    /// The process exists, but `/proc` hides it from this user (`hidepid`) or cannot be read now.
    Unknown,
}

/// A running process.
#[derive(Debug)]
pub(crate) struct Process {
    /// Its id.
    pub(crate) pid: i32,
    /// The id of its parent.
    pub(crate) parent: i32,
    /// Its program and arguments.
    pub(crate) command: Vec<String>,
    /// Watches the process.
    pub(crate) watched: Watched,
}

/// Looks a process up.
pub(crate) fn find(pid: i32) -> Seen {
    // No process has such an id, so the lease was not written by this harness: treat the process as unknown.
    let Some(number) = (pid > 0).then(|| Pid::from_raw(pid)).flatten() else { return Seen::Unknown };
    match Entry::new(pid).and_then(|process| process.stat()) {
        Ok(stat) if matches!(stat.state, 'Z' | 'X') => Seen::Gone,
        Ok(stat) => Seen::Running(stat.starttime),
        // A signal's way shows whether the process exists even where `/proc` does not.
        Err(_) if test_kill_process(number) == Err(rustix::io::Errno::SRCH) => Seen::Gone,
        Err(_) => Seen::Unknown,
    }
}

/// Returns the processes in `session` that have this variable in their environment.
pub(crate) fn with_variable(name: &str, value: &str, session: i32) -> Vec<Process> {
    let process = |entry: Entry| {
        let watched = Watched::open(entry.pid).ok()??;
        // Read after the process is watched: from here on its id cannot be that of another process.
        let stat = entry.stat().ok().filter(|stat| stat.state != 'Z' && stat.session == session)?;
        let has_it = entry.environ().ok()?.get(OsStr::new(name)).is_some_and(|it| it == value);
        let command = entry.cmdline().unwrap_or_default();
        has_it.then_some(Process { pid: entry.pid, parent: stat.ppid, command, watched })
    };
    all_processes().into_iter().flatten().flatten().filter_map(process).collect()
}

/// Returns the session of this process; 0 if its leader is outside this container, as for a command that is run in one. (The
/// system call's answer is no valid process id then.)
pub(crate) fn session() -> i32 {
    Entry::myself().and_then(|this| this.stat()).map_or(0, |stat| stat.session)
}

/// Returns whether this process may read from its terminal: a background process would be stopped instead.
pub(crate) fn is_in_foreground() -> bool {
    Entry::myself().and_then(|this| this.stat()).is_ok_and(|stat| stat.tpgid == stat.pgrp)
}

/// Returns the id and the name of a process's parent.
pub(crate) fn parent_of(pid: i32) -> Option<(i32, String)> {
    let parent = Entry::new(pid).ok()?.stat().ok()?.ppid;
    let name = Entry::new(parent).ok()?.stat().ok()?.comm;
    (parent > 0).then_some((parent, name))
}

/// Returns the name and the id of the process that listens on a TCP port, if this user may see it.
pub(crate) fn listener_on(port: u16) -> Option<(String, i32)> {
    let v6 = procfs::net::tcp6().unwrap_or_default();
    let mut sockets = procfs::net::tcp().unwrap_or_default().into_iter().chain(v6);
    let inode = sockets.find(|it| it.state == TcpState::Listen && it.local_address.port() == port)?.inode;
    all_processes().ok()?.flatten().find_map(|process| {
        let holds = process.fd().ok()?.flatten().any(|fd| matches!(fd.target, FDTarget::Socket(held) if held == inode));
        let name = process.stat().map(|stat| stat.comm).unwrap_or_default();
        holds.then(|| (name, process.pid()))
    })
}

/// Returns the machine's id: that of systemd, or its host name if it has none.
pub(crate) fn machine() -> String {
    let id = fs_err::read_to_string("/etc/machine-id").map(|id| id.trim().to_owned()).unwrap_or_default();
    if id.is_empty() { host_name() } else { id }
}

/// Returns the host name.
pub(crate) fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Returns the id of the boot, which is unique.
///
/// # Errors
/// When `/proc` cannot be read.
pub(crate) fn boot() -> io::Result<String> {
    Ok(fs_err::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

/// Returns the id of this process's process id namespace.
///
/// # Errors
/// When `/proc` cannot be read.
pub(crate) fn pid_namespace() -> io::Result<String> {
    Ok(fs_err::read_link("/proc/self/ns/pid")?.display().to_string())
}

/// Returns the available memory in bytes.
pub(crate) fn available_memory() -> Option<u64> {
    memory("MemAvailable:")
}

/// Returns the memory of this host in bytes.
pub(crate) fn total_memory() -> Option<u64> {
    memory("MemTotal:")
}

fn memory(which: &str) -> Option<u64> {
    let text = fs_err::read_to_string("/proc/meminfo").ok()?;
    let rest = text.lines().find_map(|line| line.strip_prefix(which))?;
    let kib: u64 = rest.split_whitespace().next()?.parse().ok()?;
    Some(kib << 10)
}

/// Returns how many inotify instances and watches a user may have; 0 if that cannot be read.
pub(crate) fn inotify_limits() -> (u64, u64) {
    let number = |name: &str| {
        let text = fs_err::read_to_string(format!("/proc/sys/fs/inotify/{name}"));
        text.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
    };
    (number("max_user_instances"), number("max_user_watches"))
}
