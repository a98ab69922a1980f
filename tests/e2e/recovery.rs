//! A remedy has been tried and has failed; what now?

use aianalysis::api::{Phase, Reason, SubReason};
use anyhow::{Context, Result};
use rstest::rstest;

use crate::support::{Fixture, Spec, analysis, spec};

/// The first recovery from an OOM kill.
fn recovery() -> Fixture {
    analysis("OOMKilled").recovery(1).after("mock-oomkilled-v1", "the node had no memory left")
}

#[rstest]
#[kind_harness::test]
async fn a_recovery_completes_with_workflow_and_investigation_id(#[future(awt)] spec: Spec) -> Result<()> {
    let (_, status) = spec.complete(recovery()).await?;
    assert_eq!(status.reason, Some(Reason::AnalysisCompleted));
    let workflow = status.selected_workflow.context("selectedWorkflow")?;
    assert_eq!(workflow.workflow_id, "mock-oomkilled-v1-recovery");
    assert!((workflow.confidence - 0.87).abs() < 1e-9, "{workflow:?}");
    assert!(status.investigation_id.is_some_and(|id| !id.is_empty()));
    Ok(())
}

#[rstest]
#[kind_harness::test]
async fn previous_executions_are_considered(#[future(awt)] spec: Spec) -> Result<()> {
    let twice = recovery().recovery(2).after("mock-oomkilled-v1-recovery", "the quota was used up");
    let (_, informed) = spec.complete(twice.named("informed")).await?;
    let recovery = informed.recovery_status.context("recoveryStatus")?;
    assert!(recovery.can_recover && recovery.failure_understood, "{recovery:?}");
    let analysis_of_failure = &recovery.failure_reason_analysis;
    assert!(analysis_of_failure.contains("the quota was used up"), "the last execution counts: {recovery:?}");
    assert_eq!(recovery.current_signal_type.as_deref(), Some("OOMKilled"));

    let (_, blind) = spec.complete(analysis("OOMKilled").recovery(1).named("blind")).await?;
    let recovery = blind.recovery_status.context("recoveryStatus")?;
    assert!(!recovery.failure_understood, "nobody has said what happened: {recovery:?}");
    Ok(())
}

#[rstest]
#[kind_harness::test]
async fn the_recovery_endpoint_is_called(#[future(awt)] spec: Spec) -> Result<()> {
    for (fixture, endpoint) in [
        (recovery().named("recovery"), "/api/v1/recovery/analyze"),
        (analysis("OOMKilled").named("incident"), "/api/v1/incident/analyze"),
    ] {
        let (analysis, _) = spec.complete(fixture).await?;
        let trail = analysis.trail().await?;
        assert_eq!(trail.only("aianalysis.holmesgpt.call")?.event_data["endpoint"], endpoint);
    }
    Ok(())
}

#[rstest]
#[kind_harness::test]
async fn a_third_attempt_is_analysed_as_the_third(#[future(awt)] spec: Spec) -> Result<()> {
    let third = recovery().after("mock-oomkilled-v1-recovery", "again").recovery(3);
    let (analysis, status) = spec.complete(third).await?;
    assert_eq!(status.selected_workflow.context("selectedWorkflow")?.parameters["ATTEMPT"], "3");
    assert_eq!(status.approval_required, Some(true));
    let decision = analysis.trail().await?;
    let decision = decision.only("aianalysis.approval.decision")?;
    assert_eq!(decision.event_data["approval_required"], true);
    assert_eq!(decision.event_data["environment"], "staging", "the attempt asks for it, not the environment");
    Ok(())
}

#[rstest]
#[kind_harness::test]
async fn conditions_are_true_when_a_recovery_completes(#[future(awt)] spec: Spec) -> Result<()> {
    let (_, status) = spec.complete(recovery()).await?;
    for name in ["InvestigationComplete", "AnalysisComplete", "WorkflowResolved"] {
        let condition = status.conditions.iter().find(|condition| condition.type_ == name);
        let condition = condition.with_context(|| format!("no condition {name} in {:#?}", status.conditions))?;
        assert_eq!(condition.status, "True", "{condition:?}");
        assert!(!condition.reason.is_empty());
        assert_eq!(condition.observed_generation, status.observed_generation);
        let since = condition.last_transition_time.0;
        assert!(status.started_at.as_ref().is_some_and(|started| started.0.as_second() <= since.as_second()));
    }
    Ok(())
}

#[rstest]
#[kind_harness::test]
async fn needs_human_review_fails_with_the_sub_reason(#[future(awt)] spec: Spec) -> Result<()> {
    for (name, signal, sub_reason) in [
        ("none", "MOCK_NO_WORKFLOW_FOUND", SubReason::NoMatchingWorkflows),
        ("low", "MOCK_LOW_CONFIDENCE", SubReason::LowConfidence),
        ("retries", "MOCK_MAX_RETRIES_EXHAUSTED", SubReason::LLMParsingError),
    ] {
        let status = spec.create(analysis(signal).recovery(1).named(name)).await?.failed().await?;
        assert_eq!(status.phase, Some(Phase::Failed));
        assert_eq!(status.reason, Some(Reason::WorkflowResolutionFailed), "{signal}: {status:#?}");
        assert_eq!(status.sub_reason, Some(sub_reason), "{signal}: {status:#?}");
        assert_ne!(status.approval_required, Some(true), "there is nothing to approve: {status:#?}");
    }
    let gone = spec.create(analysis("MOCK_NOT_REPRODUCIBLE").recovery(1).named("gone")).await?.failed().await?;
    assert_eq!(gone.reason, Some(Reason::RecoveryNotPossible), "{gone:#?}");
    assert!(gone.recovery_status.is_some_and(|recovery| !recovery.can_recover));
    Ok(())
}
