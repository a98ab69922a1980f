//! Why components are not ready: what `up` says when it failed, and `status --why` at any time.

use serde_json::{Value, json};

use super::inspect::print;
use super::{Cli, Exit, Failure, Output};
use crate::diagnostics::{self, Diagnosis};
use crate::ready::NotReady;
use crate::session::{Session, UpError};

/// What was seen of a failed `up` before anything was taken away.
#[derive(Debug, Default)]
pub(super) struct Aftermath {
    diagnosis: Option<Diagnosis>,
}

impl Aftermath {
    /// Looks at what is there of the cluster.
    pub(super) async fn of(session: &Session, error: &UpError) -> Aftermath {
        let UpError::NotReady(error) = error else { return Aftermath::default() };
        let Some(cluster) = diagnostics::cluster_of(&session.plan, &session.folders).await else {
            return Aftermath::default();
        };
        Aftermath { diagnosis: diagnostics::after(&session.plan, &cluster, error).await }
    }

    /// The failure as a person reads it: the root causes instead of what waits for them.
    pub(super) fn tell(&self, error: UpError) -> Failure {
        let deadline = match &error {
            UpError::NotReady(error) => match error.as_ref() {
                NotReady::Deadline { waited, .. } => Some(*waited),
                _ => None,
            },
            _ => None,
        };
        let mut failure = Failure::from(error);
        if let Some(diagnosis) = &self.diagnosis {
            failure.text = diagnosis.to_string();
            if let Some(waited) = deadline {
                let waited = waited.as_secs_f64();
                failure
                    .text
                    .push_str(&format!("\nnothing of it is final: the deadline came first, after {waited:.1} s"));
            }
        }
        failure
    }

    /// The same for scripts.
    pub(super) fn to_json(&self, failure: &Failure) -> Value {
        let mut told = self.diagnosis.as_ref().map_or_else(|| json!({}), fields);
        told["error"] = failure.text.lines().next().unwrap_or_default().into();
        told["exit"] = (failure.exit as u8).into();
        told
    }
}

impl Cli {
    /// Prints why components are not ready: all of them, or one.
    pub(super) async fn why(&self, component: Option<&str>) -> Result<Exit, Failure> {
        let plan = self.plan()?;
        self.known(&plan, component)?;
        let (record, cluster) = self.running(&plan).await?;
        let mut diagnosis = diagnostics::now(&plan, &cluster).await.map_err(|error| {
            let text = format!("the API server of cluster {} does not answer: {error}", record.name);
            Failure::told(Exit::Cluster, text)
        })?;
        if let Some(component) = component {
            diagnosis.narrow(component);
        }
        let exit = if diagnosis.components.is_empty() { Exit::Done } else { Exit::NotReady };
        match (self.output, component) {
            (Output::Json, _) => {
                let mut told = fields(&diagnosis);
                told["cluster"] = record.name.into();
                print(&format!("{told:#}"));
            }
            (Output::Text, Some(name)) if exit == Exit::Done => print(&format!("component {name} is ready")),
            (Output::Text, None) if exit == Exit::Done => print("every component is ready"),
            (Output::Text, _) => print(&diagnosis.to_string()),
        }
        Ok(exit)
    }
}

fn fields(diagnosis: &Diagnosis) -> Value {
    serde_json::to_value(diagnosis).unwrap_or_else(|_| json!({}))
}
