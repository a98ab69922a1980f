//! From the object to the decision.

use aianalysis::api::{AIAnalysis, AIAnalysisStatus, FINALIZER, Phase, Reason};
use anyhow::{Context, Result, bail};
use futures::{StreamExt, TryStreamExt};
use kube::ResourceExt;
use kube::api::{ListParams, WatchEvent, WatchParams};
use rstest::rstest;

use crate::support::{Fixture, Spec, analysis, spec};

/// Creates an analysis and watches it to its end: the phases that it went through, and what it was then.
async fn watch_to_the_end(spec: &Spec, wanted: Fixture) -> Result<(Vec<Phase>, AIAnalysis)> {
    let api = spec.analyses();
    let version = api.list(&ListParams::default()).await?.metadata.resource_version.context("a list has a version")?;
    // From before it is created: each status is written by itself, so none can be missed.
    let mut events = api.watch(&WatchParams::default().timeout(30), &version).await?.boxed();
    spec.create(wanted).await?;
    let mut phases = Vec::new();
    while let Some(event) = events.try_next().await? {
        let (WatchEvent::Added(object) | WatchEvent::Modified(object)) = event else { continue };
        let Some(phase) = object.status.as_ref().and_then(|status| status.phase) else { continue };
        if phases.last() != Some(&phase) {
            phases.push(phase);
        }
        if phase.is_terminal() {
            return Ok((phases, object));
        }
    }
    bail!("it was not over within 30 s; phases so far: {phases:?}")
}

/// Type and status of each condition, sorted.
fn conditions(status: &AIAnalysisStatus) -> Vec<(&str, &str)> {
    let mut conditions: Vec<_> =
        status.conditions.iter().map(|condition| (condition.type_.as_str(), condition.status.as_str())).collect();
    conditions.sort_unstable();
    conditions
}

#[rstest]
#[kind_harness::test]
async fn an_analysis_goes_through_its_four_phases_and_fills_every_field(#[future(awt)] spec: Spec) -> Result<()> {
    let (phases, object) = watch_to_the_end(&spec, analysis("OOMKilled")).await?;
    assert_eq!(phases, [Phase::Pending, Phase::Investigating, Phase::Analyzing, Phase::Completed]);
    assert!(object.finalizers().iter().any(|finalizer| finalizer == FINALIZER), "{:?}", object.finalizers());

    let generation = object.metadata.generation;
    let status = object.status.context("an analysis that is over has a status")?;
    assert_eq!(status.reason, Some(Reason::AnalysisCompleted));
    assert_eq!(status.sub_reason, None, "nothing special has happened");
    assert!(status.message.as_ref().is_some_and(|message| !message.is_empty()));
    assert_eq!(status.observed_generation, generation);
    let started = status.started_at.as_ref().context("startedAt")?.0;
    let completed = status.completed_at.as_ref().context("completedAt")?.0;
    assert!(started <= completed, "started at {started}, completed at {completed}");
    assert!(status.investigation_id.as_ref().is_some_and(|id| !id.is_empty()), "{status:#?}");
    assert!(status.investigation_time.is_some_and(|time| time >= 0), "{status:#?}");
    assert_eq!(status.consecutive_failures, Some(0));
    assert_eq!(status.degraded_mode, Some(false));
    assert_eq!(status.target_in_owner_chain, Some(true));
    assert!(status.warnings.is_empty() && status.validation_attempts_history.is_empty(), "{status:#?}");
    assert_eq!(status.recovery_status, None, "it is no recovery");

    let cause = status.root_cause_analysis.as_ref().context("rootCauseAnalysis")?;
    assert_eq!(status.root_cause.as_ref(), Some(&cause.summary));
    assert_eq!(cause.severity, "critical");
    assert!(!cause.summary.is_empty() && !cause.contributing_factors.is_empty(), "{cause:?}");

    let workflow = status.selected_workflow.as_ref().context("selectedWorkflow")?;
    assert_eq!(workflow.workflow_id, "mock-oomkilled-v1");
    assert!((workflow.confidence - 0.92).abs() < 1e-9, "{workflow:?}");
    for text in [&workflow.title, &workflow.version, &workflow.container_image, &workflow.rationale] {
        assert!(!text.is_empty(), "{workflow:?}");
    }
    assert!(!workflow.parameters.is_empty(), "{workflow:?}");
    assert!(!status.alternative_workflows.is_empty());

    assert_eq!(status.approval_required, Some(false));
    assert!(status.approval_reason.as_ref().is_some_and(|reason| !reason.is_empty()));
    assert_eq!(status.approval_context, None, "there is nothing to approve");
    assert_eq!(
        conditions(&status),
        [
            ("AnalysisComplete", "True"),
            ("ApprovalRequired", "False"),
            ("InvestigationComplete", "True"),
            ("WorkflowResolved", "True"),
        ]
    );
    Ok(())
}

#[rstest]
#[kind_harness::test]
async fn production_needs_approval_with_context(#[future(awt)] spec: Spec) -> Result<()> {
    let (_, status) = spec.complete(analysis("OOMKilled").in_environment("production")).await?;
    assert_eq!(status.approval_required, Some(true));
    assert!(conditions(&status).contains(&("ApprovalRequired", "True")), "{status:#?}");
    let reason = status.approval_reason.clone().context("approvalReason")?;
    assert!(reason.contains("production"), "{reason}");

    let workflow = status.selected_workflow.as_ref().context("selectedWorkflow")?;
    let cause = status.root_cause_analysis.as_ref().context("rootCauseAnalysis")?;
    let context = status.approval_context.as_ref().context("approvalContext")?;
    assert_eq!(context.reason, reason);
    assert!(context.why_approval_required.contains(&reason), "{context:?}");
    assert!((context.confidence_score - 0.92).abs() < 1e-9, "{context:?}");
    assert_eq!(context.confidence_level, "high");
    assert_eq!(context.investigation_summary, cause.summary);
    assert_eq!(context.evidence_collected, cause.contributing_factors);
    assert!(context.recommended_actions.iter().any(|it| it.contains(&workflow.workflow_id)), "{context:?}");
    assert_eq!(context.alternatives_considered.len(), status.alternative_workflows.len(), "{context:?}");
    let evaluation = &context.policy_evaluation;
    assert_eq!((evaluation.decision.as_str(), evaluation.degraded), ("approval_required", false));
    assert!(!evaluation.policy_name.is_empty());
    Ok(())
}

#[rstest]
#[kind_harness::test]
async fn staging_is_automatic(#[future(awt)] spec: Spec) -> Result<()> {
    let (_, status) = spec.complete(analysis("CrashLoopBackOff").in_environment("staging")).await?;
    assert_eq!((status.approval_required, &status.approval_context), (Some(false), &None));
    assert!(conditions(&status).contains(&("ApprovalRequired", "False")), "{status:#?}");
    assert_eq!(status.selected_workflow.context("selectedWorkflow")?.workflow_id, "mock-crashloopbackoff-v1");
    Ok(())
}

#[rstest]
#[kind_harness::test]
async fn a_third_recovery_attempt_needs_approval(#[future(awt)] spec: Spec) -> Result<()> {
    let tried = analysis("OOMKilled").after("mock-oomkilled-v1", "still too little memory");
    let (_, second) = spec.complete(tried.clone().named("second").recovery(2)).await?;
    assert_eq!(second.approval_required, Some(false), "{second:#?}");
    let (_, third) = spec.complete(tried.named("third").recovery(3)).await?;
    assert_eq!(third.approval_required, Some(true), "{third:#?}");
    let reason = third.approval_reason.context("approvalReason")?;
    assert!(reason.contains("recovery attempt"), "{reason}");
    assert!(third.approval_context.is_some());
    Ok(())
}

#[rstest]
#[kind_harness::test]
async fn failed_detections_in_production_need_approval(#[future(awt)] spec: Spec) -> Result<()> {
    let unknown = analysis("OOMKilled").with_failed_detections(&["gitOpsManaged", "pdbProtected"]);
    let (_, staging) = spec.complete(unknown.clone().named("staging")).await?;
    assert_eq!(staging.approval_required, Some(false), "{staging:#?}");
    let (_, production) = spec.complete(unknown.named("production").in_environment("production")).await?;
    assert_eq!(production.approval_required, Some(true));
    let reason = production.approval_reason.context("approvalReason")?;
    assert!(reason.contains("gitOpsManaged, pdbProtected"), "the reason names what failed: {reason}");
    Ok(())
}
