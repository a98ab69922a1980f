//! `doctor`, `plan`, `status`, `kubeconfig`: what only looks.

use std::time::Duration;

use super::{Cli, Exit, Failure, Output};
use crate::cluster::{Cluster, Record, Records};
use crate::plan::Plan;
use crate::ready::{self, ComponentStatus};
use crate::session::UpError;
use crate::setup::{self, Finding};

impl Cli {
    pub(super) async fn doctor(&self) -> Result<Exit, Failure> {
        let source = crate::images::decide(self.overrides.images.unwrap_or_default()).await;
        let survey = setup::look(&self.folders()?, source.source, true).await;
        if self.output == Output::Json {
            let findings: Vec<_> = survey.findings.iter().map(Finding::to_json).collect();
            let told = serde_json::json!({"ready": survey.is_ready(), "images": source.source, "findings": findings});
            print(&format!("{told:#}"));
        } else {
            print(&format!("images   {:?}: {}", source.source, source.why).to_lowercase());
            survey.findings.iter().for_each(|finding| print(&finding.to_string()));
        }
        if survey.is_ready() {
            return Ok(Exit::Done);
        }
        Err(Failure::told(Exit::Host, "this host is not ready; `kind-harness setup` applies the remedies"))
    }

    pub(super) fn plan_command(&self, dot: bool, json: bool) -> Result<Exit, Failure> {
        let plan = self.plan()?;
        // Manifests are part of what can be wrong before anything runs.
        crate::manifests::load_all(plan.root(), &plan.suite().overlay, plan.components()).map_err(UpError::from)?;
        let text = match (dot, json || self.output == Output::Json) {
            (true, _) => plan.to_dot(),
            (false, true) => format!("{:#}", plan.to_json()),
            (false, false) => plan.to_text(),
        };
        print(text.trim_end());
        Ok(Exit::Done)
    }

    pub(super) async fn status(&self) -> Result<Exit, Failure> {
        let plan = self.plan()?;
        let (record, cluster) = self.running(&plan).await?;
        let expectations = crate::diagnostics::expected(&plan, &cluster);
        let settings = ready::Settings::from(&plan.suite().ready);
        let survey = ready::survey_with(&cluster.client, &record.namespace, &expectations, &settings).await;
        let survey = survey.map_err(|error| {
            let text = format!("the API server of cluster {} does not answer: {error}", record.name);
            Failure::told(Exit::Cluster, text)
        })?;
        let ready = survey.iter().all(|component| component.verdict.is_ready());
        match self.output {
            Output::Json => print(&format!("{:#}", serde_json::json!({"cluster": record.name, "components": survey}))),
            Output::Text => {
                print(&format!("cluster {}, namespace {}", record.name, record.namespace));
                print(&table(&survey));
            }
        }
        Ok(if ready { Exit::Done } else { Exit::NotReady })
    }

    pub(super) fn kubeconfig(&self) -> Result<Exit, Failure> {
        let (plan, folders) = (self.plan()?, self.folders()?);
        let name = plan.cluster_name();
        self.record(&name)?;
        print(&folders.cluster(&name).join("kubeconfig").display().to_string());
        Ok(Exit::Done)
    }

    /// Whether the suite has that component.
    pub(super) fn known(&self, plan: &Plan, component: Option<&str>) -> Result<(), Failure> {
        let Some(name) = component.filter(|name| plan.component(name).is_none()) else { return Ok(()) };
        let names = plan.components().map(|component| component.name.as_str()).collect::<Vec<_>>().join(", ");
        Err(Failure::told(Exit::Usage, format!("the suite has no component {name}; it has {names}")))
    }

    pub(super) async fn running(&self, plan: &Plan) -> Result<(Record, Cluster), Failure> {
        let record = self.record(&plan.cluster_name())?;
        let kubeconfig = self.folders()?.cluster(&record.name).join("kubeconfig");
        let cluster = Cluster::attach(record.clone(), kubeconfig).await;
        Ok((record, cluster.map_err(|error| Failure::new(Exit::Cluster, &error))?))
    }

    fn record(&self, name: &str) -> Result<Record, Failure> {
        let record = Records::peek(&self.folders()?, name).map_err(|error| Failure::new(Exit::Cluster, &error))?;
        record.ok_or_else(|| {
            Failure::told(Exit::Cluster, format!("there is no cluster {name}; `kind-harness up` makes it"))
        })
    }
}

fn table(survey: &[ComponentStatus]) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(["COMPONENT", "STATE", "RESTARTS", "AGE", "WHY"]);
    for component in survey {
        let (state, why) = match &component.verdict {
            ready::Verdict::Ready => ("ready", String::new()),
            ready::Verdict::Waiting { reason } => ("waiting", reason.clone()),
            ready::Verdict::Failed { reason, hint } => ("failed", format!("{reason} ({hint})")),
        };
        let age = component.age.map(age).unwrap_or_default();
        table.add_row([&component.component, state, &component.restarts.to_string(), &age, &why]);
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

fn age(age: Duration) -> String {
    match age.as_secs() {
        seconds @ 0..=119 => format!("{seconds}s"),
        seconds @ 120..=7199 => format!("{}m", seconds / 60),
        seconds => format!("{}h", seconds / 3600),
    }
}

/// Prints a line to standard output; a reader that went away (`| head`) is no error.
pub(super) fn print(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "{text}");
}
