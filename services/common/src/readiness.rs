//! What a service says when asked whether it can work: one check per dependency, each with its reason.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

use serde::Serialize;

/// The checks of one service. Clones share their state.
#[derive(Clone, Default)]
pub struct Readiness(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// Name of a dependency → why it does not serve, or `None` when it does.
    checks: RwLock<BTreeMap<&'static str, Option<String>>>,
    draining: AtomicBool,
}

impl Readiness {
    /// Adds a dependency that the service needs; it counts as away until [`Check::up`] is called.
    pub fn check(&self, name: &'static str) -> Check {
        self.set(name, Some("not reached yet".to_owned()));
        Check { name, readiness: self.clone() }
    }

    /// From now on the service is not ready, whatever its dependencies do: it is shutting down.
    pub fn drain(&self) {
        self.0.draining.store(true, Ordering::SeqCst);
    }

    /// Whether the service is shutting down.
    pub fn is_draining(&self) -> bool {
        self.0.draining.load(Ordering::SeqCst)
    }

    /// The state of every check at this moment.
    pub fn report(&self) -> Report {
        let checks = self.0.checks.read().unwrap_or_else(PoisonError::into_inner).clone();
        let draining = self.is_draining();
        Report { ready: !draining && checks.values().all(Option::is_none), draining, checks }
    }

    fn set(&self, name: &'static str, state: Option<String>) -> bool {
        let mut checks = self.0.checks.write().unwrap_or_else(PoisonError::into_inner);
        if checks.get(name) == Some(&state) {
            return false;
        }
        checks.insert(name, state);
        true
    }
}

/// One dependency of a service, as [`Readiness`] knows it.
#[derive(Clone)]
pub struct Check {
    name: &'static str,
    readiness: Readiness,
}

impl Check {
    /// The dependency serves.
    pub fn up(&self) {
        if self.readiness.set(self.name, None) {
            tracing::info!(dependency = self.name, "dependency is up");
        }
    }

    /// The dependency does not serve, and why.
    pub fn down(&self, reason: impl fmt::Display) {
        let reason = format!("{reason:#}");
        if self.readiness.set(self.name, Some(reason.clone())) {
            tracing::warn!(dependency = self.name, reason, "dependency is away");
        }
    }

    /// Whether the dependency served when it was last asked.
    pub fn is_up(&self) -> bool {
        let checks = self.readiness.0.checks.read().unwrap_or_else(PoisonError::into_inner);
        checks.get(self.name).is_some_and(Option::is_none)
    }

    /// The dependency's name.
    pub fn name(&self) -> &'static str {
        self.name
    }
}

/// A snapshot of a service's readiness.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Every dependency serves and the service is not shutting down.
    pub ready: bool,
    /// The service is shutting down.
    pub draining: bool,
    /// Name of a dependency → why it does not serve, or `None` when it does.
    pub checks: BTreeMap<&'static str, Option<String>>,
}

impl Report {
    /// Whether this one dependency serves.
    pub fn is_up(&self, name: &str) -> bool {
        self.checks.get(name).is_some_and(Option::is_none)
    }

    /// Name of a dependency → `connected`, or why it is not.
    pub fn states(&self) -> BTreeMap<&'static str, &str> {
        self.checks.iter().map(|(name, state)| (*name, state.as_deref().unwrap_or("connected"))).collect()
    }
}

/// Plain text, one line per check: `[+]postgres ok`, `[-]redis failed: connection refused`.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, state) in &self.checks {
            match state {
                None => writeln!(f, "[+]{name} ok")?,
                Some(reason) => writeln!(f, "[-]{name} failed: {reason}")?,
            }
        }
        if self.draining {
            writeln!(f, "[-]shutdown in progress")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_when_every_check_is_up_and_until_draining() {
        let readiness = Readiness::default();
        let (a, b) = (readiness.check("a"), readiness.check("b"));
        a.up();
        assert!(!readiness.report().ready);
        b.down("connection refused");
        assert_eq!(readiness.report().to_string(), "[+]a ok\n[-]b failed: connection refused\n");
        b.up();
        assert!(readiness.report().ready);
        assert!(a.is_up() && b.is_up());
        readiness.drain();
        assert!(!readiness.report().ready);
        assert!(readiness.report().to_string().ends_with("[-]shutdown in progress\n"));
    }
}
