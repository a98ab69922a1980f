//! `up --only`, `down --component`, `down --keep-cluster`: single components of an environment that is up.

use std::path::Path;

use super::interrupts::Interrupts;
use super::{Cli, Exit, Failure, Output};
use kind_harness::environment::Environment;
use kind_harness::report::console::write;
use kind_harness::report::{Reporter, to_json, to_table};
use kind_harness::teardown::RemoveOptions;

impl Cli {
    /// Deploys components again, and waits until they are ready.
    pub(super) async fn up_only(&self, only: &[String], yes: bool, report: Option<&Path>) -> Result<Exit, Failure> {
        let (events, reporter) = Reporter::start(self.console());
        let session = self.session(events, yes)?;
        self.all_known(&session.plan, only)?;
        let mut interrupts = Interrupts::listen();
        let result = tokio::select! {
            result = session.up_only(only) => result.map(Environment::from).map_err(Failure::from),
            () = interrupts.next() => Err(Failure::told(Exit::Interrupted, "interrupted; what was deployed stays")),
        };
        let timeline = reporter.finish().await;
        let strategy = format!("{:?}", session.plan.suite().strategy).to_lowercase();
        if let Some(path) = report {
            let text = format!("{}\n", to_json(&timeline, &strategy));
            kind_harness::host::folders::write_output(path, &text)
                .map_err(|error| Failure::new(Exit::Internal, &error))?;
        }
        self.keep_states(&session, &timeline);
        let environment = result?;
        if self.output == Output::Json {
            self.tell(&environment, &timeline, &strategy);
        } else {
            let table = if self.quiet { String::new() } else { format!("\n{}\n", to_table(&timeline)) };
            write(&format!("{table}{} ready again in cluster {}\n", only.join(", "), environment.name()));
        }
        Ok(Exit::Done)
    }

    /// Takes components away, or all of them when none is named; the cluster stays.
    pub(super) async fn kill(&self, components: &[String], force: bool) -> Result<Exit, Failure> {
        let kill = self.how_to_kill(force)?;
        let (events, reporter) = Reporter::start(self.console());
        let session = self.session(events, true)?;
        self.all_known(&session.plan, components)?;
        let mut interrupts = Interrupts::listen();
        let result = tokio::select! {
            result = session.kill(components, &kill) => result.map_err(Failure::from),
            () = interrupts.next() => Err(Failure::told(Exit::Interrupted, "interrupted; what was asked to go still goes")),
        };
        let timeline = reporter.finish().await;
        self.keep_states(&session, &timeline);
        result?;
        let (name, wall) = (session.plan.cluster_name(), timeline.wall().as_secs_f64());
        let gone = if components.is_empty() { "every component".to_owned() } else { components.join(", ") };
        write(&format!("{gone} gone from cluster {name} in {wall:.1} s; the cluster stays\n"));
        Ok(Exit::Done)
    }

    /// The variables, and the flag over them.
    pub(super) fn how_to_kill(&self, force: bool) -> Result<RemoveOptions, Failure> {
        Ok(RemoveOptions { force, ..RemoveOptions::from(self.switches()?) })
    }

    fn all_known(&self, plan: &kind_harness::suite::plan::Plan, components: &[String]) -> Result<(), Failure> {
        components.iter().try_for_each(|component| self.known(plan, Some(component)))
    }
}
