//! Redis as DataStorage uses it: one connection that all requests share, made again when it breaks.
//!
//! One is enough because no command here blocks: each is answered in the order it was sent, and they do not wait for one
//! another. What a pool would bound, the number of commands at a time, is bounded here too (`redis.pool_size`); fifty
//! sockets would only cost Redis fifty clients per instance.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use redis::{AsyncConnectionConfig, ErrorKind, RedisError, RedisResult, aio::MultiplexedConnection};
use service_common::retry::CONNECT_TIMEOUT;
use tokio::sync::Mutex;

use crate::config::RedisConfig;

/// A command that takes longer is given up: Redis answers in less than a millisecond, or not at all.
const RESPONSE_TIMEOUT: Duration = Duration::from_millis(500);

/// Access to Redis; clones share the connection.
#[derive(Clone)]
pub struct Redis {
    client: redis::Client,
    pool_size: usize,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    connection: Option<MultiplexedConnection>,
    failed: Option<Instant>,
}

impl Redis {
    /// Prepares the access; nothing is connected yet.
    ///
    /// # Errors
    /// When the address is none.
    pub fn new(config: &RedisConfig) -> RedisResult<Self> {
        let client = redis::Client::open(config.url())?;
        Ok(Self { client, pool_size: config.pool_size, state: Arc::default() })
    }

    /// Runs a command, or several. A connection that broke is not used again.
    ///
    /// # Errors
    /// When Redis is away or refuses. A command whose answer did not come may have been carried out all the same.
    pub async fn run<T, F>(&self, command: impl FnOnce(MultiplexedConnection) -> F) -> RedisResult<T>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let result = command(self.connection().await?).await;
        if let Err(error) = &result
            && (error.is_io_error() || error.is_timeout() || error.is_connection_dropped())
        {
            self.state.lock().await.connection = None;
        }
        result
    }

    /// Whether Redis answers.
    ///
    /// # Errors
    /// When it does not, and why.
    pub async fn ping(&self) -> RedisResult<()> {
        self.run(|mut connection| async move { redis::cmd("PING").query_async(&mut connection).await }).await
    }

    async fn connection(&self) -> RedisResult<MultiplexedConnection> {
        let asked = Instant::now();
        let mut state = self.state.lock().await;
        if let Some(connection) = &state.connection {
            return Ok(connection.clone());
        }
        // Who waited here while another tried in vain need not try, and wait, once more.
        if state.failed.is_some_and(|failed| failed >= asked) {
            return Err(RedisError::from((ErrorKind::Io, "cannot connect")));
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT))
            .set_concurrency_limit(self.pool_size);
        match self.client.get_multiplexed_async_connection_with_config(&config).await {
            Ok(connection) => {
                state.connection = Some(connection.clone());
                Ok(connection)
            }
            Err(error) => {
                state.failed = Some(Instant::now());
                Err(error)
            }
        }
    }
}
