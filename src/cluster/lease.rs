//! Who a cluster belongs to, so that it is never leaked and never taken from someone else.

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use procfs::process::Process;
use rustix::process::{Pid, PidfdFlags, pidfd_open, test_kill_process};
use serde::{Deserialize, Serialize};

use crate::exec;

/// Whether an environment outlives the run that made it: `KIND_HARNESS_KEEP`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keep {
    /// It does not.
    #[default]
    Never,
    /// It stays for a look when it did not come up, or a test failed.
    OnFailure,
    /// It stays, and the next run uses it again.
    Always,
}

impl Keep {
    /// Whether a cluster may outlive its run.
    #[must_use]
    pub fn may_stay(self) -> bool {
        self != Keep::Never
    }
}

/// A process, told from every other: process ids are used again, and mean nothing on another host or after a reboot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
        // No process has such an id: somebody else has written it, and what it means cannot be told.
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

/// Who has a cluster, and for how long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lease {
    /// Names the run that took it.
    pub run: String,
    /// The session of the run's process, which the programs that it starts belong to.
    pub session: i32,
    /// The process whose exit removes the cluster, unless the cluster stays; none when no run works with it.
    pub owner: Option<Owner>,
    /// Whether the cluster stays when its owner has exited, for as long as `until` says.
    #[serde(default)]
    pub stays: bool,
    /// What the run was told about keeping it.
    pub keep: Keep,
    /// When it was taken.
    pub taken: Timestamp,
    /// When a cluster that nobody owns any more goes too.
    pub until: Option<Timestamp>,
}

/// What a lease says about its cluster now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// Its owner runs.
    InUse,
    /// It stays, until then if a time to live was given.
    Kept(Option<Timestamp>),
    /// Its owner cannot be seen from here.
    Elsewhere,
    /// Nobody needs it any more.
    Expired(Expiry),
}

/// Why nobody needs a cluster any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// The process that it was made for has ended.
    OwnerGone,
    /// It was kept for as long as it was to be kept.
    TimeOver,
    /// There are files of it, and no cluster.
    OnlyRemains,
}

impl fmt::Display for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Expiry::OwnerGone => "its owner is gone",
            Expiry::TimeOver => "its time to live is over",
            Expiry::OnlyRemains => "only remains of it were found",
        })
    }
}

impl Lease {
    /// The lease of this process's run. `ttl` counts from now.
    #[must_use]
    pub fn take(owner: Owner, keep: Keep, ttl: Option<Duration>) -> Lease {
        let taken = Timestamp::now();
        let until = ttl.and_then(|ttl| taken.checked_add(SignedDuration::try_from(ttl).ok()?).ok());
        Lease {
            run: exec::run_id().into(),
            session: exec::session(),
            owner: Some(owner),
            stays: false,
            keep,
            taken,
            until,
        }
    }

    /// The same cluster, kept: its owner may end.
    #[must_use]
    pub fn released(self) -> Lease {
        Lease { owner: None, stays: true, ..self }
    }

    /// The same cluster, kept once its owner has ended.
    #[must_use]
    pub fn staying(self) -> Lease {
        Lease { stays: true, ..self }
    }

    /// Something that becomes readable when its owner ends; none when there is no owner any more.
    ///
    /// # Errors
    /// When the system cannot watch processes.
    pub fn watch(&self) -> io::Result<Option<OwnedFd>> {
        self.owner.as_ref().map_or(Ok(None), Owner::watch)
    }

    /// Ends the programs that the run started and that outlived it, kind above all: politely, then by force.
    pub fn end_programs(&self) {
        exec::end_programs(&self.run, self.session);
    }

    /// What it says at `now`.
    #[must_use]
    pub fn claim(&self, now: Timestamp) -> Claim {
        match self.owner.as_ref().map(Owner::presence) {
            Some(Presence::Alive) => Claim::InUse,
            Some(Presence::Elsewhere) => Claim::Elsewhere,
            Some(Presence::Gone) if !self.stays => Claim::Expired(Expiry::OwnerGone),
            Some(Presence::Gone) | None => match self.until {
                // A clock that was set back to before the lease cannot tell how old it is.
                Some(until) if now >= until && now >= self.taken => Claim::Expired(Expiry::TimeOver),
                until => Claim::Kept(until),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(owner: Option<Owner>) -> Lease {
        Lease {
            run: "r".into(),
            session: 1,
            owner,
            stays: false,
            keep: Keep::Never,
            taken: "2026-01-01T10:00:00Z".parse().unwrap(),
            until: None,
        }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

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

    #[test]
    fn a_cluster_goes_when_nobody_needs_it() {
        let me = Owner::current().unwrap();
        let late = at("2026-01-02T00:00:00Z");
        assert_eq!(lease(Some(me.clone())).claim(late), Claim::InUse);
        assert_eq!(lease(Some(Owner { started: 1, ..me.clone() })).claim(late), Claim::Expired(Expiry::OwnerGone));
        assert_eq!(lease(Some(Owner { pids: "pid:[1]".into(), ..me.clone() })).claim(late), Claim::Elsewhere);
        let gone = Some(Owner { started: 1, ..me.clone() });
        assert_eq!(lease(gone).staying().claim(late), Claim::Kept(None));
        assert_eq!(lease(Some(me.clone())).staying().claim(late), Claim::InUse);
        assert_eq!(lease(Some(me)).released().claim(late), Claim::Kept(None));
    }

    #[test]
    fn a_time_to_live_counts_for_what_is_kept_and_not_when_the_clock_was_set_back() {
        let until = Some(at("2026-01-01T12:00:00Z"));
        let kept = Lease { until, ..lease(None) };
        assert_eq!(kept.claim(at("2026-01-01T11:59:59Z")), Claim::Kept(until));
        assert_eq!(kept.claim(at("2026-01-01T12:00:00Z")), Claim::Expired(Expiry::TimeOver));
        let backwards = Lease { until: Some(at("2026-01-01T09:00:00Z")), ..lease(None) };
        assert!(matches!(backwards.claim(at("2026-01-01T09:30:00Z")), Claim::Kept(_)));
        let owned = Lease { until, ..lease(Some(Owner::current().unwrap())) };
        assert_eq!(owned.claim(at("2026-01-02T00:00:00Z")), Claim::InUse);
    }
}
