//! Processes that own clusters: identified uniquely, and looked up later.

use std::io;

use serde::{Deserialize, Serialize};

use crate::host::system::{self, Seen, Watched};

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
        match system::find(pid) {
            Seen::Running(started) => Ok(Some(Owner {
                host: system::host_name(),
                machine: system::machine(),
                boot: system::boot()?,
                pids: system::pid_namespace()?,
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
        let (Ok(boot), Ok(pids)) = (system::boot(), system::pid_namespace()) else { return Presence::Elsewhere };
        if self.boot != boot {
            // Same machine after a reboot, or another machine.
            return if self.machine == system::machine() { Presence::Gone } else { Presence::Elsewhere };
        }
        if self.pids != pids {
            return Presence::Elsewhere;
        }
        match system::find(self.pid) {
            Seen::Running(started) if started == self.started => Presence::Alive,
            Seen::Running(_) | Seen::Gone => Presence::Gone,
            Seen::Unknown => Presence::Elsewhere,
        }
    }

    /// Watches the process; `None` when it has exited already.
    ///
    /// # Errors
    /// When it cannot be watched: this process is out of file descriptors, or `/proc` hides the other one.
    pub fn watch(&self) -> io::Result<Option<Watched>> {
        let watched = Watched::open(self.pid)?;
        // Asked after it is watched: from here on the id cannot be that of another process.
        Ok(watched.filter(|_| self.presence() == Presence::Alive))
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
