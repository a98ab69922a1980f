//! Analyses as specs want them, and what becomes of them.

use std::time::Duration;

use aianalysis::api::{
    AIAnalysis, AIAnalysisSpec, AIAnalysisStatus, AnalysisRequest, DetectedLabels, ObjectReference, Phase,
    PreviousExecution, Severity, SignalContext, TargetResource,
};
use anyhow::{Context, Result, bail, ensure};
use kube::api::{Api, PostParams};
use kube::runtime::wait::await_condition;

use super::{Spec, Trail, eventually};

/// How long an analysis may take: five tries are 15 s apart in all.
const ENDING: Duration = Duration::from_secs(45);
/// How long a trail may take: it is sent each second.
const SENDING: Duration = Duration::from_secs(15);

/// An analysis to be created.
#[derive(Debug, Clone)]
pub(crate) struct Fixture(AIAnalysis);

/// An analysis of a Deployment in staging, the first attempt; until it is told otherwise.
pub(crate) fn analysis(signal_type: &str) -> Fixture {
    let resource =
        TargetResource { kind: "Deployment".to_owned(), name: "cart".to_owned(), namespace: "shop".to_owned() };
    let signal_context = SignalContext {
        fingerprint: "f00d".to_owned(),
        severity: Severity::Critical,
        signal_type: signal_type.to_owned(),
        environment: "staging".to_owned(),
        business_priority: "P2".to_owned(),
        target_resource: resource,
        enrichment_results: Default::default(),
    };
    let spec = AIAnalysisSpec {
        remediation_request_ref: ObjectReference { name: "rr-cart".to_owned(), ..ObjectReference::default() },
        remediation_id: String::new(),
        analysis_request: AnalysisRequest { signal_context, analysis_types: vec!["incident-analysis".to_owned()] },
        is_recovery_attempt: false,
        recovery_attempt_number: None,
        previous_executions: Vec::new(),
        timeout_config: None,
    };
    Fixture(AIAnalysis::new("cart", spec))
}

impl Fixture {
    /// Another name, where a spec has several.
    pub(crate) fn named(mut self, name: impl Into<String>) -> Fixture {
        self.0.metadata.name = Some(name.into());
        self
    }

    pub(crate) fn in_environment(mut self, environment: &str) -> Fixture {
        environment.clone_into(&mut self.signal().environment);
        self
    }

    pub(crate) fn of_priority(mut self, priority: &str) -> Fixture {
        priority.clone_into(&mut self.signal().business_priority);
        self
    }

    /// What could not be found out about the target.
    pub(crate) fn with_failed_detections(mut self, failed: &[&str]) -> Fixture {
        let failed_detections = failed.iter().map(|it| (*it).to_owned()).collect();
        let labels = DetectedLabels { failed_detections, ..DetectedLabels::default() };
        self.signal().enrichment_results.detected_labels = Some(labels);
        self
    }

    /// A recovery: this attempt, counted from 1.
    pub(crate) fn recovery(mut self, attempt: i32) -> Fixture {
        self.0.spec.is_recovery_attempt = true;
        self.0.spec.recovery_attempt_number = Some(attempt);
        self
    }

    /// A remedy that was tried, and why it failed.
    pub(crate) fn after(mut self, workflow: &str, reason: &str) -> Fixture {
        let execution = PreviousExecution {
            workflow_id: workflow.to_owned(),
            failure_reason: Some(reason.to_owned()),
            ..PreviousExecution::default()
        };
        self.0.spec.previous_executions.push(execution);
        self
    }

    fn signal(&mut self) -> &mut SignalContext {
        &mut self.0.spec.analysis_request.signal_context
    }
}

/// An analysis in the namespace of a spec.
pub(crate) struct Analysis<'a> {
    spec: &'a Spec,
    pub(crate) name: String,
    /// What correlates its events; no other analysis has it.
    pub(crate) correlation: String,
}

impl Spec {
    /// Analyses in the spec's own namespace.
    pub(crate) fn analyses(&self) -> Api<AIAnalysis> {
        Api::namespaced(self.client(), &self.namespace.name)
    }

    /// Creates an analysis.
    pub(crate) async fn create(&self, Fixture(mut wanted): Fixture) -> Result<Analysis<'_>> {
        let name = wanted.metadata.name.clone().context("a fixture has a name")?;
        let correlation = format!("rem-{}-{name}", self.namespace.name);
        wanted.spec.remediation_id.clone_from(&correlation);
        self.claim(&mut wanted);
        self.analyses().create(&PostParams::default(), &wanted).await?;
        Ok(Analysis { spec: self, name, correlation })
    }

    /// Creates an analysis and waits until it is completed.
    pub(crate) async fn complete(&self, wanted: Fixture) -> Result<(Analysis<'_>, AIAnalysisStatus)> {
        let analysis = self.create(wanted).await?;
        let status = analysis.completed().await?;
        Ok((analysis, status))
    }
}

impl Analysis<'_> {
    /// Waits until its status is as `wanted`.
    pub(crate) async fn until(
        &self,
        what: &str,
        wanted: impl Fn(&AIAnalysisStatus) -> bool,
    ) -> Result<AIAnalysisStatus> {
        let api = self.spec.analyses();
        let as_wanted = |object: Option<&AIAnalysis>| object.and_then(|it| it.status.as_ref()).is_some_and(&wanted);
        let Ok(object) = tokio::time::timeout(ENDING, await_condition(api.clone(), &self.name, as_wanted)).await else {
            let last = api.get_opt(&self.name).await?.map(|object| object.status);
            bail!("{} was not {what} within {ENDING:?}; its status is {last:#?}", self.name);
        };
        object?.and_then(|object| object.status).context("deleted while it was waited for")
    }

    /// Waits until HolmesGPT-API is being asked.
    pub(crate) async fn investigating(&self) -> Result<AIAnalysisStatus> {
        self.until("under investigation", |status| status.phase == Some(Phase::Investigating)).await
    }

    /// Waits until it is over, one way or the other.
    pub(crate) async fn over(&self) -> Result<AIAnalysisStatus> {
        self.until("over", |status| status.phase.is_some_and(Phase::is_terminal)).await
    }

    /// Waits until it is completed.
    pub(crate) async fn completed(&self) -> Result<AIAnalysisStatus> {
        let status = self.over().await?;
        ensure!(status.phase == Some(Phase::Completed), "{} has not been completed: {status:#?}", self.name);
        Ok(status)
    }

    /// Waits until it has failed.
    pub(crate) async fn failed(&self) -> Result<AIAnalysisStatus> {
        let status = self.over().await?;
        ensure!(status.phase == Some(Phase::Failed), "{} has not failed: {status:#?}", self.name);
        Ok(status)
    }

    /// Its audit trail, once it is complete.
    pub(crate) async fn trail(&self) -> Result<Trail> {
        eventually(&format!("the whole trail of {}", self.correlation), SENDING, async || {
            let page = self.spec.data_storage.events(&self.correlation).await?;
            let trail = Trail::newest_first(page.data);
            Ok(if trail.is_complete() { Ok(trail) } else { Err(trail.types().join(", ")) })
        })
        .await
    }

    /// Its audit trail as it is now.
    pub(crate) async fn trail_now(&self) -> Result<Trail> {
        Ok(Trail::newest_first(self.spec.data_storage.events(&self.correlation).await?.data))
    }
}
