//! Who a cluster belongs to, so that it is never leaked and never taken from someone else.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use procfs::process::Process;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
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

/// A process, told from every other: process ids are used again, and mean nothing on another host or after a reboot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Owner {
    /// Name of its host.
    pub host: String,
    /// The host's boot, which no other boot shares.
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
    /// It belongs to another host or container, and cannot be seen from here.
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
        let Some(started) = started(pid) else { return Ok(None) };
        let here = Here::look()?;
        Ok(Some(Owner { host: here.host, boot: here.boot, pids: here.pids, pid, started }))
    }

    /// Whether it still runs. What cannot be found out counts as running elsewhere.
    #[must_use]
    pub fn presence(&self) -> Presence {
        let Ok(here) = Here::look() else { return Presence::Elsewhere };
        if self.host != here.host {
            return Presence::Elsewhere;
        }
        if self.boot != here.boot {
            return Presence::Gone;
        }
        match started(self.pid) {
            _ if self.pids != here.pids => Presence::Elsewhere,
            Some(started) if started == self.started => Presence::Alive,
            _ => Presence::Gone,
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
    boot: String,
    pids: String,
}

impl Here {
    fn look() -> io::Result<Here> {
        Ok(Here {
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            boot: fs_err::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned(),
            pids: fs_err::read_link("/proc/self/ns/pid")?.display().to_string(),
        })
    }
}

/// When process `pid` was started; none when it is not there, or has ended and waits to be reaped.
fn started(pid: i32) -> Option<u64> {
    let stat = Process::new(pid).ok()?.stat().ok()?;
    (!matches!(stat.state, 'Z' | 'X')).then_some(stat.starttime)
}

/// Who has a cluster, and for how long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lease {
    /// Names the run that took it.
    pub run: String,
    /// The session of the run's process, which the programs that it starts belong to.
    pub session: i32,
    /// Whose end is the cluster's end; none when it stays until somebody takes it down.
    pub owner: Option<Owner>,
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
    /// Nobody needs it any more; why.
    Over(&'static str),
}

impl Lease {
    /// The lease of this process's run. `ttl` counts from now.
    #[must_use]
    pub fn take(owner: Owner, keep: Keep, ttl: Option<Duration>) -> Lease {
        let taken = Timestamp::now();
        let until = ttl.and_then(|ttl| taken.checked_add(SignedDuration::try_from(ttl).ok()?).ok());
        Lease { run: exec::run_id().into(), session: exec::session(), owner: Some(owner), keep, taken, until }
    }

    /// The same cluster, kept: its owner may end.
    #[must_use]
    pub fn released(self) -> Lease {
        Lease { owner: None, ..self }
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
            Some(Presence::Gone) => Claim::Over("its owner is gone"),
            None => match self.until {
                // A clock that was set back to before the lease cannot tell how old it is.
                Some(until) if now >= until && now >= self.taken => Claim::Over("its time to live is over"),
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
            ("another host", Owner { host: "h".into(), ..me.clone() }, Presence::Elsewhere),
            (
                "another host, another boot",
                Owner { host: "h".into(), boot: "b".into(), ..me.clone() },
                Presence::Elsewhere,
            ),
            ("another container", Owner { pids: "pid:[1]".into(), ..me.clone() }, Presence::Elsewhere),
            ("nonsense", Owner { pid: -4, ..me.clone() }, Presence::Gone),
        ] {
            assert_eq!(other.presence(), presence, "{why}");
            assert!(other.watch().unwrap().is_none(), "{why}");
        }
    }

    #[test]
    fn a_cluster_goes_when_nobody_needs_it() {
        let me = Owner::current().unwrap();
        let late = at("2026-01-02T00:00:00Z");
        assert_eq!(lease(Some(me.clone())).claim(late), Claim::InUse);
        assert_eq!(lease(Some(Owner { started: 1, ..me.clone() })).claim(late), Claim::Over("its owner is gone"));
        assert_eq!(lease(Some(Owner { host: "h".into(), ..me.clone() })).claim(late), Claim::Elsewhere);
        assert_eq!(lease(Some(me)).released().claim(late), Claim::Kept(None));
    }

    #[test]
    fn a_time_to_live_counts_for_what_is_kept_and_not_when_the_clock_was_set_back() {
        let until = Some(at("2026-01-01T12:00:00Z"));
        let kept = Lease { until, ..lease(None) };
        assert_eq!(kept.claim(at("2026-01-01T11:59:59Z")), Claim::Kept(until));
        assert_eq!(kept.claim(at("2026-01-01T12:00:00Z")), Claim::Over("its time to live is over"));
        let backwards = Lease { until: Some(at("2026-01-01T09:00:00Z")), ..lease(None) };
        assert!(matches!(backwards.claim(at("2026-01-01T09:30:00Z")), Claim::Kept(_)));
        let owned = Lease { until, ..lease(Some(Owner::current().unwrap())) };
        assert_eq!(owned.claim(at("2026-01-02T00:00:00Z")), Claim::InUse);
    }
}
