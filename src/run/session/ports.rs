//! How the ports of components in a cluster that is not ours are reached.

use futures::future::join_all;

use super::{Session, UpError};
use crate::cluster::{Cluster, PortMap, reach};
use crate::report::Phase;
use crate::suite::config::ProviderKind;

impl Session {
    /// Finds out by which addresses ports of components in an existing cluster are reached from this host, and says how,
    /// and what to do about the others. Only addresses that answer are recorded.
    pub(super) async fn reach_ports(&self, cluster: &mut Cluster) -> Result<(), UpError> {
        if cluster.record.provider != ProviderKind::Existing {
            return Ok(());
        }
        let served = self.plan.service_ports()?;
        let asked = served.iter().map(|(component, port, service)| {
            let client = &cluster.client;
            async move { (*component, *port, service, reach(client, service.as_ref(), port.node).await) }
        });
        let mut ports = PortMap::default();
        for (component, port, service, reached) in join_all(asked).await {
            let name = format!("{}.{}", component.name, port.name);
            let text = match (reached, service) {
                (None, None) => format!("{name}: nothing answers from here at port {} of a node", port.node),
                (Some((way, address)), _) => {
                    ports.insert(component, &port.name, address);
                    format!("{name}: {address}, by {way}")
                }
                (None, Some(service)) => format!(
                    "{name}: nothing answers from here, so tests get a port-forward; yours: `kubectl --kubeconfig {} -n {} \
                     port-forward service/{} :{}`",
                    cluster.kubeconfig.display(),
                    service.namespace,
                    service.name,
                    service.port
                ),
            };
            self.events.note(Phase::Ready, text);
        }
        cluster.record.ports = ports;
        Ok(())
    }
}
