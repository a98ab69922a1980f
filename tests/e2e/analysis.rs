//! One analysis, from its creation to its audit trail.

use std::time::Duration;

use aianalysis::api::{AIAnalysis, AIAnalysisStatus, Phase};
use anyhow::{Context, Result};
use kube::api::{Api, PostParams};
use kube::runtime::wait::await_condition;
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{Spec, eventually, get, spec};

/// An analysis of an OOM kill in a staging environment.
fn oom_killed(name: &str, correlation: &str) -> Result<AIAnalysis> {
    let analysis = json!({
        "apiVersion": "kubernaut.ai/v1alpha1",
        "kind": "AIAnalysis",
        "metadata": {"name": name},
        "spec": {
            "remediationRequestRef": {"name": "rr-cart"},
            "remediationId": correlation,
            "analysisRequest": {
                "signalContext": {
                    "fingerprint": "f00d", "severity": "critical", "signalType": "OOMKilled",
                    "environment": "staging", "businessPriority": "P2",
                    "targetResource": {"kind": "Deployment", "name": "cart", "namespace": "shop"},
                },
                "analysisTypes": ["incident-analysis"],
            },
        },
    });
    serde_json::from_value(analysis).context("an analysis in the form of its types")
}

fn is_over(analysis: Option<&AIAnalysis>) -> bool {
    let phase = analysis.and_then(|analysis| analysis.status.as_ref()?.phase);
    phase.is_some_and(Phase::is_terminal)
}

#[rstest]
#[tokio::test]
async fn an_analysis_completes_and_leaves_its_audit_trail(#[future] spec: Spec) -> Result<()> {
    let spec = spec.await;
    let correlation = format!("rem-{}", spec.namespace.name);
    let analyses: Api<AIAnalysis> = Api::namespaced(spec.client(), &spec.namespace.name);
    analyses.create(&PostParams::default(), &oom_killed("cart", &correlation)?).await?;

    let over = tokio::time::timeout(Duration::from_secs(20), await_condition(analyses.clone(), "cart", is_over)).await;
    let last = analyses.get("cart").await?;
    over.with_context(|| format!("not over within 20 s; its status is {:?}", last.status))??;
    let status: AIAnalysisStatus = last.status.context("an analysis that is over has a status")?;
    assert_eq!(status.phase, Some(Phase::Completed), "{status:?}");
    let workflow = status.selected_workflow.context("HAPI's workflow")?;
    assert_eq!(workflow.workflow_id, "mock-oomkilled-v1");
    assert!((workflow.confidence - 0.92).abs() < 1e-9, "{}", workflow.confidence);
    assert_eq!(status.approval_required, Some(false), "staging is automatic");
    assert!(status.investigation_id.is_some());
    assert!(status.started_at.is_some() && status.completed_at.is_some());
    assert_eq!(status.observed_generation, last.metadata.generation);

    let url = spec.url("data-storage", "http", &format!("/api/v1/audit/events?correlation_id={correlation}"));
    let events = eventually("the whole audit trail", Duration::from_secs(10), async || {
        let (status, body) = get(&url).await?;
        assert_eq!(status, 200, "{body}");
        let answer: Value = serde_json::from_str(&body)?;
        let events = answer["data"].as_array().context("a page of events")?.clone();
        let types: Vec<String> = events.iter().filter_map(|e| e["event_type"].as_str().map(str::to_owned)).collect();
        let complete = types.iter().any(|name| name == "aianalysis.analysis.completed");
        Ok(if complete { Ok(events) } else { Err(types) })
    })
    .await?;
    let transitions = transitions(&events);
    assert_eq!(
        transitions,
        [("Pending", "Investigating"), ("Investigating", "Analyzing"), ("Analyzing", "Completed")],
        "{events:#?}"
    );
    let call = events.iter().find(|event| event["event_type"] == "aianalysis.holmesgpt.call");
    assert_eq!(call.context("a call to HAPI")?["event_data"]["http_status_code"], 200);
    Ok(())
}

/// The phase transitions among `events`, in the order in which they happened.
fn transitions(events: &[Value]) -> Vec<(&str, &str)> {
    let mut transitions: Vec<&Value> =
        events.iter().filter(|event| event["event_type"] == "aianalysis.phase.transition").collect();
    transitions.sort_by_key(|event| event["event_timestamp"].as_str());
    transitions
        .into_iter()
        .filter_map(|event| {
            Some((event["event_data"]["old_phase"].as_str()?, event["event_data"]["new_phase"].as_str()?))
        })
        .collect()
}
