//! The host of a run, and where its images come from.

use super::{Session, UpError};
use crate::cluster::{self, ClusterError, Provider, Records};
use crate::host::setup::{self, Host};
use crate::images::{self, Needed};
use crate::report::Phase;
use crate::suite::config::{ImageSource, ProviderKind};

impl Session {
    /// Removes a cluster that did not boot from its snapshot, so that kubeadm boots it.
    pub(super) async fn remove_refused(
        &self,
        provider: &Provider,
        records: &Records,
        why: &ClusterError,
    ) -> Result<(), UpError> {
        let why = crate::readiness::errors::chain(why);
        self.events
            .warn(Phase::Cluster, format!("kubeadm boots the control plane, since its snapshot does not: {why}"));
        let owned = records.read()?.and_then(|record| records.owned(&record));
        Ok(provider.delete(records, owned.as_ref()).await?)
    }

    /// Prepares the host, and decides where images come from. The engine is asked for that, so it is there first.
    pub(super) async fn host(&self, records: &Records) -> Result<(Option<Host>, ImageSource), UpError> {
        let suite = self.plan.suite();
        if suite.cluster.provider == ProviderKind::Existing {
            return Ok((None, ImageSource::Registry));
        }
        let ensure = |source| setup::ensure(&self.folders, source, self.agree, &self.events);
        if suite.images != ImageSource::Auto {
            return Ok((Some(ensure(suite.images).await?), suite.images));
        }
        let host = ensure(ImageSource::Registry).await?;
        let mut needed = Needed::of(&self.plan);
        if records.read()?.is_none() {
            needed = needed.and_nodes(&cluster::node_images(&self.plan)?);
        }
        let step = self.events.step(Phase::Images, "source");
        let choice = images::decide(suite.images, Some(&host.engine), &needed).await;
        step.done();
        self.events.note(Phase::Images, format!("source: {}", choice.why));
        match choice.source {
            ImageSource::Packages => Ok((Some(ensure(choice.source).await?), choice.source)),
            source => Ok((Some(host), source)),
        }
    }
}
