//! Labels, and the bounds of those that users choose.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use prometheus_client::encoding::EncodeLabelSet;

/// Environments that have their series from the start.
pub(super) const ENVIRONMENTS: [&str; 3] = ["production", "staging", "development"];

/// Types of signal that have their series from the start.
pub(super) const SIGNALS: [&str; 6] =
    ["OOMKilled", "CrashLoopBackOff", "NodeNotReady", "ImagePullBackOff", "Evicted", "FailedScheduling"];

/// Values of one label that users choose. A series is for ever, so there are not more than so many; the rest is `other`.
#[derive(Clone, Default)]
pub(super) struct Chosen(Arc<Mutex<HashSet<String>>>);

impl Chosen {
    const MOST: usize = 100;

    pub(super) fn label(&self, value: &str) -> String {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.contains(value) || (seen.len() < Self::MOST && seen.insert(value.to_owned())) {
            return value.to_owned();
        }
        "other".to_owned()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Reconciliation {
    pub(super) phase: &'static str,
    pub(super) result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct InPhase {
    pub(super) phase: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Evaluation {
    pub(super) outcome: &'static str,
    pub(super) degraded: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Approval {
    pub(super) decision: &'static str,
    pub(super) environment: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Signal {
    pub(super) signal_type: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Failure {
    pub(super) reason: &'static str,
    pub(super) sub_reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Recovered {
    pub(super) failure_understood: &'static str,
    pub(super) state_changed: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Audited {
    pub(super) outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Loaded {
    pub(super) outcome: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_users_choose_are_bounded() {
        let chosen = Chosen::default();
        let labels: HashSet<_> = (0..500).map(|number| chosen.label(&format!("signal-{number}"))).collect();
        assert_eq!(labels.len(), Chosen::MOST + 1);
        assert_eq!((chosen.label("signal-7").as_str(), chosen.label("signal-400").as_str()), ("signal-7", "other"));
    }
}
