//! The cluster of a session: created, or returned to the state in which it booted; and the images that go into its nodes.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::try_join;

use super::{Session, UpError};
use crate::cluster::{Cluster, ClusterError, CreateRequest, Lease, Provider, Record, Records};
use crate::host::exec;
use crate::host::resilience::Resilience;
use crate::images::{ImageBuilds, ImageError, Loads, NodesSignal, NodesUp};
use crate::report::Phase;
use crate::suite::name::ClusterName;

impl Session {
    /// Starts loading the components' images. They go into the nodes once these are there, which the caller signals.
    pub(super) fn loads(
        &self,
        name: &ClusterName,
        provider: &Provider,
        builds: &Arc<ImageBuilds>,
        resilience: &Resilience,
    ) -> (NodesSignal, Arc<Loads>) {
        let (provider, name, load) = (provider.clone(), name.clone(), self.plan.suite().cluster.load);
        let (signal, nodes) = NodesUp::new(move || {
            let (provider, name) = (provider.clone(), name.clone());
            async move {
                let nodes =
                    provider.nodes(&name).await.map_err(|error| Arc::new(ImageError::Nodes(Box::new(error))))?;
                Ok(nodes.map(|nodes| nodes.loading(load)))
            }
            .boxed()
        });
        let components = self.plan.components().map(|component| component.name.as_str());
        (signal, Arc::new(Loads::begin(components, builds, &nodes, &self.events, resilience)))
    }

    /// Removes leaked clusters once nothing is loaded any more: whoever loads images waits for the engine, too.
    pub(super) async fn collect_after(&self, loads: &Loads) {
        loads.ended().await;
        self.collect(self.plan.cluster_name()).await;
    }

    /// Creates the cluster.
    pub(super) async fn cluster(
        &self,
        name: &ClusterName,
        provider: &Provider,
        builds: &ImageBuilds,
        records: &Arc<Records>,
        lease: &Lease,
        nodes_up: NodesSignal,
    ) -> Result<Cluster, UpError> {
        let made = async { Ok::<_, UpError>((builds.node().await?, self.cache(builds).await?)) };
        let asked = async { Ok(provider.layers(&self.plan, &self.events).await?) };
        let ((image, cache), layers) = try_join(made, asked).await?;
        let step = self.events.step(Phase::Cluster, name.as_str());
        let (undoing, kept) = (provider.clone(), records.clone());
        self.undo.register(format!("cluster {name}"), async move {
            // What the engine is still making is recorded when it is made.
            let _ = tokio::task::spawn_blocking(exec::settle).await;
            let owned = kept.read()?.and_then(|record| kept.owned(&record));
            undoing.delete(&kept, owned.as_ref()).await
        });
        let wanted = CreateRequest {
            name,
            plan: &self.plan,
            image: image.as_ref(),
            cache: cache.as_ref(),
            layers,
            records,
            lease,
            nodes_up,
            step: &step,
            events: &self.events,
        };
        let record = tokio::select! {
            record = provider.create(wanted) => record?,
            // Booting a cluster is pointless if an image is missing.
            error = builds.failure() => return Err(error.into()),
        };
        records.write(&record)?;
        let cluster = Cluster::attach(record, records.kubeconfig()).await?;
        step.done();
        Ok(cluster)
    }

    /// Returns the cluster of `record` to the state in which it booted.
    pub(super) async fn emptied(
        &self,
        record: Record,
        provider: &Provider,
        records: &Records,
    ) -> Result<Record, UpError> {
        let Provider::Kind(kind) = provider else {
            let (name, why) = (record.name.to_string(), "it was not made by kind-harness");
            return Err(ClusterError::NoReset { name, why }.into());
        };
        let step = self.events.step(Phase::Cluster, record.name.as_str());
        // Written first: whatever happens, what was deployed is gone.
        let record = Record { deployment: None, ..record };
        records.write(&record)?;
        let cluster = Cluster::attach(record, records.kubeconfig()).await?;
        kind.reset(&cluster, &step).await?;
        step.done();
        Ok(cluster.record)
    }
}
