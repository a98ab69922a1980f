//! The environment as it came up, again, whatever tests did to it.

use std::sync::Mutex;

use super::scope::Scope;
use super::{Environment, EnvironmentError};
use crate::host::folders::Folders;
use crate::host::setup::{Consent, consent_of_environment};
use crate::report::Reporter;
use crate::report::console::PlainConsole;
use crate::run::session::{LeaseOptions, Session};
use crate::teardown::{Undo, UnfinishedReports};

impl Environment {
    /// Returns the cluster to the state in which it booted, deploys the components again, and waits until all are ready.
    /// Nothing is left of what was deployed or of any test's namespaces, but what pods have written into folders of the
    /// node itself (`hostPath`). Kubeconfigs, clients and addresses stay valid; images are not loaded again.
    ///
    /// Only a test that has the environment for itself may do this (`#[kind_harness::test(exclusive)]`); outside of tests
    /// this waits for those that run. Namespaces that the test has created before are gone.
    ///
    /// ```no_run
    /// #[kind_harness::test(exclusive)]
    /// async fn the_operator_survives_without_its_definitions(environment: &kind_harness::Environment) -> anyhow::Result<()> {
    ///     // Delete what no other test could work without, and check.
    ///     environment.reset().await?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// When other tests may run beside this one; when the cluster is not of one node that kind-harness has made, or its
    /// control plane or a component does not come up again.
    pub async fn reset(&self) -> Result<(), EnvironmentError> {
        let _turn = self.turn(Some(Scope::Alone)).await.map_err(Box::new)?;
        let folders = Folders::of_user().map_err(|error| EnvironmentError::File(std::io::Error::other(error)))?;
        let (events, reporter) = Reporter::start(PlainConsole::default());
        let mut session = Session {
            plan: (*self.running.plan).clone(),
            folders,
            events,
            undo: Undo::default(),
            terms: LeaseOptions::default(),
            record: Mutex::default(),
            reports: UnfinishedReports::default(),
            agree: consent_of_environment,
            confirm: |_| consent_of_environment(&[]) == Consent::Given,
        };
        let reset = session.reset(self.running.records.upgrade()).await;
        reporter.finish().await;
        reset.map(drop).map_err(|error| EnvironmentError::Reset(Box::new(error)))
    }
}
