//! The approval policy: Rego from a ConfigMap, asked once per analysis. When it cannot be asked, a person must approve.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use regorus::{Engine, Value};
use serde_json::json;

use crate::api::{AIAnalysis, AIAnalysisStatus};

/// The package that the policy's rules are in.
pub const PACKAGE: &str = "aianalysis.approval";

/// What the policy has decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// A person must approve.
    pub required: bool,
    /// Why, or why not.
    pub reason: String,
    /// The policy could not be asked.
    pub degraded: bool,
    /// How long it took.
    pub duration: Duration,
}

impl Decision {
    /// In one word.
    pub fn outcome(&self) -> &'static str {
        match (self.degraded, self.required) {
            (true, _) => "error",
            (false, true) => "approval_required",
            (false, false) => "auto_approved",
        }
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
    /// Puts new modules (name → text) in force. When they do not compile the last good ones stay, and decisions are
    /// marked as degraded until the modules are mended.
    ///
    /// # Errors
    /// Why they do not compile.
    pub fn load(&self, modules: &BTreeMap<String, String>) -> Result<()> {
        let compiled = compile(modules);
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        match compiled {
            Ok(engine) => {
                *state = State { engine: Some(engine), broken: None };
                Ok(())
            }
            Err(error) => {
                state.broken = Some(format!("{error:#}"));
                Err(error)
            }
        }
    }

    /// Asks the policy about an analysis.
    pub fn decide(&self, object: &AIAnalysis, status: &AIAnalysisStatus) -> Decision {
        let started = Instant::now();
        let (engine, broken) = {
            let state = self.0.read().unwrap_or_else(PoisonError::into_inner);
            (state.engine.clone(), state.broken.clone())
        };
        let result = match (engine, broken) {
            (Some(engine), None) => evaluate(engine, object, status),
            (_, Some(broken)) => Err(anyhow::anyhow!("the policy does not compile: {broken}")),
            (None, None) => Err(anyhow::anyhow!("there is no policy")),
        };
        let duration = started.elapsed();
        match result {
            Ok((required, reason)) => Decision { required, reason, degraded: false, duration },
            Err(error) => Decision { required: true, reason: format!("{error:#}"), degraded: true, duration },
        }
    }
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
    engine.set_input(Value::new_object());
    engine.eval_rule(format!("{expected}.require_approval"))?;
    Ok(engine)
}

fn evaluate(mut engine: Engine, object: &AIAnalysis, status: &AIAnalysisStatus) -> Result<(bool, String)> {
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
