//! Keeping PostgreSQL and Redis: asked for from the start, noticed when they go, prepared again when they come back.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use anyhow::{Context, Result, anyhow};
use service_common::{postgres::Postgres, retry};

use crate::{
    intake::Checks,
    redis_link::Redis,
    store::{IS_PREPARED, Store},
};

/// How often a dependency that serves is asked whether it still does.
const PERIOD: Duration = Duration::from_secs(1);

/// What DataStorage needs to work.
pub struct Dependencies {
    /// Where the events are kept.
    pub postgres: Postgres,
    /// The same, as the service's own tables.
    pub store: Store,
    /// Where the dead-letter stream is kept.
    pub redis: Redis,
    /// What the readiness says of them.
    pub checks: Checks,
}

impl Dependencies {
    /// Keeps the readiness checks true to the facts, for ever.
    pub async fn keep(self) {
        let migrated = AtomicBool::new(false);
        let database = retry::keep_checking(self.checks.database.clone(), PERIOD, || self.database(&migrated));
        let redis = retry::keep_checking(self.checks.redis.clone(), PERIOD, || self.ping_redis());
        tokio::join!(database, redis);
    }

    /// Migrates at the start, because the tables may be an older version's; and when the tables are gone (a new pod on an
    /// empty volume). Asked every second, it also makes the partition of a month that has become the third ahead.
    async fn database(&self, migrated: &AtomicBool) -> Result<()> {
        if migrated.load(Ordering::Relaxed) && self.postgres.ask(IS_PREPARED).await? {
            return Ok(());
        }
        let mut migrator = sqlx::migrate!();
        // A version that is rolled back finds the migrations of the newer one; they only ever add.
        migrator.set_ignore_missing(true);
        self.postgres.migrate(migrator).await?;
        self.store.make_months_ahead().await.context("cannot make partitions")?;
        migrated.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// The client's message has its cause in it already; a chain would say it twice.
    async fn ping_redis(&self) -> Result<()> {
        self.redis.ping().await.map_err(|error| anyhow!("{error}"))
    }
}
