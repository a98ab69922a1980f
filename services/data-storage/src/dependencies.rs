//! Keeping PostgreSQL and Redis: asked for from the start, noticed when they go, prepared again when they come back.

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use redis::{AsyncConnectionConfig, aio::MultiplexedConnection};
use service_common::{Readiness, postgres::Postgres, retry};
use tokio::sync::Mutex;

use crate::store::{IS_PREPARED, Store};

/// How often a dependency that serves is asked whether it still does.
const PERIOD: Duration = Duration::from_secs(1);

/// What DataStorage needs to work.
pub struct Dependencies {
    /// Where the events are kept.
    pub postgres: Postgres,
    /// The same, as the service's own tables.
    pub store: Store,
    /// Where the dead-letter stream is kept.
    pub redis: redis::Client,
}

impl Dependencies {
    /// Keeps the readiness checks `database` and `redis` true to the facts, for ever.
    pub async fn keep(self, readiness: Readiness) {
        let database = retry::keep_checking(readiness.check("database"), PERIOD, || self.database());
        let connection = Mutex::new(None);
        let redis = retry::keep_checking(readiness.check("redis"), PERIOD, || self.ping_redis(&connection));
        tokio::join!(database, redis);
    }

    /// A database that lost its tables (a new pod on an empty volume) is migrated again rather than called ready.
    async fn database(&self) -> Result<()> {
        if self.postgres.ask(IS_PREPARED).await? {
            return Ok(());
        }
        self.postgres.migrate(sqlx::migrate!()).await?;
        self.store.make_months_ahead().await.context("cannot make partitions")
    }

    async fn ping_redis(&self, kept: &Mutex<Option<MultiplexedConnection>>) -> Result<()> {
        let mut kept = kept.lock().await;
        let mut connection = match kept.take() {
            Some(connection) => connection,
            None => {
                let config = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(retry::CONNECT_TIMEOUT))
                    .set_response_timeout(Some(retry::CONNECT_TIMEOUT));
                self.redis.get_multiplexed_async_connection_with_config(&config).await.map_err(once)?
            }
        };
        redis::cmd("PING").query_async::<()>(&mut connection).await.map_err(once)?;
        *kept = Some(connection);
        Ok(())
    }
}

/// The client's message has its cause in it already; a chain would say it twice.
fn once(error: redis::RedisError) -> anyhow::Error {
    anyhow!("{error}")
}
