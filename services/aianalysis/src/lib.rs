//! The AIAnalysis controller: takes each `AIAnalysis` object from Pending to Completed or Failed.
//!
//! [`flow`] is the state machine, pure; [`reconcile`] does what it says: asks HolmesGPT-API ([`hapi`]) and the approval
//! policy ([`policy`]), writes the status, and leaves a [`trail`] in DataStorage ([`audit`]).

pub mod api;
pub mod approval;
pub mod audit;
pub mod conditions;
pub mod config;
pub mod controller;
pub mod flow;
pub mod hapi;
pub mod health;
pub mod metrics;
pub mod policy;
pub mod policy_watch;
pub mod reconcile;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod stand_in;
pub mod trail;
pub mod watching;

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, bail};
use kube::{Client, api::ListParams};
use service_common::{Readiness, Shutdown, config::load, http::serve, retry, telemetry};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    audit::Audit, config::Config, config::WatchConfig, hapi::Hapi, metrics::Metrics, policy::Policy,
    policy_watch::Follower, reconcile::Context,
};

/// How often a dependency that serves is asked whether it still does.
const PERIOD: Duration = Duration::from_secs(2);

/// Runs the controller until SIGTERM.
///
/// # Errors
/// When the configuration is wrong or an address is taken; never because a dependency is away.
pub async fn run() -> Result<()> {
    telemetry::init();
    let path =
        std::env::var_os("AIANALYSIS_CONFIG").map_or_else(|| "/etc/aianalysis/config.yaml".into(), PathBuf::from);
    let config: Config = load(&path, "AIANALYSIS")?;
    let readiness = Readiness::default();
    let shutdown = Shutdown::install(&readiness)?;
    // No connection is used twice. Kept ones would stay with the pod, or whatever else on the way, that answered first:
    // seen when a Service was asked before the node had routes for it, and something outside the cluster said 404.
    let http = reqwest::Client::builder().connect_timeout(retry::CONNECT_TIMEOUT).pool_max_idle_per_host(0).build()?;
    let mut kubernetes = kube::Config::infer().await.context("no Kubernetes to talk to")?;
    kubernetes.connect_timeout = Some(retry::CONNECT_TIMEOUT);
    let client = Client::try_from(kubernetes)?;
    let (metrics, registry) = Metrics::new();
    let audit = Audit::new(http.clone(), &config.data_storage_url, metrics.clone());
    let hapi = Hapi::new(http.clone(), &config.holmesgpt_url);
    let policy = Policy::default();

    let dependencies = tokio::spawn(keep_dependencies(readiness.clone(), http, hapi.clone(), config.clone()));
    let follower = Follower {
        config: config.policy.clone(),
        policy: policy.clone(),
        check: readiness.check("policy"),
        metrics: metrics.clone(),
    };
    let policies = tokio::spawn(follower.follow(client.clone(), shutdown.requested.clone()));
    let context = Arc::new(Context { client, hapi, policy: policy.clone(), audit: audit.clone(), metrics });
    let working = work(context, config.watch, audit, readiness.clone(), shutdown.requested.clone());
    // The listeners go last: until the audit trail is complete somebody may want to know how it stands.
    let finished = CancellationToken::new();
    let health = serve(config.health_listen, health::router(readiness, policy), finished.clone());
    let scrape = serve(config.metrics_listen, service_common::metrics::router(Arc::new(registry)), finished.clone());
    let all = async {
        working.await;
        finished.cancel();
        Ok(())
    };
    tokio::select! {
        served = async { tokio::try_join!(all, health, scrape) } => served.map(|_| ()),
        // Neither ends by itself; without them decisions and readiness would stay for ever what they were last.
        ended = dependencies => bail!("dependencies are no longer looked after: {ended:?}"),
        ended = unasked(policies, shutdown.requested) => bail!("the policy is no longer followed: {ended}"),
    }
}

/// Ends when a task does, unless it was asked to.
async fn unasked(task: JoinHandle<()>, asked: CancellationToken) -> String {
    let ended = task.await;
    if asked.is_cancelled() && ended.is_ok() {
        std::future::pending::<()>().await;
    }
    format!("{ended:?}")
}

/// The controller until it is asked to stop, and then the audit trail until it is complete.
async fn work(context: Arc<Context>, watch: WatchConfig, audit: Audit, readiness: Readiness, stop: CancellationToken) {
    let trail_complete = CancellationToken::new();
    let trail = tokio::spawn(audit.run(trail_complete.clone()));
    let check = readiness.check("kubernetes");
    let api = watch.api(context.client.clone());
    let first = ListParams::default().limit(1);
    // The definition may come after the controller; a watch of what is not defined would be an error per attempt.
    let defined =
        retry::until_ok(&check, || async { api.list_metadata(&first).await.map(|_| ()).map_err(anyhow::Error::from) });
    if stop.run_until_cancelled(defined).await.is_some() {
        controller::run(context, watch, stop).await;
    }
    trail_complete.cancel();
    if let Err(error) = trail.await {
        tracing::error!(%error, "the audit trail has ended badly");
    }
}

async fn keep_dependencies(readiness: Readiness, http: reqwest::Client, hapi: Hapi, config: Config) {
    let url = format!("{}/health/ready", config.data_storage_url.trim_end_matches('/'));
    let data_storage = retry::keep_checking(readiness.check("data-storage"), PERIOD, || hapi::ready(&http, &url));
    let holmesgpt = retry::keep_checking(readiness.check("holmesgpt-api"), PERIOD, || hapi.is_ready());
    tokio::join!(data_storage, holmesgpt);
}
