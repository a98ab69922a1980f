//! What the controller counts. Label sets that are known ahead are there from the start, at 0.

mod labels;

use std::time::Duration;

use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use self::labels::{
    Approval, Audited, Chosen, ENVIRONMENTS, Evaluation, Failure, InPhase, Loaded, Reconciliation, Recovered, SIGNALS,
    Signal,
};
use crate::{
    api::{AIAnalysisStatus, FAILURES, Phase, RecoveryStatus},
    policy::Decision,
};

/// What became of audit events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditOutcome {
    /// DataStorage has them.
    Sent,
    /// DataStorage has refused them.
    Rejected,
    /// They waited at shutdown. The objects that they tell of keep them, and they are sent at the next start.
    Deferred,
    /// They are lost: there was no room or no time for them, and their object is gone.
    Dropped,
}

impl AuditOutcome {
    const ALL: [Self; 4] = [Self::Sent, Self::Rejected, Self::Deferred, Self::Dropped];

    fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Rejected => "rejected",
            Self::Deferred => "deferred",
            Self::Dropped => "dropped",
        }
    }
}

/// The controller's own metrics; clones share their values.
#[derive(Clone)]
pub struct Metrics {
    reconciliations: Family<Reconciliation, Counter>,
    seconds: Family<InPhase, Histogram, fn() -> Histogram>,
    evaluations: Family<Evaluation, Counter>,
    approvals: Family<Approval, Counter>,
    confidence: Family<Signal, Histogram, fn() -> Histogram>,
    failures: Family<Failure, Counter>,
    recovered: Family<Recovered, Counter>,
    recovery_skipped: Counter,
    audited: Family<Audited, Counter>,
    audit_waiting: Gauge,
    policy_loads: Family<Loaded, Counter>,
    policy_degraded: Gauge,
    environments: Chosen,
    signals: Chosen,
}

fn seconds() -> Histogram {
    Histogram::new([0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0])
}

fn confidence() -> Histogram {
    Histogram::new([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
}

fn word(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

impl Metrics {
    /// The metrics, and the registry that shows them.
    pub fn new() -> (Self, Registry) {
        let metrics = Self {
            reconciliations: Family::default(),
            seconds: Family::new_with_constructor(seconds),
            evaluations: Family::default(),
            approvals: Family::default(),
            confidence: Family::new_with_constructor(confidence),
            failures: Family::default(),
            recovered: Family::default(),
            recovery_skipped: Counter::default(),
            audited: Family::default(),
            audit_waiting: Gauge::default(),
            policy_loads: Family::default(),
            policy_degraded: Gauge::default(),
            environments: Chosen::default(),
            signals: Chosen::default(),
        };
        metrics.start_at_zero();
        let (mut registry, own) = service_common::metrics::registry("aianalysis");
        metrics.register(own(&mut registry));
        (metrics, registry)
    }

    fn register(&self, own: &mut Registry) {
        let reconciliations = self.reconciliations.clone();
        own.register("reconciler_reconciliations", "Steps of analyses, by phase and result", reconciliations);
        own.register("reconciler_duration_seconds", "Time that steps took, by phase", self.seconds.clone());
        own.register("rego_evaluations", "Answers of the policy", self.evaluations.clone());
        own.register("approval_decisions", "Decisions, by environment", self.approvals.clone());
        let confidence = self.confidence.clone();
        own.register("confidence_score_distribution", "Confidence of selected workflows", confidence);
        own.register("failures", "Analyses that failed, by reason", self.failures.clone());
        own.register("recovery_status_populated", "Recoveries with a status", self.recovered.clone());
        own.register("recovery_status_skipped", "Analyses that are no recovery", self.recovery_skipped.clone());
        own.register("audit_events", "Audit events, by what became of them", self.audited.clone());
        own.register("audit_events_waiting", "Audit events that wait for DataStorage", self.audit_waiting.clone());
        own.register("policy_loads", "Policies that were put in force, or refused", self.policy_loads.clone());
        let degraded = self.policy_degraded.clone();
        own.register("policy_degraded", "1 while the newest policy is not the one that decides", degraded);
    }

    fn start_at_zero(&self) {
        for phase in Phase::ALL {
            let phase = phase.as_str();
            for result in ["success", "error"] {
                let _zero = self.reconciliations.get_or_create(&Reconciliation { phase, result });
            }
            let _zero = self.seconds.get_or_create(&InPhase { phase });
        }
        for outcome in ["auto_approved", "approval_required"] {
            for degraded in ["false", "true"] {
                let _zero = self.evaluations.get_or_create(&Evaluation { outcome, degraded });
            }
        }
        let _zero = self.evaluations.get_or_create(&Evaluation { outcome: "error", degraded: "true" });
        for environment in ENVIRONMENTS.map(|environment| self.environments.label(environment)) {
            for decision in ["auto_approved", "requires_approval"] {
                let labels = Approval { decision, environment: environment.clone() };
                let _zero = self.approvals.get_or_create(&labels);
            }
        }
        for signal_type in SIGNALS.map(|signal| self.signals.label(signal)) {
            let _zero = self.confidence.get_or_create(&Signal { signal_type });
        }
        for (reason, sub_reason) in FAILURES {
            let labels = Failure { reason: reason.as_str(), sub_reason: sub_reason.as_str() };
            let _zero = self.failures.get_or_create(&labels);
        }
        for failure_understood in ["true", "false"] {
            for state_changed in ["true", "false"] {
                let _zero = self.recovered.get_or_create(&Recovered { failure_understood, state_changed });
            }
        }
        for outcome in AuditOutcome::ALL {
            self.audit(outcome, 0);
        }
        for outcome in ["loaded", "refused"] {
            let _zero = self.policy_loads.get_or_create(&Loaded { outcome });
        }
    }

    /// A step in `phase` has ended.
    pub fn step(&self, phase: Phase, ok: bool, took: Duration) {
        let phase = phase.as_str();
        let result = if ok { "success" } else { "error" };
        self.reconciliations.get_or_create(&Reconciliation { phase, result }).inc();
        self.seconds.get_or_create(&InPhase { phase }).observe(took.as_secs_f64());
    }

    /// The policy has decided.
    pub fn decision(&self, decision: &Decision, environment: &str) {
        let degraded = word(decision.degraded);
        self.evaluations.get_or_create(&Evaluation { outcome: decision.outcome(), degraded }).inc();
        let environment = self.environments.label(environment);
        self.approvals.get_or_create(&Approval { decision: decision.word(), environment }).inc();
    }

    /// An analysis of this type of signal has ended with this status.
    pub fn ended(&self, status: &AIAnalysisStatus, signal_type: &str) {
        if let Some(workflow) = &status.selected_workflow {
            let labels = Signal { signal_type: self.signals.label(signal_type) };
            self.confidence.get_or_create(&labels).observe(workflow.confidence);
        }
        if status.phase == Some(Phase::Failed) {
            let reason = status.reason.map_or("", |reason| reason.as_str());
            let sub_reason = status.sub_reason.map_or("", |reason| reason.as_str());
            self.failures.get_or_create(&Failure { reason, sub_reason }).inc();
        }
        match &status.recovery_status {
            Some(RecoveryStatus { failure_understood, state_changed, .. }) => {
                let labels =
                    Recovered { failure_understood: word(*failure_understood), state_changed: word(*state_changed) };
                self.recovered.get_or_create(&labels).inc();
            }
            None => {
                self.recovery_skipped.inc();
            }
        }
    }

    /// This became of so many audit events.
    pub fn audit(&self, outcome: AuditOutcome, events: usize) {
        self.audited.get_or_create(&Audited { outcome: outcome.as_str() }).inc_by(events as u64);
    }

    /// So many audit events wait.
    pub fn audit_waiting(&self, events: usize) {
        self.audit_waiting.set(i64::try_from(events).unwrap_or(i64::MAX));
    }

    /// The newest policy is in force, or it is not.
    pub fn policy_loaded(&self, in_force: bool) {
        self.policy_loads.get_or_create(&Loaded { outcome: if in_force { "loaded" } else { "refused" } }).inc();
        self.policy_degraded.set(i64::from(!in_force));
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;

    use super::*;

    #[test]
    fn known_labels_are_there_at_zero() {
        let (_, registry) = Metrics::new();
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        for line in [
            "aianalysis_reconciler_reconciliations_total{phase=\"Pending\",result=\"success\"} 0",
            "aianalysis_rego_evaluations_total{outcome=\"error\",degraded=\"true\"} 0",
            "aianalysis_approval_decisions_total{decision=\"requires_approval\",environment=\"production\"} 0",
            "aianalysis_recovery_status_populated_total{failure_understood=\"true\",state_changed=\"false\"} 0",
            "aianalysis_recovery_status_skipped_total 0",
            "aianalysis_audit_events_total{outcome=\"sent\"} 0",
            "aianalysis_audit_events_total{outcome=\"dropped\"} 0",
            "aianalysis_failures_total{reason=\"APIError\",sub_reason=\"MaxRetriesExceeded\"} 0",
            "aianalysis_confidence_score_distribution_count{signal_type=\"OOMKilled\"} 0",
            "aianalysis_reconciler_duration_seconds_count{phase=\"Investigating\"} 0",
            "aianalysis_policy_degraded 0",
        ] {
            assert!(text.contains(line), "{line} is missing in\n{text}");
        }
    }
}
