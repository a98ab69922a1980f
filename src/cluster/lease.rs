//! Who a cluster belongs to, so that it is never leaked and never taken from someone else.

use std::os::fd::OwnedFd;
use std::time::Duration;
use std::{fmt, io};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Owner, Presence};
use crate::host::exec;
use crate::suite::config::Keep;

/// Who has a cluster, and for how long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub taken: Timestamp,
    /// When a kept cluster expires.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
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
    /// The cluster can be removed.
    Expired(Expiry),
}

/// Why a cluster can be removed.
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
