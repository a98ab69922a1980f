//! Why components are not ready: what `up` says when it failed, and `status --why` at any time.

use serde_json::{Value, json};

use super::inspect::{print, print_json, silent};
use super::{Cli, Exit, Failure, Output};
use kind_harness::readiness::NotReady;
use kind_harness::run::diagnostics::{self, Diagnosis};
use kind_harness::run::failure_report::FailureReport;
use kind_harness::run::session::UpError;

/// The failure of an `up` as a person reads it: the root causes instead of what waits for them.
pub(super) fn tell(aftermath: &FailureReport, error: UpError) -> Failure {
    let deadline = match &error {
        UpError::NotReady(error) => match error.as_ref() {
            NotReady::Deadline { waited, .. } => Some(waited.as_secs_f64()),
            _ => None,
        },
        _ => None,
    };
    let mut failure = Failure::from(error);
    if let Some(diagnosis) = &aftermath.diagnosis {
        failure.text = diagnosis.to_string();
        if let Some(waited) = deadline {
            failure.text.push_str(&format!("\nnothing of it is final: the deadline came first, after {waited:.1} s"));
        }
    }
    if let Some(bundle) = &aftermath.bundle {
        failure.text.push_str(&format!("\nbundle: {} (begin with summary.txt)", bundle.display()));
    }
    failure
}

/// The same for scripts.
pub(super) fn to_json(aftermath: &FailureReport, failure: &Failure) -> Value {
    let mut told = aftermath.diagnosis.as_ref().map_or_else(|| json!({}), fields);
    told["error"] = failure.text.lines().next().unwrap_or_default().into();
    told["exit"] = (failure.exit as u8).into();
    if let Some(bundle) = &aftermath.bundle {
        told["bundle"] = json!(bundle);
    }
    told
}

impl Cli {
    /// Prints why components are not ready: all of them, or one.
    pub(super) async fn why(&self, component: Option<&str>) -> Result<Exit, Failure> {
        let plan = self.plan()?;
        self.known(&plan, component)?;
        let (record, cluster) = self.running_masked(&plan).await?;
        let mut diagnosis = diagnostics::now(&plan, &cluster)
            .await
            .map_err(|error| Failure::told(Exit::Cluster, silent(&record, &error)))?;
        if let Some(component) = component {
            diagnosis.narrow(component);
        }
        let exit = if diagnosis.components.is_empty() { Exit::Done } else { Exit::NotReady };
        match (self.output, component) {
            (Output::Json, _) => {
                let mut told = fields(&diagnosis);
                told["cluster"] = record.name.to_string().into();
                print_json(&told);
            }
            (Output::Text, Some(name)) if exit == Exit::Done => print(&format!("component {name} is ready")),
            (Output::Text, None) if exit == Exit::Done => print("every component is ready"),
            (Output::Text, _) => {
                print(&diagnosis.to_string());
                print("for kubectl: export KUBECONFIG=$(kind-harness kubeconfig)");
            }
        }
        Ok(exit)
    }
}

fn fields(diagnosis: &Diagnosis) -> Value {
    serde_json::to_value(diagnosis).unwrap_or_else(|_| json!({}))
}
