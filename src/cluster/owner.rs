//! Processes that own clusters: identified uniquely, and looked up later.

use std::io;
use std::os::fd::OwnedFd;

use procfs::process::Process;
use rustix::process::{Pid, PidfdFlags, pidfd_open, test_kill_process};
use serde::{Deserialize, Serialize};

/// A process, identified uniquely: process ids are reused, and have no meaning on another host or after a reboot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Owner {
    /// Host name, for display: it may change while the process runs.
    pub host: String,
    /// The machine: its systemd machine id, or its host name if it has none.
    #[serde(default)]
    pub machine: String,
    /// The machine's boot id.
    pub boot: String,
    /// The process id namespace, which differs between containers.
    pub pids: String,
    /// The process id.
    pub pid: i32,
    /// Start time of the process, in clock ticks since the boot.
    pub started: u64,
}

/// Whether an [`Owner`] still runs, as seen from this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It is running.
    Alive,
    /// It has exited.
    Gone,
    /// It belongs to another host or container, or its state is unknown: it may be running.
    Elsewhere,
}

impl Owner {
    /// Returns the identity of this process.
    ///
    /// # Errors
    /// When /proc cannot be read.
    pub fn current() -> io::Result<Owner> {
        let pid = std::process::id().cast_signed();
        Owner::of(pid)?.ok_or_else(|| io::Error::other("/proc does not show this process"))
    }

    /// Returns the identity of the process that has `pid` now; `None` if there is none.
    ///
    /// # Errors
    /// When /proc cannot be read.
    pub fn of(pid: i32) -> io::Result<Option<Owner>> {
        let here = Here::read_identity()?;
        match Seen::find_process(pid) {
            Seen::Running(started) => Ok(Some(Owner {
                host: here.host,
                machine: here.machine,
                boot: here.boot,
                pids: here.pids,
                pid,
                started,
            })),
            Seen::Gone => Ok(None),
            Seen::Unknown => Err(io::Error::other(format!("/proc does not show process {pid}"))),
        }
    }

    /// Returns whether it still runs. An unknown state counts as [`Presence::Elsewhere`].
    #[must_use]
    pub fn presence(&self) -> Presence {
        let Ok(here) = Here::read_identity() else { return Presence::Elsewhere };
        if self.boot != here.boot {
            // Same machine after a reboot, or another machine.
            return if self.machine == here.machine { Presence::Gone } else { Presence::Elsewhere };
        }
        if self.pids != here.pids {
            return Presence::Elsewhere;
        }
        match Seen::find_process(self.pid) {
            Seen::Running(started) if started == self.started => Presence::Alive,
            Seen::Running(_) | Seen::Gone => Presence::Gone,
            Seen::Unknown => Presence::Elsewhere,
        }
    }

    /// Returns a file descriptor that becomes readable when the process exits; `None` when it has exited already.
    ///
    /// # Errors
    /// When the system cannot watch processes (Linux can since 5.3).
    pub fn watch(&self) -> io::Result<Option<OwnedFd>> {
        let Some(pid) = (self.pid > 0).then(|| Pid::from_raw(self.pid)).flatten() else { return Ok(None) };
        match pidfd_open(pid, PidfdFlags::empty()) {
            // Checked after opening: from here on the pid cannot be reused.
            Ok(watched) => Ok((self.presence() == Presence::Alive).then_some(watched)),
            Err(rustix::io::Errno::SRCH) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// Identity of the place where this process runs.
struct Here {
    host: String,
    machine: String,
    boot: String,
    pids: String,
}

impl Here {
    fn read_identity() -> io::Result<Here> {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let machine = fs_err::read_to_string("/etc/machine-id").map(|id| id.trim().to_owned()).unwrap_or_default();
        Ok(Here {
            machine: if machine.is_empty() { host.clone() } else { machine },
            host,
            boot: fs_err::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned(),
            pids: fs_err::read_link("/proc/self/ns/pid")?.display().to_string(),
        })
    }
}

/// The state of a process id in this process id namespace.
enum Seen {
    /// Running, started at this number of clock ticks since the boot.
    Running(u64),
    /// Does not exist, or has exited and waits to be reaped.
    Gone,
    /// Exists, but /proc hides it from this user (`hidepid`), or cannot be read now.
    Unknown,
}

impl Seen {
    fn find_process(pid: i32) -> Seen {
        // No process has such an id, so the lease was not written by this harness: treat the owner as unknown.
        let Some(number) = (pid > 0).then(|| Pid::from_raw(pid)).flatten() else { return Seen::Unknown };
        match Process::new(pid).and_then(|process| process.stat()) {
            Ok(stat) if matches!(stat.state, 'Z' | 'X') => Seen::Gone,
            Ok(stat) => Seen::Running(stat.starttime),
            // Signal 0 shows whether the process exists even where /proc does not.
            Err(_) if test_kill_process(number) == Err(rustix::io::Errno::SRCH) => Seen::Gone,
            Err(_) => Seen::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_is_more_than_a_process_id() {
        let me = Owner::current().unwrap();
        assert_eq!(me.presence(), Presence::Alive);
        assert!(me.watch().unwrap().is_some());
        for (why, other, presence) in [
            ("the pid was given to another process", Owner { started: 1, ..me.clone() }, Presence::Gone),
            ("no such process", Owner { pid: i32::MAX, ..me.clone() }, Presence::Gone),
            ("the host was booted again", Owner { boot: "b".into(), ..me.clone() }, Presence::Gone),
            ("the host has another name now", Owner { host: "h".into(), ..me.clone() }, Presence::Alive),
            ("another host", Owner { machine: "m".into(), boot: "b".into(), ..me.clone() }, Presence::Elsewhere),
            ("another container", Owner { pids: "pid:[1]".into(), ..me.clone() }, Presence::Elsewhere),
            ("nonsense", Owner { pid: -4, ..me.clone() }, Presence::Elsewhere),
        ] {
            assert_eq!(other.presence(), presence, "{why}");
            assert_eq!(other.watch().unwrap().is_some(), presence == Presence::Alive, "{why}");
        }
    }
}
