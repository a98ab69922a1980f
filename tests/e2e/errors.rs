//! What goes wrong is tried again, told, and survived.

use aianalysis::api::{Phase, Reason, SubReason};
use anyhow::{Context, Result};
use rstest::rstest;

use crate::support::{AuditEvent, CYCLE, Spec, Trail, analysis, spec};

/// Status of each call of HolmesGPT-API, in order.
fn calls(trail: &Trail) -> Vec<u64> {
    let calls = trail.all("aianalysis.holmesgpt.call").into_iter();
    calls.filter_map(|call| call.event_data.get("http_status_code")?.as_u64()).collect()
}

/// Seconds from each event to the next.
fn pauses(events: &[&AuditEvent]) -> Result<Vec<f64>> {
    let times: Vec<jiff::Timestamp> =
        events.iter().map(|event| Ok(event.event_timestamp.parse()?)).collect::<Result<_>>()?;
    Ok(times.windows(2).map(|pair| (pair[1] - pair[0]).total(jiff::Unit::Second).unwrap_or(f64::NAN)).collect())
}

#[rstest]
#[kind_harness::test]
async fn an_error_500_of_holmesgpt_api_is_audited_and_retried(#[future(awt)] spec: Spec) -> Result<()> {
    let (analysis, status) = spec.complete(analysis("MOCK_HTTP_500_ONCE")).await?;
    assert_eq!(status.consecutive_failures, Some(0), "the failure is over");
    let trail = analysis.trail().await?;
    assert_eq!(calls(&trail), [500, 200], "{trail:#?}");
    let failed = trail.all("aianalysis.holmesgpt.call")[0];
    assert_eq!(failed.event_outcome, "failure");
    let error = trail.only("aianalysis.error.occurred")?;
    assert_eq!(error.event_outcome, "failure");
    assert!(error.event_data["error"].as_str().is_some_and(|text| text.contains("500")), "{error:?}");
    Ok(())
}

#[rstest]
#[kind_harness::test]
async fn a_loop_of_retries_leaves_a_complete_trail(#[future(awt)] spec: Spec) -> Result<()> {
    // Both at once: their five tries take 15 s.
    let fault = spec.create(analysis("MOCK_HTTP_500").named("fault")).await?;
    let busy = spec.create(analysis("MOCK_HTTP_429").named("busy")).await?;
    for (analysis, code) in [(fault, 500), (busy, 429)] {
        let status = analysis.failed().await?;
        assert_eq!((status.reason, status.sub_reason), (Some(Reason::APIError), Some(SubReason::MaxRetriesExceeded)));
        assert_eq!(status.consecutive_failures, Some(5));
        assert_eq!(status.investigation_id, None, "nothing was found");

        let trail = analysis.trail().await?;
        assert_eq!(calls(&trail), [code; 5], "{trail:#?}");
        assert_eq!(trail.all("aianalysis.error.occurred").len(), 5, "{trail:#?}");
        assert_eq!(trail.transitions(), [("Pending", "Investigating"), ("Investigating", "Failed")]);
        assert_eq!(trail.only("aianalysis.analysis.completed")?.event_outcome, "failure");
        let pauses = pauses(&trail.all("aianalysis.holmesgpt.call"))?;
        let least = [0.9, 1.8, 3.6, 7.2];
        assert!(pauses.iter().zip(least).all(|(pause, least)| *pause >= least), "1 s × 2ⁿ − 10 %, but {pauses:?}");
    }
    Ok(())
}

#[rstest]
#[kind_harness::test]
async fn a_refusal_of_holmesgpt_api_fails_at_once(#[future(awt)] spec: Spec) -> Result<()> {
    // The resource's schema permits it, HolmesGPT-API does not: a priority that is blank.
    let refused = spec.create(analysis("OOMKilled").of_priority(" ")).await?;
    let status = refused.failed().await?;
    assert_eq!((status.reason, status.sub_reason), (Some(Reason::APIError), Some(SubReason::PermanentError)));
    assert_eq!(status.consecutive_failures, Some(1), "it is not tried again");
    let trail = refused.trail().await?;
    assert_eq!(calls(&trail), [400], "{trail:#?}");
    let error = trail.only("aianalysis.error.occurred")?;
    let text = error.event_data["error"].as_str().context("the error's text")?;
    assert!(text.contains("priority"), "HolmesGPT-API names the field: {text}");
    assert_eq!(trail.transitions(), [("Pending", "Investigating"), ("Investigating", "Failed")]);
    Ok(())
}

#[rstest]
#[kind_harness::test(uses = ["data-storage", "holmesgpt-api"])]
async fn a_controller_that_is_killed_mid_analysis_loses_and_repeats_nothing(#[future(awt)] spec: Spec) -> Result<()> {
    spec.with_own(&["aianalysis"], async |spec| {
        let controller = spec.pod("aianalysis").await?;
        let slow = spec.create(analysis("MOCK_SLOW").named("slow")).await?;
        let waiting = spec.create(analysis("MOCK_HTTP_500_ONCE").named("waiting")).await?;
        slow.investigating().await?;
        waiting.until("waiting for its second try", |status| status.consecutive_failures == Some(1)).await?;
        spec.kill(&controller).await?;
        assert_eq!(slow.until("there", |_| true).await?.phase, Some(Phase::Investigating), "it was in the middle");

        slow.completed().await?;
        let trail = slow.trail().await?;
        let mut expected = CYCLE;
        expected.sort_unstable();
        assert_eq!(trail.sorted_types(), expected, "each step once: {trail:#?}");
        let expected = [("Pending", "Investigating"), ("Investigating", "Analyzing"), ("Analyzing", "Completed")];
        assert_eq!(trail.transitions(), expected);

        assert_eq!(waiting.completed().await?.consecutive_failures, Some(0));
        let trail = waiting.trail().await?;
        assert_eq!(calls(&trail), [500, 200], "the first try is not forgotten: {trail:#?}");
        assert_eq!(trail.transitions(), expected);
        Ok(())
    })
    .await
}

#[rstest]
#[kind_harness::test]
async fn the_metadata_of_every_event_is_complete(#[future(awt)] spec: Spec) -> Result<()> {
    let (good, _) = spec.complete(analysis("OOMKilled").named("good")).await?;
    let bad = spec.create(analysis("OOMKilled").named("bad").of_priority(" ")).await?;
    bad.failed().await?;
    for analysis in [good, bad] {
        for event in analysis.trail().await?.0 {
            assert_eq!((event.version.as_str(), event.event_category.as_str()), ("1.0", "analysis"), "{event:?}");
            assert!(event.event_type.starts_with("aianalysis.") && !event.event_action.is_empty(), "{event:?}");
            assert!(["success", "failure", "pending"].contains(&event.event_outcome.as_str()), "{event:?}");
            assert_eq!(event.correlation_id, analysis.correlation);
            assert_eq!(event.actor_type.as_deref(), Some("service"), "{event:?}");
            assert!(event.actor_id.as_ref().is_some_and(|id| id.contains("aianalysis")), "{event:?}");
            assert_eq!(event.resource_type.as_deref(), Some("AIAnalysis"), "{event:?}");
            assert_eq!(event.resource_id.as_ref(), Some(&analysis.name), "{event:?}");
            assert_eq!(event.namespace.as_ref(), Some(&spec.namespace.name), "{event:?}");
            assert!(event.severity.as_ref().is_some_and(|severity| !severity.is_empty()), "{event:?}");
            assert!(event.event_timestamp.starts_with(&event.event_date), "{event:?}");
            if event.event_type == "aianalysis.holmesgpt.call" {
                assert!(event.duration_ms.is_some_and(|duration| duration >= 0), "{event:?}");
            }
        }
    }
    Ok(())
}
