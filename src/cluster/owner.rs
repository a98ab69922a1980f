//! Processes that own clusters: told from every other, and looked for again.

use std::io;
use std::os::fd::OwnedFd;

use procfs::process::Process;
use rustix::process::{Pid, PidfdFlags, pidfd_open, test_kill_process};
use serde::{Deserialize, Serialize};

/// A process, told from every other: process ids are used again, and mean nothing on another host or after a reboot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Owner {
    /// Name of its host, for people: it may change while the process runs.
    pub host: String,
    /// The machine: its systemd machine id, or its name where it has none.
    #[serde(default)]
    pub machine: String,
    /// The machine's boot, which no other boot shares.
    pub boot: String,
    /// Its process id namespace: containers count on their own.
    pub pids: String,
    /// Its process id.
    pub pid: i32,
    /// When it was started, in clock ticks since the boot.
    pub started: u64,
}

/// What can be said of an [`Owner`] from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It runs.
    Alive,
    /// It does not run any more.
    Gone,
    /// It belongs to another host or container, or the system does not say: it may run.
    Elsewhere,
}

impl Owner {
    /// This process.
    ///
    /// # Errors
    /// When /proc does not tell.
    pub fn current() -> io::Result<Owner> {
        let pid = std::process::id().cast_signed();
        Owner::of(pid)?.ok_or_else(|| io::Error::other("/proc does not show this process"))
    }

    /// The process that has `pid` now; none when there is none.
    ///
    /// # Errors
    /// When /proc does not tell.
    pub fn of(pid: i32) -> io::Result<Option<Owner>> {
        let here = Here::look()?;
        match Seen::look(pid) {
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

    /// Whether it still runs. What cannot be found out counts as running elsewhere.
    #[must_use]
    pub fn presence(&self) -> Presence {
        let Ok(here) = Here::look() else { return Presence::Elsewhere };
        if self.boot != here.boot {
            // The same machine was booted again, or it is another one.
            return if self.machine == here.machine { Presence::Gone } else { Presence::Elsewhere };
        }
        if self.pids != here.pids {
            return Presence::Elsewhere;
        }
        match Seen::look(self.pid) {
            Seen::Running(started) if started == self.started => Presence::Alive,
            Seen::Running(_) | Seen::Gone => Presence::Gone,
            Seen::Unknown => Presence::Elsewhere,
        }
    }

    /// Something that becomes readable when it ends; none when it has ended already.
    ///
    /// # Errors
    /// When the system cannot watch processes (Linux can since 5.3).
    pub fn watch(&self) -> io::Result<Option<OwnedFd>> {
        let Some(pid) = (self.pid > 0).then(|| Pid::from_raw(self.pid)).flatten() else { return Ok(None) };
        match pidfd_open(pid, PidfdFlags::empty()) {
            // Asked after it was opened: from here on the number cannot be another's.
            Ok(watched) => Ok((self.presence() == Presence::Alive).then_some(watched)),
            Err(rustix::io::Errno::SRCH) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// Where this process runs.
struct Here {
    host: String,
    machine: String,
    boot: String,
    pids: String,
}

impl Here {
    fn look() -> io::Result<Here> {
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

/// What the system says of a process id in this process id namespace.
enum Seen {
    /// A process that was started then, in clock ticks since the boot.
    Running(u64),
    /// There is none, or it has ended and waits to be reaped.
    Gone,
    /// There is one, but /proc hides it from this user (`hidepid`), or cannot be read now.
    Unknown,
}

impl Seen {
    fn look(pid: i32) -> Seen {
        // No process has such an id, so the lease was not written by this harness: treat the owner as unknown.
        let Some(number) = (pid > 0).then(|| Pid::from_raw(pid)).flatten() else { return Seen::Unknown };
        match Process::new(pid).and_then(|process| process.stat()) {
            Ok(stat) if matches!(stat.state, 'Z' | 'X') => Seen::Gone,
            Ok(stat) => Seen::Running(stat.starttime),
            // A signal's way shows whether the process exists even where /proc does not.
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
