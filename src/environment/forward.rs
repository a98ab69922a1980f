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
        let task = tokio::spawn(serve(listener, self.pods(component), component.to_owned(), port));
        Ok(Forward { address, _task: AbortOnDropHandle::new(task) })
    }
}

/// Accepts connections until the future is dropped.
async fn serve(listener: TcpListener, pods: Vec<Api<Pod>>, component: String, port: u16) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((local, _)) = listener.accept() => {
                let (pods, component) = (pods.clone(), component.clone());
                // The client of a broken connection observes the error itself.
                connections.spawn(async move { drop(connect(local, pods, &component, port).await) });
            }
            Some(_) = connections.join_next() => {}
            else => return,
        }
    }
}

async fn connect(
    mut local: TcpStream,
    pods: Vec<Api<Pod>>,
    component: &str,
    port: u16,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let (pods, pod) = ready_in(pods, component).await?.ok_or("no pod is ready")?;
    let mut forwarder = pods.portforward(&pod, &[port]).await?;
    let mut remote = forwarder.take_stream(port).ok_or("no stream")?;
    copy_bidirectional(&mut local, &mut remote).await?;
    Ok(())
}
