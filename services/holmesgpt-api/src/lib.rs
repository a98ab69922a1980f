//! HolmesGPT-API (HAPI): says what happened in an incident, and which workflow would remedy it.
//!
//! A request is validated ([`incident`], [`recovery`]), put to a language model ([`llm`]), and the answer is kept
//! ([`store`]) before it is given: an investigation that somebody acts upon can always be looked up again.

pub mod answer;
pub mod config;
pub mod http;
pub mod incident;
pub mod llm;
pub mod metrics;
pub mod recovery;
pub mod store;

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Result, bail};
use service_common::{Readiness, Shutdown, config::load, http::serve, postgres::Postgres, retry, telemetry};

use crate::{
    config::{Config, LlmKind},
    http::App,
    llm::mock::Mock,
    store::{IS_MIGRATED, Store},
};

/// How often PostgreSQL is asked whether it still serves.
const PERIOD: Duration = Duration::from_secs(1);

/// Runs the service until SIGTERM.
///
/// # Errors
/// When the configuration is wrong or an address is taken; never because a dependency is away.
pub async fn run() -> Result<()> {
    telemetry::init();
    let path = std::env::var_os("HAPI_CONFIG").map_or_else(|| "/etc/holmesgpt-api/config.yaml".into(), PathBuf::from);
    let config: Config = load(&path, "HAPI")?;
    let readiness = Readiness::default();
    let shutdown = Shutdown::install(&readiness)?;

    let postgres = Postgres::new(&config.database, "holmesgpt-api")?;
    let store = Store::new(postgres.pool().clone());
    let (metrics, registry) = metrics::Metrics::new();
    let llm = match config.llm {
        LlmKind::Mock => Arc::new(Mock::new(Duration::from_millis(config.mock_slow_ms))),
    };
    let app = App { store, llm, readiness: readiness.clone(), metrics, config: config.public() };

    let check = readiness.check("postgres");
    let dependency = tokio::spawn(retry::keep_checking(check, PERIOD, move || keep_database(postgres.clone())));
    tokio::select! {
        served = serve(config.listen, http::router(app, Arc::new(registry)), shutdown.stop.clone()) => served,
        // Never ends by itself; without it the readiness would say for ever what it said last.
        ended = dependency => bail!("the database is no longer looked after: {ended:?}"),
    }
}

/// A database that lost its tables (a new pod on an empty volume) is migrated again rather than called ready.
async fn keep_database(postgres: Postgres) -> Result<()> {
    if postgres.ask(IS_MIGRATED).await? {
        return Ok(());
    }
    postgres.migrate(sqlx::migrate!()).await
}
