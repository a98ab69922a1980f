//! `down --component`, `down --keep-cluster`: components of an environment whose cluster stays.

use super::interrupts::Interrupts;
use super::{Cli, Exit, Failure};
use kind_harness::report::Reporter;
use kind_harness::report::console::write;
use kind_harness::run::protocol::Interrupts as _;
use kind_harness::teardown::RemoveOptions;

impl Cli {
    /// Takes components away, or all of them when none is named; the cluster stays.
    pub(super) async fn kill(&self, components: &[String], force: bool) -> Result<Exit, Failure> {
        let kill = self.how_to_kill(force)?;
        let (events, reporter) = Reporter::start(self.console());
        let session = self.session(events, true)?;
        components.iter().try_for_each(|component| self.known(&session.plan, Some(component)))?;
        let mut interrupts = Interrupts::listen();
        let result = tokio::select! {
            result = session.kill(components, &kill) => result.map_err(Failure::from),
            _ = interrupts.next() => Err(Failure::told(Exit::Interrupted, "interrupted; what was asked to go still goes")),
        };
        let timeline = reporter.finish().await;
        session.keep_states(timeline.lives.clone());
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
}
