//! The controller ends when it is asked to, and leaves nothing undone.
//!
//! It is scaled to nothing rather than restarted: what is there afterwards, nobody else has done.

use std::time::Duration;

use aianalysis::api::Phase;
use anyhow::{Context, Result};
use futures::AsyncReadExt;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::ResourceExt;
use kube::api::{LogParams, Patch, PatchParams};
use rstest::rstest;
use serde_json::json;

use crate::support::{CYCLE, Spec, analysis, eventually, spec};

const CONTROLLER: &str = "aianalysis";

/// A policy that asks for approval always, and says so in its own words.
const STRICT: &str = r#"package aianalysis.approval

import rego.v1

default require_approval := true

default reason := "this spec wants approval"
"#;

impl Spec {
    async fn no_controller(&self) -> Result<()> {
        self.scale::<Deployment>(CONTROLLER, 0).await
    }
}

#[rstest]
#[kind_harness::test(uses = ["data-storage", "holmesgpt-api"])]
async fn sigterm_ends_the_controller_within_15_seconds(#[future(awt)] spec: Spec) -> Result<()> {
    spec.with_own(&[CONTROLLER], async |spec| {
        let controller = spec.pod(CONTROLLER).await?;
        let slow = spec.create(analysis("MOCK_SLOW")).await?;
        slow.investigating().await?;
        let end = spec.end_of(&controller, spec.no_controller()).await?;
        assert!(end.after < Duration::from_secs(15), "{end:?}");
        assert_eq!(end.exit_code, Some(0), "it has ended by itself: {end:?}");
        let status = slow.until("there", |_| true).await?;
        assert_eq!(status.phase, Some(Phase::Completed), "what was in flight has been ended: {status:#?}");
        Ok(())
    })
    .await
}

#[rstest]
#[kind_harness::test(uses = ["data-storage", "holmesgpt-api"])]
async fn buffered_audit_events_of_five_analyses_are_flushed(#[future(awt)] spec: Spec) -> Result<()> {
    spec.with_own(&[CONTROLLER], async |spec| {
        let controller = spec.pod(CONTROLLER).await?;
        let mut analyses = Vec::new();
        for number in 1..=5 {
            analyses.push(spec.create(analysis("MOCK_SLOW").named(format!("n{number}"))).await?);
        }
        for analysis in &analyses {
            analysis.investigating().await?;
        }
        // Their answers come after SIGTERM, and with the last of them the end: what they leave is in the buffer.
        let end = spec.end_of(&controller, spec.no_controller()).await?;
        assert_eq!(end.exit_code, Some(0), "{end:?}");
        let mut expected = CYCLE;
        expected.sort_unstable();
        for analysis in analyses {
            // Now, not eventually: there is nobody left who could send anything.
            let trail = analysis.trail_now().await?;
            assert_eq!(trail.sorted_types(), expected, "{trail:#?}");
        }
        Ok(())
    })
    .await
}

#[rstest]
#[kind_harness::test(uses = ["data-storage", "holmesgpt-api"])]
async fn the_loop_that_reloads_the_policy_ends(#[future(awt)] spec: Spec) -> Result<()> {
    spec.with_own(&[CONTROLLER], async |spec| {
        let controller = spec.pod(CONTROLLER).await?;
        let log = LogParams { follow: true, ..LogParams::default() };
        let mut log = spec.objects::<Pod>().log_stream(&controller.name_any(), &log).await?;

        // The loop runs: a policy takes effect without a restart.
        let patch = Patch::Merge(json!({"data": {"approval.rego": STRICT}}));
        spec.objects::<ConfigMap>().patch("aianalysis-policies", &PatchParams::default(), &patch).await?;
        let mut number = 0;
        let mut probe = async || {
            number += 1;
            let (_, status) = spec.complete(analysis("OOMKilled").named(format!("n{number}"))).await?;
            let strict = status.approval_reason.as_deref() == Some("this spec wants approval");
            Ok(if strict && status.approval_required == Some(true) { Ok(()) } else { Err(status.approval_reason) })
        };
        eventually("the new policy", Duration::from_secs(10), &mut probe).await?;
        assert_eq!(spec.pod(CONTROLLER).await?.uid(), controller.uid(), "it is still the same pod");

        let end = spec.end_of(&controller, spec.no_controller()).await?;
        assert_eq!(end.exit_code, Some(0), "{end:?}");
        assert!(end.after < Duration::from_secs(10), "{end:?}");
        let mut text = String::new();
        log.read_to_string(&mut text).await.context("the log, to its end")?;
        let after = text.rsplit_once("asked to stop").context("it says that it was asked to stop")?.1;
        assert!(!after.contains("ERROR") && !after.contains("panicked"), "it has not ended well:\n{after}");
        Ok(())
    })
    .await
}

#[rstest]
#[kind_harness::test(uses = ["data-storage", "holmesgpt-api"])]
async fn an_idle_controller_ends_within_5_seconds(#[future(awt)] spec: Spec) -> Result<()> {
    spec.with_own(&[CONTROLLER], async |spec| {
        let controller = spec.pod(CONTROLLER).await?;
        let log = LogParams { follow: true, ..LogParams::default() };
        let mut log = spec.objects::<Pod>().log_stream(&controller.name_any(), &log).await?;
        let end = spec.end_of(&controller, spec.no_controller()).await?;
        assert_eq!(end.exit_code, Some(0), "{end:?}");
        // The controller's own time. A busy kubelet asks it late, and removes the pod late.
        let mut text = String::new();
        log.read_to_string(&mut text).await.context("the log, to its end")?;
        let asked =
            text.lines().find(|line| line.contains("asked to stop")).context("it says that it was asked to stop")?;
        let asked: serde_json::Value = serde_json::from_str(asked)?;
        let asked: jiff::Timestamp = asked["timestamp"].as_str().context("when that was")?.parse()?;
        let took = end.ended_by.context("when it had ended")?.duration_since(asked);
        assert!(took < jiff::SignedDuration::from_secs(5), "{took:?}, {end:?}");
        Ok(())
    })
    .await
}
