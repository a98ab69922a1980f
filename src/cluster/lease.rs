//! The lease of a cluster: its owner and lifetime, so that it is neither leaked nor taken from another run.

use std::time::Duration;
use std::{fmt, io};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Owner, Presence};
use crate::host::exec;
use crate::host::system::{self, Watched};
use crate::suite::config::Keep;

/// The owner of a cluster, and how long it may live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Lease {
    /// Id of the run that took the lease.
    pub run: String,
    /// Session id of the run's process; the programs that it starts belong to it.
    pub session: i32,
    /// The process whose exit removes the cluster, unless it is kept; null when no run uses it.
    pub owner: Option<Owner>,
    /// Whether the cluster is kept after its owner has exited, for as long as `until` allows.
    #[serde(default)]
    pub stays: bool,
    /// The run's setting for keeping the cluster.
    pub keep: Keep,
    /// When the lease was taken.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub taken: Timestamp,
    /// When a kept cluster expires.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub until: Option<Timestamp>,
}

/// The state of a lease at a point in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// The owner is running.
    InUse,
    /// The cluster is kept, until the given time if it has a time to live.
    Kept(Option<Timestamp>),
    /// The owner cannot be observed from this host or container.
    Elsewhere,
    /// The cluster can be removed.
    Expired(Expiry),
}

/// The reason why a cluster can be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// The owner has exited.
    OwnerGone,
    /// Its time to live is over.
    TimeOver,
    /// Only files of it are left, and no cluster.
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
    /// Returns a lease for this process's run. `ttl` counts from now.
    #[must_use]
    pub fn take(owner: Owner, keep: Keep, ttl: Option<Duration>) -> Lease {
        let taken = Timestamp::now();
        let until = ttl.and_then(|ttl| taken.checked_add(SignedDuration::try_from(ttl).ok()?).ok());
        Lease {
            run: exec::run_id().into(),
            session: system::session(),
            owner: Some(owner),
            stays: false,
            keep,
            taken,
            until,
        }
    }

    /// Returns the lease without an owner: the cluster is kept.
    #[must_use]
    pub fn released(self) -> Lease {
        Lease { owner: None, ..self }
    }

    /// Returns the lease with the cluster kept after its owner has exited.
    #[must_use]
    pub fn staying(self) -> Lease {
        Lease { stays: true, ..self }
    }

    /// Watches the owner; `None` when there is no owner any more.
    ///
    /// # Errors
    /// When it cannot be watched.
    pub fn watch(&self) -> io::Result<Option<Watched>> {
        self.owner.as_ref().map_or(Ok(None), Owner::watch)
    }

    /// Ends programs that the run started and that outlived it, above all kind: SIGTERM, then SIGKILL.
    pub fn end_programs(&self) {
        exec::end_programs(&self.run, self.session);
    }

    /// Returns the state of the lease at `now`.
    #[must_use]
    pub fn claim(&self, now: Timestamp) -> Claim {
        match self.owner.as_ref().map(Owner::presence) {
            Some(Presence::Alive) => Claim::InUse,
            Some(Presence::Elsewhere) => Claim::Elsewhere,
            Some(Presence::Gone) if !self.stays => Claim::Expired(Expiry::OwnerGone),
            Some(Presence::Gone) | None => match self.until {
                // If the clock was set back to before the lease was taken, its age is unknown.
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
