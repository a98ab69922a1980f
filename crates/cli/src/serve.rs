//! `serve`: the health of the running cluster over HTTP.

mod metrics;
mod routes;

use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use kind_harness::report::console::write;
use kind_harness::run::protocol::Interrupts as _;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::health::{self, Live, Schedule};
use super::inspect::{print, print_json};
use super::interrupts::Interrupts;
use super::{Cli, Exit, Failure, Output, outputs};

/// How components are asked.
const SCHEDULE: Schedule =
    Schedule { every: Duration::from_secs(5), limit: Duration::from_secs(3), cool_down: Duration::from_secs(15) };
/// How long requests that are being answered may take when the server stops.
const GRACE: Duration = Duration::from_secs(2);

/// What `serve` is told.
#[derive(Debug, Args)]
pub(super) struct Request {
    /// Listen on this address; port 0 takes a free one
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:8270")]
    listen: SocketAddr,
}

impl Cli {
    pub(super) async fn serve(&self, wanted: &Request) -> Result<Exit, Failure> {
        let mut interrupts = Interrupts::listen();
        let (live, source, (record, target)) = self.live(&SCHEDULE, true).await?;
        let listener = listen(wanted.listen).await?;
        let address = listener.local_addr().map_err(|error| Failure::new(Exit::Host, &error))?;
        if !is_loopback(address.ip()) {
            write(&format!(
                "warning: {address} is not a loopback address: every host that reaches it can read the components' \
                 states and why they fail, without a password\n"
            ));
        }
        let live = Arc::new(live);
        let mut tasks = live.keep(source, record, target, SCHEDULE);
        let url = format!("http://{address}/");
        match self.output {
            Output::Json => print_json(&outputs::Serve { url }),
            Output::Text => print(&format!("cluster {}: {url} has its board, until Ctrl-C", live.cluster)),
        }
        let stopped = async {
            tokio::select! {
                _ = interrupts.next() => Ok(Exit::Interrupted),
                () = tasks.broken() => Err(Failure::told(Exit::Internal, health::BROKEN)),
            }
        };
        answer(listener, live, stopped).await.map_err(|error| Failure::new(Exit::Host, &error))?
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        let text = format!("cannot listen on {address}: {error}; `--listen 127.0.0.1:0` takes a free port");
        Failure::told(Exit::Usage, text)
    })
}

/// Whether only programs of this host reach an address.
fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

/// Answers requests until `stopped` returns; those that are being answered then have 2 s.
async fn answer<T>(listener: TcpListener, live: Arc<Live>, stopped: impl Future<Output = T>) -> std::io::Result<T> {
    let (stop, stopping) = oneshot::channel::<()>();
    let serving = axum::serve(listener, routes::router(live)).with_graceful_shutdown(async move {
        // Dropped or sent: both stop it.
        let _ = stopping.await;
    });
    let mut serving = pin!(serving.into_future());
    let why = tokio::select! {
        ended = &mut serving => return Err(ended.err().unwrap_or_else(|| std::io::Error::other("it ended by itself"))),
        why = stopped => why,
    };
    drop(stop);
    timeout(GRACE, serving).await.unwrap_or(Ok(()))?;
    Ok(why)
}

#[cfg(test)]
mod tests;
