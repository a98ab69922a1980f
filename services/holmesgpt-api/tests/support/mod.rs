//! What the tests share: requests, and HAPI with and without its database.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "a part of tests, of which each file uses a part")]

use std::{sync::Arc, time::Duration};

use axum::Router;
use holmesgpt_api::{
    DATABASE,
    http::{App, BYTES_IN_WORK, router},
    keep_database,
    llm::{Llm, mock::Mock},
    metrics::Metrics,
    store::Store,
};
use serde_json::{Value, json};
use service_common::{Check, Limits, Readiness, postgres::Postgres, testing::until};
use sqlx::{PgPool, postgres::PgConnectOptions, postgres::PgPoolOptions};
use tokio_util::task::AbortOnDropHandle;

pub const INCIDENT: &str = "/api/v1/incident/analyze";
pub const RECOVERY: &str = "/api/v1/recovery/analyze";

/// A good request of incident analysis.
pub fn incident(signal_type: &str) -> Value {
    json!({
        "incident_id": "inc-1", "remediation_id": "rem-1", "signal_type": signal_type, "severity": "critical",
        "signal_source": "prometheus", "resource_namespace": "shop", "resource_kind": "Deployment",
        "resource_name": "cart", "error_message": "container was killed", "environment": "production",
        "priority": "P1", "risk_tolerance": "low", "business_category": "standard", "cluster_name": "kind",
        "enrichment_results": {"ownerChain": [{"kind": "Deployment", "name": "cart"}]},
    })
}

/// A good request of recovery analysis.
pub fn recovery(signal_type: &str) -> Value {
    json!({
        "incident_id": "inc-1", "remediation_id": "rem-1", "signal_type": signal_type, "is_recovery_attempt": true,
        "recovery_attempt_number": 2, "previous_execution": {"workflow_id": "w", "failure_reason": "too late"},
    })
}

/// One HAPI.
pub struct Hapi {
    pub api: Router,
    pub check: Check,
    pub readiness: Readiness,
    pub metrics: Metrics,
    keeping: Option<AbortOnDropHandle<()>>,
}

impl Hapi {
    fn new(pool: PgPool, llm: impl FnOnce(Store) -> Arc<dyn Llm>, bytes_in_work: usize) -> Self {
        let store = Store::new(pool);
        let (metrics, registry) = Metrics::new();
        let readiness = Readiness::default();
        let check = readiness.check(DATABASE);
        let config = json!({"llm": "mock"});
        let limits = Limits::new(bytes_in_work, Duration::from_secs(60));
        let llm = llm(store.clone());
        let app = App { llm, store, readiness: readiness.clone(), metrics: metrics.clone(), config, limits };
        Self { api: router(app, Arc::new(registry)), check, readiness, metrics, keeping: None }
    }

    /// With a database that nobody serves.
    pub fn without_database() -> Self {
        Self::that_bears(BYTES_IN_WORK)
    }

    /// The same, with so many bytes in work at most.
    pub fn that_bears(bytes_in_work: usize) -> Self {
        let nowhere = PgConnectOptions::new_without_pgpass().host("127.0.0.1").port(1);
        let pool = PgPoolOptions::new().acquire_timeout(Duration::from_millis(200)).connect_lazy_with(nowhere);
        Self::new(pool, mock, bytes_in_work)
    }

    /// With a database, and the mock.
    pub async fn with(postgres: Postgres) -> Self {
        Self::with_llm(postgres, mock).await
    }

    /// With a database, and some language model.
    pub async fn with_llm(postgres: Postgres, llm: impl FnOnce(Store) -> Arc<dyn Llm>) -> Self {
        let mut hapi = Self::new(postgres.pool().clone(), llm, BYTES_IN_WORK);
        let check = hapi.check.clone();
        let keeping = tokio::spawn(async move { keep_database(&postgres, check).await });
        hapi.keeping = Some(AbortOnDropHandle::new(keeping));
        until("the database is up", async || hapi.is_up()).await;
        hapi
    }

    pub fn is_up(&self) -> bool {
        self.readiness.report().is_up(DATABASE)
    }
}

fn mock(store: Store) -> Arc<dyn Llm> {
    Arc::new(Mock::new(Duration::from_millis(300), store))
}
