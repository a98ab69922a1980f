//! The approval policy: Rego from a ConfigMap, asked once per analysis. When it cannot be asked, a person must approve.
//!
//! A policy that does not compile never takes the place of one that did: the last good one goes on deciding, and what it
//! decides is marked as degraded until the newest one compiles.

use std::{
    collections::BTreeMap,
    num::NonZeroU32,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use regorus::{Engine, Value, utils::limits::ExecutionTimerConfig};
use serde_json::json;

use crate::api::{AIAnalysis, AIAnalysisStatus};

/// The package that the policy's rules are in.
pub const PACKAGE: &str = "aianalysis.approval";

/// How long a decision may take when the object does not say.
const LIMIT: Duration = Duration::from_secs(1);
/// Steps of the policy between two looks at the clock.
const CHECK_INTERVAL: NonZeroU32 = NonZeroU32::new(256).unwrap();

/// What the policy has decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// A person must approve.
    pub required: bool,
    /// Why, or why not.
    pub reason: String,
    /// The policy could not be asked, or it was not the newest one that was asked.
    pub degraded: bool,
    /// The policy could not be asked.
    pub failed: bool,
    /// How long it took.
    pub duration: Duration,
}

impl Decision {
    /// What a policy that cannot be asked comes to: a person must approve.
    pub fn failed(error: impl std::fmt::Display, duration: Duration) -> Self {
        Self { required: true, reason: format!("{error:#}"), degraded: true, failed: true, duration }
    }

    /// What the policy said, in one word.
    pub fn outcome(&self) -> &'static str {
        match (self.failed, self.required) {
            (true, _) => "error",
            (false, true) => "approval_required",
            (false, false) => "auto_approved",
        }
    }

    /// What follows for the analysis, in one word.
    pub fn word(&self) -> &'static str {
        if self.required { "requires_approval" } else { "auto_approved" }
    }
}

/// The policy in force; clones share it.
#[derive(Clone, Default)]
pub struct Policy(Arc<RwLock<State>>);

#[derive(Default)]
struct State {
    /// The last policy that compiled.
    engine: Option<Engine>,
    /// Why the newest one did not.
    broken: Option<String>,
}

impl Policy {
    /// Puts new modules (name → text) in force. When they do not compile the last good ones stay.
    ///
    /// # Errors
    /// Why they do not compile.
    pub fn load(&self, modules: &BTreeMap<String, String>) -> Result<()> {
        match compile(modules) {
            Ok(engine) => {
                *self.0.write().unwrap_or_else(PoisonError::into_inner) = State { engine: Some(engine), broken: None };
                Ok(())
            }
            Err(error) => {
                self.refuse(format!("the policy does not compile: {error:#}"));
                Err(error)
            }
        }
    }

    /// There is no newest policy that could decide, for this reason; the last good one stays.
    pub fn refuse(&self, why: String) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).broken = Some(why);
    }

    /// Why the newest policy is not the one that decides.
    pub fn degraded(&self) -> Option<String> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).broken.clone()
    }

    /// Asks the policy about an analysis. Takes no longer than the object allows, but all that time of a processor.
    pub fn decide(&self, object: &AIAnalysis, status: &AIAnalysisStatus) -> Decision {
        let started = Instant::now();
        let (engine, broken) = {
            let state = self.0.read().unwrap_or_else(PoisonError::into_inner);
            (state.engine.clone(), state.broken.clone())
        };
        let result = match (engine, &broken) {
            (Some(engine), _) => evaluate(engine, object, status),
            (None, Some(broken)) => Err(anyhow::anyhow!("{broken}")),
            (None, None) => Err(anyhow::anyhow!("there is no policy")),
        };
        let duration = started.elapsed();
        let (required, mut reason) = match result {
            Ok(decided) => decided,
            Err(error) => return Decision::failed(error, duration),
        };
        if let Some(broken) = &broken {
            reason = format!("{reason} (the last good policy says so; {broken})");
        }
        Decision { required, reason, degraded: broken.is_some(), failed: false, duration }
    }
}

/// How long the policy may take over an object.
pub fn limit(object: &AIAnalysis) -> Duration {
    let seconds = object.spec.timeout_config.as_ref().and_then(|config| config.analyzing_seconds);
    seconds.map_or(LIMIT, |seconds| Duration::from_secs(seconds.into()))
}

fn bound(engine: &mut Engine, limit: Duration) {
    engine.set_execution_timer_config(ExecutionTimerConfig { limit, check_interval: CHECK_INTERVAL });
}

fn compile(modules: &BTreeMap<String, String>) -> Result<Engine> {
    let mut engine = Engine::new();
    let rego = modules.iter().filter(|(name, _)| name.ends_with(".rego"));
    for (name, text) in rego {
        engine.add_policy(name.clone(), text.clone()).with_context(|| format!("{name} is not Rego"))?;
    }
    let expected = format!("data.{PACKAGE}");
    if !engine.get_packages()?.contains(&expected) {
        bail!("no module is in package {PACKAGE}");
    }
    // Some mistakes show only when rules are looked at: better now than at the first analysis.
    bound(&mut engine, LIMIT);
    engine.set_input(Value::new_object());
    engine.eval_rule(format!("{expected}.require_approval"))?;
    Ok(engine)
}

fn evaluate(mut engine: Engine, object: &AIAnalysis, status: &AIAnalysisStatus) -> Result<(bool, String)> {
    bound(&mut engine, limit(object));
    engine.set_input_json(&input(object, status).to_string())?;
    let required = engine.eval_rule(format!("data.{PACKAGE}.require_approval"))?;
    let required = *required.as_bool().context("require_approval is neither true nor false")?;
    let reason = engine.eval_rule(format!("data.{PACKAGE}.reason"))?;
    let reason = reason.as_string().map_or_else(|_| "the policy gives no reason".to_owned(), |text| text.to_string());
    Ok((required, reason))
}

/// What the policy may judge by.
fn input(object: &AIAnalysis, status: &AIAnalysisStatus) -> serde_json::Value {
    let signal = &object.spec.analysis_request.signal_context;
    let detected = signal.enrichment_results.detected_labels.clone().unwrap_or_default();
    json!({
        "signal_type": signal.signal_type,
        "severity": signal.severity,
        "environment": signal.environment,
        "business_priority": signal.business_priority,
        "target_resource": signal.target_resource,
        "failed_detections": detected.failed_detections,
        "detected_labels": detected,
        "custom_labels": signal.enrichment_results.custom_labels,
        "confidence": status.selected_workflow.as_ref().map_or(0.0, |workflow| workflow.confidence),
        "target_in_owner_chain": status.target_in_owner_chain,
        "warnings": status.warnings,
        "is_recovery_attempt": object.spec.is_recovery_attempt,
        "recovery_attempt_number": object.spec.recovery_attempt_number.unwrap_or(0),
    })
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
