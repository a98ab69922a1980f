//! What an analysis leaves in the audit trail.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use rstest::rstest;

use crate::support::{CYCLE, Spec, analysis, spec};

/// An RFC 3339 timestamp, and nothing that merely looks like one.
fn rfc3339(text: &str) -> Result<jiff::Timestamp> {
    let has_form = text.get(10..11) == Some("T") && !text.contains([' ', '[']);
    ensure!(has_form, "{text} is not RFC 3339");
    text.parse().with_context(|| format!("{text} is not RFC 3339"))
}

#[rstest]
#[kind_harness::test]
async fn one_cycle_leaves_every_type_of_event_correlated_and_timed(#[future(awt)] spec: Spec) -> Result<()> {
    let (analysis, status) = spec.complete(analysis("OOMKilled")).await?;
    let trail = analysis.trail().await?;
    let mut expected = CYCLE;
    expected.sort_unstable();
    assert_eq!(trail.sorted_types(), expected, "{trail:#?}");

    let ids: BTreeSet<_> = trail.0.iter().map(|event| &event.event_id).collect();
    assert_eq!(ids.len(), trail.0.len(), "each event has an id of its own");
    let started = status.started_at.context("startedAt")?.0;
    for event in &trail.0 {
        assert_eq!(event.correlation_id, analysis.correlation);
        // The status keeps whole seconds.
        assert!(rfc3339(&event.event_timestamp)?.as_second() >= started.as_second(), "{event:?}");
        assert!(!event.event_data.is_empty(), "{event:?}");
    }
    let completed = trail.only("aianalysis.analysis.completed")?;
    assert_eq!(completed.event_outcome, "success");
    Ok(())
}

#[rstest]
#[kind_harness::test]
async fn transitions_are_those_of_the_state_machine(#[future(awt)] spec: Spec) -> Result<()> {
    let (completed, _) = spec.complete(analysis("Unheard-of").named("completed")).await?;
    assert_eq!(
        completed.trail().await?.transitions(),
        [("Pending", "Investigating"), ("Investigating", "Analyzing"), ("Analyzing", "Completed")]
    );
    let failed = spec.create(analysis("MOCK_NO_WORKFLOW_FOUND").named("failed")).await?;
    failed.failed().await?;
    assert_eq!(failed.trail().await?.transitions(), [("Pending", "Investigating"), ("Investigating", "Failed")]);
    Ok(())
}

#[rstest]
#[kind_harness::test]
async fn the_call_of_holmesgpt_api_is_2xx_and_timed(#[future(awt)] spec: Spec) -> Result<()> {
    let (analysis, _) = spec.complete(analysis("NodeNotReady")).await?;
    let trail = analysis.trail().await?;
    let call = trail.only("aianalysis.holmesgpt.call")?;
    let status = call.event_data["http_status_code"].as_u64().context("http_status_code")?;
    assert!((200..300).contains(&status), "{call:?}");
    assert_eq!(call.event_data["endpoint"], "/api/v1/incident/analyze");
    assert!(call.event_data["duration_ms"].as_u64().is_some(), "{call:?}");
    assert_eq!(call.event_outcome, "success");
    Ok(())
}

#[rstest]
#[kind_harness::test]
async fn the_evaluation_of_the_policy_is_there_with_its_outcome(#[future(awt)] spec: Spec) -> Result<()> {
    for (environment, outcome) in [("staging", "auto_approved"), ("production", "approval_required")] {
        let wanted = analysis("OOMKilled").named(environment).in_environment(environment);
        let (analysis, status) = spec.complete(wanted).await?;
        let trail = analysis.trail().await?;
        let evaluation = trail.only("aianalysis.rego.evaluation")?;
        assert_eq!(evaluation.event_data["outcome"], outcome);
        assert_eq!(evaluation.event_data["degraded"], false);
        assert_eq!(evaluation.event_data["reason"].as_str(), status.approval_reason.as_deref());
        assert!(evaluation.event_data["duration_ms"].as_u64().is_some(), "{evaluation:?}");
        assert_eq!(evaluation.event_outcome, "success");
    }
    Ok(())
}

#[rstest]
#[kind_harness::test]
async fn the_approval_decision_is_there_with_who_decided(#[future(awt)] spec: Spec) -> Result<()> {
    for (environment, required) in [("staging", false), ("production", true)] {
        let wanted = analysis("OOMKilled").named(environment).in_environment(environment);
        let (analysis, status) = spec.complete(wanted).await?;
        let trail = analysis.trail().await?;
        let data = &trail.only("aianalysis.approval.decision")?.event_data;
        assert_eq!(data["approval_required"], required);
        assert_eq!(data["auto_approved"], !required);
        assert_eq!(data["decision"], if required { "requires_approval" } else { "auto_approved" });
        assert_eq!(data["environment"], environment);
        assert_eq!(data["approval_reason"].as_str(), status.approval_reason.as_deref());
    }
    Ok(())
}
