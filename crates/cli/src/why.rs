//! Why components are not ready: what `up` says when it failed, and `status --why` at any time.

use super::inspect::{print, print_json, silent};
use super::{Cli, Exit, Failure, Output, outputs};
use kind_harness::run::diagnostics;
use kind_harness::run::failed_run::{Cleanup, FailedRun, FailureCause};
use kind_harness::run::protocol::Run;
use kind_harness::run::session::UpError;
use kind_harness::suite::config::ProviderKind;

/// A run that failed, for the person at the terminal: why, where to look further, and what is left.
pub(super) fn tell(run: &Run, failed: &FailedRun) -> Failure {
    let exit = match &failed.cause {
        FailureCause::Error(error) => Exit::from(error),
        FailureCause::Interrupted => Exit::Interrupted,
    };
    // Errors in files are rendered with their places.
    let rendered = matches!(failed.cause, FailureCause::Error(UpError::Manifests(_)));
    let may_be_kept = matches!(exit, Exit::NotReady | Exit::Deadline);
    let rest = match &failed.cleanup {
        Cleanup::Undone if exit == Exit::Interrupted => "; what was begun has been undone".into(),
        Cleanup::Undone if may_be_kept => {
            "\nwhat was made is gone again; `kind-harness up --keep` leaves it for a look".into()
        }
        Cleanup::Kept => {
            "\nwhat was made is kept: look with `kind-harness status`, remove it with `kind-harness down`".into()
        }
        Cleanup::Stays if exit == Exit::Interrupted => "; what was deployed stays".into(),
        Cleanup::Undone | Cleanup::Stays => String::new(),
        Cleanup::Remains(errors) => format!("\n{errors}"),
        Cleanup::NotKept(error) => format!("\n{error}"),
        Cleanup::Left => format!("\n{}", left(run)),
    };
    Failure { exit, text: format!("{failed}{rest}"), rendered }
}

/// What remains when an undo is left unfinished.
fn left(run: &Run) -> String {
    let (name, suite) = (run.session.plan.cluster_name(), run.session.plan.suite());
    let removes = format!("`kind-harness down --name {name}` removes");
    match suite.cluster.provider {
        ProviderKind::Kind => format!(
            "left before cluster {name} was removed; its reaper goes on with it, and `kind-harness ps` tells whether it is \
             gone. {removes} it too"
        ),
        ProviderKind::Existing => {
            let namespace = &suite.namespace;
            format!("left before everything was taken out of namespace {namespace}. {removes} the rest")
        }
    }
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
            (Output::Json, _) => print_json(&outputs::Why {
                diagnosis: Some(&diagnosis),
                cluster: Some(&record.name),
                ..outputs::Why::default()
            }),
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
