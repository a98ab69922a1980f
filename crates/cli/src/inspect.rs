//! `doctor`, `plan`, `kubeconfig`: what only looks.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::Duration;

use serde::Serialize;
use tokio::time::timeout;

use super::consent::consent;
use super::interrupts::Interrupts;
use super::outputs::{self, Doctor};
use super::{Cli, Exit, Failure, Output};
use kind_harness::cluster::{Cluster, Record, Records};
use kind_harness::host::setup::{self, Engine, State, Tool};
use kind_harness::images::{self, Choice, Needed};
use kind_harness::readiness::redact::{MASKED_BY_FIELD, Redactor};
use kind_harness::report::Reporter;
use kind_harness::report::console::write;
use kind_harness::run::diagnostics;
use kind_harness::run::protocol::Interrupts as _;
use kind_harness::run::session::UpError;
use kind_harness::sources;
use kind_harness::suite::name::ClusterName;
use kind_harness::suite::plan::Plan;

impl Cli {
    pub(super) async fn doctor(&self) -> Result<Exit, Failure> {
        let folders = self.folders()?;
        let engine = setup::recall_engine(&folders).await;
        let source = self.source(engine.as_ref()).await;
        let mut survey = setup::examine(&folders, source.source).await;
        let mut is_ready = survey.is_ready();
        for tool in self.suites_tools() {
            let finding = setup::examine_tool(tool, &folders).await;
            is_ready &= !matches!(finding.state, State::Missing { .. });
            survey.findings.push(finding);
        }
        if self.output == Output::Json {
            print_json(&Doctor { ready: is_ready, images: source.source, findings: &survey.findings });
        } else {
            print(&format!("images   {:?}: {}", source.source, source.why).to_lowercase());
            survey.findings.iter().for_each(|finding| print(&finding.to_string()));
        }
        if is_ready {
            return Ok(Exit::Done);
        }
        Err(Failure::told(Exit::Host, "this host is not ready; `kind-harness setup` applies the remedies"))
    }

    pub(super) async fn plan_command(&self, dot: bool, json: bool) -> Result<Exit, Failure> {
        let plan = self.rendered_plan().await?;
        // Manifests are part of what can be wrong before anything runs.
        plan.manifests().map_err(UpError::from)?;
        match (dot, json || self.output == Output::Json) {
            (true, _) => print(plan.to_dot().trim_end()),
            (false, true) => print_json(&outputs::Plan::of(&plan)),
            (false, false) => print(plan.to_text().trim_end()),
        }
        Ok(Exit::Done)
    }

    /// Returns the tools that the suite needs; none without a suite.
    pub(super) fn suites_tools(&self) -> BTreeSet<Tool> {
        self.plan().map(|plan| sources::needed_tools(&plan)).unwrap_or_default()
    }

    /// Returns where this host's images come from; those of the suite, if there is one.
    pub(super) async fn source(&self, engine: Option<&Engine>) -> Choice {
        let (wanted, needed) = match self.plan() {
            Ok(plan) => {
                let suite = plan.suite();
                (suite.images, Needed::of(&plan).and_nodes(suite.cluster.kubernetes.as_deref(), &[]))
            }
            Err(_) => (self.flags.images().unwrap_or_default(), Needed::default().and_nodes(None, &[])),
        };
        images::decide(wanted, engine, &needed).await
    }

    /// Returns the plan with all its sources rendered.
    pub(super) async fn rendered_plan(&self) -> Result<Plan, Failure> {
        let (mut plan, folders) = (self.plan()?, self.folders()?);
        if plan.run().is_none() {
            // As long as an id of a run, which `up` chooses.
            plan = plan.with_run("000000");
        }
        let (events, reporter) = Reporter::start(self.console());
        let mut interrupts = Interrupts::listen();
        let rendered = tokio::select! {
            rendered = sources::render(&plan, &folders, consent(false), &events) => Some(rendered),
            _ = interrupts.next() => None,
        };
        reporter.finish().await;
        let interrupted = || Failure::told(Exit::Interrupted, "interrupted");
        let rendered = rendered.ok_or_else(interrupted)?.map_err(UpError::from)?;
        let plan = plan.with_rendered(rendered);
        plan.teach(Redactor::global());
        Ok(plan)
    }

    pub(super) fn kubeconfig(&self) -> Result<Exit, Failure> {
        let (plan, folders) = (self.plan()?, self.folders()?);
        let name = plan.cluster_name();
        self.record(name)?;
        print(&folders.cluster(name).join("kubeconfig").display().to_string());
        Ok(Exit::Done)
    }

    /// Whether the suite has that component.
    pub(super) fn known(&self, plan: &Plan, component: Option<&str>) -> Result<(), Failure> {
        let Some(name) = component.filter(|name| plan.component(name).is_none()) else { return Ok(()) };
        let names = plan.components().map(|component| component.name.as_str()).collect::<Vec<_>>().join(", ");
        Err(Failure::told(Exit::Usage, format!("the suite has no component {name}; it has {names}")))
    }

    pub(super) async fn running(&self, plan: &Plan) -> Result<(Record, Cluster), Failure> {
        let record = self.record(plan.cluster_name())?;
        let kubeconfig = self.folders()?.cluster(&record.name).join("kubeconfig");
        let cluster = Cluster::attach(record.clone(), kubeconfig).await;
        let cluster = cluster.map_err(|error| Failure::new(Exit::Cluster, &error))?;
        Redactor::global().learn_credentials(&cluster.config);
        Ok((record, cluster))
    }

    /// The same, for a command that quotes what components say: what their Secrets hold is learned before.
    pub(super) async fn running_masked(&self, plan: &Plan) -> Result<(Record, Cluster), Failure> {
        self.running_masked_within(plan, Duration::MAX).await
    }

    /// The same, with a limit for listing the Secrets.
    pub(super) async fn running_masked_within(
        &self,
        plan: &Plan,
        limit: Duration,
    ) -> Result<(Record, Cluster), Failure> {
        let (record, cluster) = self.running(plan).await?;
        for namespace in record.namespaces(None) {
            let learned = timeout(limit, diagnostics::learn_secrets(&cluster.client, Some(&namespace))).await;
            if let Err(why) = learned.unwrap_or_else(|_| Err(format!("no answer within {limit:?}"))) {
                let text = format!("Secrets in namespace {namespace} cannot be listed: {MASKED_BY_FIELD} ({why})");
                write(&format!("warning: {text}\n"));
            }
        }
        Ok((record, cluster))
    }

    fn record(&self, name: &ClusterName) -> Result<Record, Failure> {
        let record = Records::peek(&self.folders()?, name).map_err(|error| Failure::new(Exit::Cluster, &error))?;
        record.ok_or_else(|| {
            Failure::told(Exit::Cluster, format!("there is no cluster {name}; `kind-harness up` makes it"))
        })
    }
}

/// What to tell of a cluster whose API server did not answer.
pub(super) fn silent(record: &Record, error: &kube::Error) -> String {
    let (name, why) = (&record.name, kind_harness::readiness::errors::innermost(error));
    format!(
        "the API server of cluster {name} does not answer: {why}; `kind-harness ps` tells its state, `kind-harness up` makes a stopped one anew"
    )
}

/// Prints a line to standard output, with secrets masked; a reader that went away (`| head`) is no error.
pub(super) fn print(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "{}", Redactor::global().text(text));
}

/// Returns a table as lines, without the blanks at their ends.
pub(super) fn lines_of(table: &comfy_table::Table) -> String {
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// Prints JSON to standard output, with secrets masked in its strings.
pub(super) fn print_json(told: &impl Serialize) {
    use std::io::Write;
    let text = serde_json::to_string_pretty(told).unwrap_or_default();
    let text = masked(told, &text).map_or(text, |told| format!("{told:#}"));
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Prints JSON as one line to standard output, with secrets masked in its strings.
pub(super) fn print_json_line(told: &impl Serialize) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "{}", json_line(told));
}

/// Returns JSON as one line, with secrets masked in its strings.
pub(super) fn json_line(told: &impl Serialize) -> String {
    let text = serde_json::to_string(told).unwrap_or_default();
    masked(told, &text).map_or(text, |told| told.to_string())
}

/// Returns the value with secrets masked in its strings; `None` when its text has none. Masked as a text, a number would
/// leave no JSON.
fn masked(told: &impl Serialize, text: &str) -> Option<serde_json::Value> {
    if matches!(Redactor::global().text(text), Cow::Borrowed(_)) {
        return None;
    }
    let mut told = serde_json::to_value(told).unwrap_or_default();
    Redactor::global().strings(&mut told);
    Some(told)
}
