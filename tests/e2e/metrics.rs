//! What the controller counts, read as Prometheus would.
//!
//! Other specs run at the same time and are counted too: a count that must be exact has a label that no other spec
//! uses, the others must rise.

use std::collections::BTreeSet;

use aianalysis::api::Phase;
use anyhow::{Context, Result};
use rstest::rstest;

use crate::support::{Spec, analysis, spec};

const RECONCILIATIONS: &str = "aianalysis_reconciler_reconciliations_total";
const FAILURES: &str = "aianalysis_failures_total";
const EVALUATIONS: &str = "aianalysis_rego_evaluations_total";
const APPROVALS: &str = "aianalysis_approval_decisions_total";
const POPULATED: &str = "aianalysis_recovery_status_populated_total";
const SKIPPED: &str = "aianalysis_recovery_status_skipped_total";

#[rstest]
#[kind_harness::test]
async fn the_exposition_is_openmetrics(#[future(awt)] spec: Spec) -> Result<()> {
    let answer = spec.controller.exposition().await?;
    assert_eq!(answer.status, 200);
    assert!(answer.content_type.starts_with("application/openmetrics-text"), "{}", answer.content_type);
    // Reading it judges it: types, helps, units, labels, numbers, nothing twice, and the end.
    let families = spec.controller.metrics().await?.families;
    assert!(families.keys().any(|name| name.starts_with("aianalysis_")), "{families:?}");
    Ok(())
}

#[rstest]
#[kind_harness::test]
async fn reconciliations_and_failures_are_counted(#[future(awt)] spec: Spec) -> Result<()> {
    let before = spec.controller.metrics().await?;
    for phase in Phase::ALL {
        for result in ["success", "error"] {
            let labels = [("phase", phase.as_str()), ("result", result)];
            assert!(before.value(RECONCILIATIONS, &labels).is_some(), "{labels:?} is not there from the start");
        }
    }
    let failure = [("reason", "WorkflowResolutionFailed"), ("sub_reason", "NoMatchingWorkflows")];
    let failures = before.value(FAILURES, &failure).context("it is there from the start")?;
    spec.create(analysis("MOCK_NO_WORKFLOW_FOUND")).await?.failed().await?;
    spec.controller.counts(FAILURES, &failure, |now| now >= failures + 1.0).await?;
    for phase in ["Pending", "Investigating"] {
        let labels = [("phase", phase), ("result", "success")];
        let count = before.value(RECONCILIATIONS, &labels).context("it is there from the start")?;
        spec.controller.counts(RECONCILIATIONS, &labels, |now| now >= count + 1.0).await?;
    }
    Ok(())
}

#[rstest]
#[kind_harness::test]
async fn policy_evaluations_are_counted_by_outcome(#[future(awt)] spec: Spec) -> Result<()> {
    let before = spec.controller.metrics().await?;
    let failed = [("outcome", "error"), ("degraded", "true")];
    assert!(before.value(EVALUATIONS, &failed).is_some(), "{failed:?} is not there from the start");
    for (environment, outcome) in [("staging", "auto_approved"), ("production", "approval_required")] {
        let labels = [("outcome", outcome), ("degraded", "false")];
        let count = before.value(EVALUATIONS, &labels).with_context(|| format!("{labels:?} from the start"))?;
        spec.complete(analysis("OOMKilled").named(environment).in_environment(environment)).await?;
        spec.controller.counts(EVALUATIONS, &labels, |now| now >= count + 1.0).await?;
    }
    Ok(())
}

#[rstest]
#[kind_harness::test]
async fn confidence_is_distributed_by_type_of_signal(#[future(awt)] spec: Spec) -> Result<()> {
    // No other spec has this signal.
    let name = |suffix: &str| format!("aianalysis_confidence_score_distribution_{suffix}");
    let signal = ("signal_type", "ImagePullBackOff");
    let before = spec.controller.metrics().await?;
    let at = |suffix: &str, labels: &[(&str, &str)]| before.value(&name(suffix), labels).unwrap_or(0.0);
    let (count, sum) = (at("count", &[signal]), at("sum", &[signal]));
    let (below, above) = (at("bucket", &[signal, ("le", "0.8")]), at("bucket", &[signal, ("le", "0.9")]));

    spec.complete(analysis("ImagePullBackOff")).await?;
    spec.controller.counts(&name("count"), &[signal], |now| now == count + 1.0).await?;
    let after = spec.controller.metrics().await?;
    let rise = after.value(&name("sum"), &[signal]).context("its sum")? - sum;
    assert!((rise - 0.85).abs() < 1e-9, "the sum has risen by {rise}");
    assert_eq!(after.value(&name("bucket"), &[signal, ("le", "0.8")]), Some(below));
    assert_eq!(after.value(&name("bucket"), &[signal, ("le", "0.9")]), Some(above + 1.0));
    Ok(())
}

#[rstest]
#[kind_harness::test]
async fn approvals_are_counted_by_decision_and_environment(#[future(awt)] spec: Spec) -> Result<()> {
    let before = spec.controller.metrics().await?;
    for (environment, decision) in [("staging", "auto_approved"), ("production", "requires_approval")] {
        let labels = [("decision", decision), ("environment", environment)];
        let count = before.value(APPROVALS, &labels).with_context(|| format!("{labels:?} from the start"))?;
        spec.complete(analysis("OOMKilled").named(environment).in_environment(environment)).await?;
        spec.controller.counts(APPROVALS, &labels, |now| now >= count + 1.0).await?;
    }
    Ok(())
}

#[rstest]
#[kind_harness::test]
async fn recoveries_are_counted_as_populated_and_the_others_as_skipped(#[future(awt)] spec: Spec) -> Result<()> {
    let before = spec.controller.metrics().await?;
    let understood = [("failure_understood", "true"), ("state_changed", "false")];
    let populated = before.value(POPULATED, &understood).context("it is there from the start")?;
    let skipped = before.value(SKIPPED, &[]).context("it is there from the start")?;
    let recovery = analysis("OOMKilled").named("recovery").recovery(1).after("mock-oomkilled-v1", "no memory left");
    spec.complete(recovery).await?;
    spec.controller.counts(POPULATED, &understood, |now| now >= populated + 1.0).await?;
    spec.complete(analysis("OOMKilled").named("incident")).await?;
    spec.controller.counts(SKIPPED, &[], |now| now >= skipped + 1.0).await?;
    Ok(())
}

#[rstest]
#[kind_harness::test]
async fn process_and_runtime_are_measured(#[future(awt)] spec: Spec) -> Result<()> {
    let metrics = spec.controller.metrics().await?;
    let at = |name: &str| metrics.value(name, &[]).with_context(|| format!("no {name}"));
    for (name, least) in
        [("process_open_fds", 3.0), ("process_threads", 1.0), ("runtime_workers", 1.0), ("runtime_tasks", 1.0)]
    {
        assert!(at(name)? >= least, "{name} is {}", at(name)?);
    }
    let resident = at("process_resident_memory_bytes")?;
    assert!((1e6..256e6).contains(&resident), "{resident} bytes are resident");
    let used = at("process_cpu_seconds_total")?;
    assert!(used > 0.0, "it has run, so it has used some processor");
    assert!(spec.controller.metrics().await?.value("process_cpu_seconds_total", &[]) >= Some(used));
    Ok(())
}

#[rstest]
#[kind_harness::test]
async fn the_controllers_own_metrics_are_consistent(#[future(awt)] spec: Spec) -> Result<()> {
    let (analysis, _) = spec.complete(analysis("OOMKilled")).await?;
    let trail = analysis.trail().await?;
    let metrics = spec.controller.metrics().await?;
    for phase in ["Pending", "Investigating", "Analyzing"] {
        let of_phase = [("phase", phase)];
        let count = metrics.value("aianalysis_reconciler_duration_seconds_count", &of_phase).context("a count")?;
        let total: f64 = ["success", "error"]
            .map(|result| metrics.value(RECONCILIATIONS, &[("phase", phase), ("result", result)]).unwrap_or(0.0))
            .iter()
            .sum();
        assert!(count >= 1.0, "{phase} has been gone through");
        assert!((count - total).abs() < f64::EPSILON, "{phase}: {count} durations, {total} reconciliations");
        let buckets = metrics.samples("aianalysis_reconciler_duration_seconds_bucket");
        let mut buckets: Vec<(f64, f64)> = buckets
            .filter(|(labels, _)| labels.get("phase").is_some_and(|it| it == phase))
            .filter_map(|(labels, value)| Some((labels.get("le")?.parse().ok()?, value)))
            .collect();
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert!(buckets.is_sorted_by(|a, b| a.1 <= b.1), "buckets are cumulative: {buckets:?}");
        assert_eq!(buckets.last(), Some(&(f64::INFINITY, count)), "{buckets:?}");
    }
    let outcomes: BTreeSet<_> = metrics
        .samples("aianalysis_audit_events_total")
        .filter_map(|(labels, _)| labels.get("outcome").cloned())
        .collect();
    assert!(outcomes.contains("sent"), "{outcomes:?}");
    let sent = metrics.value("aianalysis_audit_events_total", &[("outcome", "sent")]).context("events sent")?;
    assert!(sent >= trail.0.len() as f64, "{sent} events sent, {} of them in this trail", trail.0.len());
    Ok(())
}

#[rstest]
#[kind_harness::test]
async fn a_counter_rises_by_the_number_of_analyses_made(#[future(awt)] spec: Spec) -> Result<()> {
    // No other spec works in this environment.
    let labels = [("decision", "auto_approved"), ("environment", "development")];
    let before = spec.controller.metrics().await?.value(APPROVALS, &labels).context("it is there from the start")?;
    for number in 1..=3 {
        spec.complete(analysis("OOMKilled").named(format!("n{number}")).in_environment("development")).await?;
        let expected = before + f64::from(number);
        spec.controller.counts(APPROVALS, &labels, |now| now == expected).await?;
    }
    Ok(())
}
