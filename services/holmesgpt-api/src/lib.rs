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
pub mod question;
pub mod recovery;
pub mod store;

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail};
use service_common::{
    Check, Limits, Readiness, Shutdown, config::load, database::keep_prepared, http::serve, limits::BODY_TIMEOUT,
    postgres::Postgres, telemetry,
};

use crate::{
    config::{Config, LlmKind},
    http::{App, BYTES_IN_WORK},
    llm::{Llm, mock::Mock, openai::OpenAi},
    store::{IS_MIGRATED, KEEP_TIMEOUT, Store},
};

/// The database's name among the readiness checks.
pub const DATABASE: &str = "postgres";

/// An analysis may take so much longer than its parts.
const MARGIN: Duration = Duration::from_secs(2);

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
    let llm = investigator(&config, &store)?;
    let check = readiness.check(DATABASE);
    let limits = Limits::new(BYTES_IN_WORK, BODY_TIMEOUT + config.patience() + KEEP_TIMEOUT + MARGIN);
    let app = App { store, llm, readiness, metrics, config: config.public(), limits };

    let dependency = tokio::spawn(async move { keep_database(&postgres, check).await });
    tokio::select! {
        served = serve(config.listen, http::router(app, Arc::new(registry)), shutdown.stop.clone()) => served,
        // Never ends by itself; without it the readiness would say for ever what it said last.
        ended = dependency => bail!("the database is no longer looked after: {ended:?}"),
    }
}

/// Who investigates.
fn investigator(config: &Config, store: &Store) -> Result<Arc<dyn Llm>> {
    Ok(match config.llm {
        LlmKind::Mock => Arc::new(Mock::new(Duration::from_millis(config.mock_slow_ms), store.clone())),
        LlmKind::OpenAi => {
            let openai = config.openai.clone().context("llm is openai, but where it is, openai, is not configured")?;
            Arc::new(OpenAi::new(openai)?)
        }
    })
}

/// Keeps the database migrated and `check` true, for ever.
pub async fn keep_database(postgres: &Postgres, check: Check) {
    keep_prepared(postgres, check, IS_MIGRATED, || postgres.migrate(sqlx::migrate!())).await;
}
