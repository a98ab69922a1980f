//! DataStorage: keeps audit events in PostgreSQL and answers questions about them.
//!
//! It listens from its first moment; `/health/ready` says what it still waits for. Its dependencies may come and go in
//! any order: see [`dependencies`]. What happens to an event on its way in is told in [`intake`]; how it comes back when
//! PostgreSQL was away, in [`drain`].

pub mod config;
pub mod dead_letter;
pub mod dependencies;
pub mod drain;
pub mod event;
pub mod group;
pub mod http;
pub mod intake;
pub mod json;
pub mod metrics;
pub mod query;
pub mod redis_link;
pub mod store;

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail};
use service_common::{Readiness, Shutdown, config::load, http::serve, postgres::Postgres, telemetry};
use tokio::time::timeout;

use crate::{
    config::Config,
    dead_letter::DeadLetter,
    dependencies::Dependencies,
    drain::Drain,
    group::Groups,
    http::App,
    intake::{Checks, Intake},
    metrics::Metrics,
    redis_link::Redis,
    store::Store,
};

/// Requests that are in flight when the listeners close have so long; no write takes longer. A client that never ends
/// its request must not keep the process until it is killed.
const LAST_REQUESTS: Duration = Duration::from_secs(6);

/// Runs the service until SIGTERM.
///
/// # Errors
/// When the configuration is wrong or an address is taken; never because a dependency is away.
pub async fn run() -> Result<()> {
    telemetry::init();
    let path =
        std::env::var_os("DATASTORAGE_CONFIG").map_or_else(|| "/etc/datastorage/config.yaml".into(), PathBuf::from);
    let config: Config = load(&path, "DATASTORAGE")?;
    config.validate().with_context(|| format!("configuration {} is not valid", path.display()))?;
    let readiness = Readiness::default();
    let shutdown = Shutdown::install(&readiness)?;

    let postgres = Postgres::new(&config.database, "data-storage")?;
    let store = Store::new(postgres.pool().clone());
    let redis = Redis::new(&config.redis)?;
    let dead_letter = DeadLetter::new(redis.clone(), config.dead_letter);
    let checks = Checks::new(&readiness);
    let (metrics, registry) = Metrics::new(store.pool().clone());
    let intake = Intake {
        store: store.clone(),
        dead_letter: dead_letter.clone(),
        checks: checks.clone(),
        metrics: metrics.clone(),
    };
    let app = App::new(Groups::start(intake.clone()), intake, readiness);

    let drain = Drain { store: store.clone(), dead_letter, checks: checks.clone(), metrics };
    let drain = tokio::spawn(drain.run(shutdown.requested.clone()));
    let dependencies = tokio::spawn(Dependencies { postgres, store, redis, checks }.keep());
    let registry = service_common::metrics::router(Arc::new(registry));
    let served = async {
        let api = serve(config.listen, http::router(app), shutdown.stop.clone());
        tokio::try_join!(api, serve(config.metrics_listen, registry, shutdown.stop.clone())).map(|_| ())
    };
    tokio::pin!(served);
    tokio::select! {
        result = &mut served => result?,
        () = shutdown.stop.cancelled() => match timeout(LAST_REQUESTS, served).await {
            Ok(result) => result?,
            Err(_) => tracing::warn!("requests are left that do not end"),
        },
        // Never ends by itself; without it the readiness would say for ever what it said last.
        ended = dependencies => bail!("dependencies are no longer looked after: {ended:?}"),
    }
    drain.await.context("the dead-letter stream was not drained")
}
