//! What the controller counts. Label sets that are known ahead are there from the start, at 0.

use std::time::Duration;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::Registry,
};

use crate::{
    api::{AIAnalysisStatus, Phase, RecoveryStatus},
    policy::Decision,
};

/// What became of audit events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditOutcome {
    /// DataStorage has them.
    Sent,
    /// DataStorage has refused them.
    Rejected,
    /// There was no room, or no time, for them.
    Dropped,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reconciliation {
    phase: &'static str,
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct InPhase {
    phase: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Evaluation {
    outcome: &'static str,
    degraded: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Approval {
    decision: &'static str,
    environment: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Signal {
    signal_type: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Failure {
    reason: String,
    sub_reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Recovered {
    failure_understood: &'static str,
    state_changed: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Audited {
    outcome: &'static str,
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
    }

    fn start_at_zero(&self) {
        for phase in Phase::ALL {
            for result in ["success", "error"] {
                let _zero = self.reconciliations.get_or_create(&Reconciliation { phase: phase.as_str(), result });
            }
        }
        for (outcome, degraded) in [("auto_approved", "false"), ("approval_required", "false"), ("error", "true")] {
            let _zero = self.evaluations.get_or_create(&Evaluation { outcome, degraded });
        }
        for decision in ["auto_approved", "requires_approval"] {
            for environment in ["production", "staging", "development"] {
                let labels = Approval { decision, environment: environment.to_owned() };
                let _zero = self.approvals.get_or_create(&labels);
            }
        }
        for failure_understood in ["true", "false"] {
            for state_changed in ["true", "false"] {
                let _zero = self.recovered.get_or_create(&Recovered { failure_understood, state_changed });
            }
        }
        for outcome in [AuditOutcome::Sent, AuditOutcome::Rejected, AuditOutcome::Dropped] {
            self.audit(outcome, 0);
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
        let word = if decision.required { "requires_approval" } else { "auto_approved" };
        self.approvals.get_or_create(&Approval { decision: word, environment: environment.to_owned() }).inc();
    }

    /// An analysis of this type of signal has ended with this status.
    pub fn ended(&self, status: &AIAnalysisStatus, signal_type: &str) {
        if let Some(workflow) = &status.selected_workflow {
            let labels = Signal { signal_type: signal_type.to_owned() };
            self.confidence.get_or_create(&labels).observe(workflow.confidence);
        }
        if status.phase == Some(Phase::Failed) {
            let reason = status.reason.map(|reason| format!("{reason:?}")).unwrap_or_default();
            let sub_reason = status.sub_reason.map(|reason| format!("{reason:?}")).unwrap_or_default();
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
        let outcome = match outcome {
            AuditOutcome::Sent => "sent",
            AuditOutcome::Rejected => "rejected",
            AuditOutcome::Dropped => "dropped",
        };
        self.audited.get_or_create(&Audited { outcome }).inc_by(events as u64);
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
        ] {
            assert!(text.contains(line), "{line} is missing in\n{text}");
        }
    }
}
