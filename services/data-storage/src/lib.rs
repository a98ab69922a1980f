//! DataStorage: keeps audit events in PostgreSQL and answers questions about them.
//!
//! It listens from its first moment; `/health/ready` says what it still waits for. Its dependencies may come and go in
//! any order: see [`dependencies`].

pub mod config;
pub mod dependencies;
pub mod event;
pub mod http;
pub mod metrics;
pub mod query;
pub mod store;

use std::{path::PathBuf, sync::Arc};

use anyhow::{Result, bail};
use service_common::{Readiness, Shutdown, config::load, http::serve, postgres::Postgres, telemetry};

use crate::{config::Config, dependencies::Dependencies, http::App, store::Store};

/// Runs the service until SIGTERM.
///
/// # Errors
/// When the configuration is wrong or an address is taken; never because a dependency is away.
pub async fn run() -> Result<()> {
    telemetry::init();
    let path =
        std::env::var_os("DATASTORAGE_CONFIG").map_or_else(|| "/etc/datastorage/config.yaml".into(), PathBuf::from);
    let config: Config = load(&path, "DATASTORAGE")?;
    let readiness = Readiness::default();
    let shutdown = Shutdown::install(&readiness)?;

    let postgres = Postgres::new(&config.database, "data-storage")?;
    let store = Store::new(postgres.pool().clone());
    let redis = redis::Client::open(config.redis.url())?;
    let (metrics, registry) = metrics::Metrics::new();
    let app = App { store: store.clone(), readiness: readiness.clone(), metrics };

    let dependencies = tokio::spawn(Dependencies { postgres, store, redis }.keep(readiness));
    let api = serve(config.listen, http::router(app), shutdown.stop.clone());
    let scrape =
        serve(config.metrics_listen, service_common::metrics::router(Arc::new(registry)), shutdown.stop.clone());
    tokio::select! {
        served = async { tokio::try_join!(api, scrape) } => served.map(|_| ()),
        // Never ends by itself; without it the readiness would say for ever what it said last.
        ended = dependencies => bail!("dependencies are no longer looked after: {ended:?}"),
    }
}
