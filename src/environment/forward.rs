//! Port forwarding to a component's pods.

use std::net::{Ipv4Addr, SocketAddr};

use k8s_openapi::api::core::v1::Pod;
use kube::api::Api;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

use super::pods::ready_in;
use super::{Environment, EnvironmentError};
use crate::readiness::pods::behind;
use crate::report::Phase;
use crate::suite::config::ProviderKind;
use crate::suite::manifests::ServiceOfPort;

/// A local port forwarded to a component's pods. Dropping this value closes it and all its connections.
#[derive(Debug)]
#[must_use = "the port is closed when this is dropped"]
pub struct Forward {
    address: SocketAddr,
    _task: AbortOnDropHandle<()>,
}

impl Forward {
    /// Returns the local address: a free port of 127.0.0.1.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Environment {
    /// Forwards a local port to `port` of a component's pods, through the API server. Any number of connections may be
    /// open; each is to a pod that is ready when it is opened, so that the forward outlives restarts.
    ///
    /// ```no_run
    /// # async fn example(environment: &kind_harness::Environment) -> anyhow::Result<()> {
    /// let metrics = environment.port_forward("api", 9090).await?;
    /// let text = reqwest::get(format!("http://{}/metrics", metrics.address())).await?.text().await?;
    /// assert!(text.contains("requests_total"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When there is no such component, or none of its pods is ready. A connection to a port without a listener is
    /// closed at once.
    pub async fn port_forward(&self, component: &str, port: u16) -> Result<Forward, EnvironmentError> {
        self.ready_pod(component).await?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(EnvironmentError::Port)?;
        let address = listener.local_addr().map_err(EnvironmentError::Port)?;
        let behind = Behind::Component { pods: self.pods(component), component: component.to_owned(), port };
        let task = tokio::spawn(serve(listener, behind));
        Ok(Forward { address, _task: AbortOnDropHandle::new(task) })
    }

    /// Forwards a local port to each port of a component in a cluster that is not ours at which nothing answers from
    /// here, through the API server, and makes these the addresses of [`endpoint`](Environment::endpoint), as long as what
    /// is returned exists.
    pub(super) async fn forward_unreached(&mut self) -> Result<Vec<Forward>, EnvironmentError> {
        if self.record().provider != ProviderKind::Existing {
            return Ok(Vec::new());
        }
        let plan = self.running.plan.clone();
        let ports = plan.service_ports().map_err(|error| EnvironmentError::Manifests(Box::new(error)))?;
        let mut forwards = Vec::new();
        for (component, port, service) in ports {
            let Some(service) = service.filter(|_| self.endpoint(&component.name, &port.name).is_none()) else {
                continue;
            };
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(EnvironmentError::Port)?;
            let address = listener.local_addr().map_err(EnvironmentError::Port)?;
            let text = format!("{}.{}: {address}, by port-forward while this process runs", component.name, port.name);
            self.running.events.note(Phase::Ready, text);
            let task = tokio::spawn(serve(listener, Behind::Service { client: self.client(), service }));
            forwards.push(Forward { address, _task: AbortOnDropHandle::new(task) });
            self.running.cluster.record.ports.insert(component, &port.name, address);
        }
        Ok(forwards)
    }
}

/// What a port is forwarded to.
#[derive(Clone)]
enum Behind {
    /// A port of a component's pods.
    Component { pods: Vec<Api<Pod>>, component: String, port: u16 },
    /// The pods behind a Service.
    Service { client: kube::Client, service: ServiceOfPort },
}

impl Behind {
    /// Returns a ready pod, its port, and the API of the pods in its namespace.
    async fn pod(self) -> Result<(Api<Pod>, String, u16), Box<dyn std::error::Error + Send + Sync>> {
        match self {
            Behind::Component { pods, component, port } => {
                let (pods, pod) = ready_in(pods, &component).await?.ok_or("no pod is ready")?;
                Ok((pods, pod, port))
            }
            Behind::Service { client, service: ServiceOfPort { namespace, name, port } } => {
                let (pod, port) = behind(&client, &namespace, &name, port).await?;
                Ok((Api::namespaced(client, &namespace), pod, port))
            }
        }
    }
}

/// Accepts connections until the future is dropped.
async fn serve(listener: TcpListener, behind: Behind) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((local, _)) = listener.accept() => {
                let behind = behind.clone();
                // The client of a broken connection observes the error itself.
                connections.spawn(async move { drop(connect(local, behind).await) });
            }
            Some(_) = connections.join_next() => {}
            else => return,
        }
    }
}

async fn connect(mut local: TcpStream, behind: Behind) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let (pods, pod, port) = behind.pod().await?;
    let mut forwarder = pods.portforward(&pod, &[port]).await?;
    let mut remote = forwarder.take_stream(port).ok_or("no stream")?;
    copy_bidirectional(&mut local, &mut remote).await?;
    Ok(())
}
