//! PostgreSQL as the services use it: a pool that may be made before the database is there, and migrations under a lock.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, Result, anyhow, ensure};
use serde::Deserialize;
use sqlx::{
    Connection, PgConnection, PgPool,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgPoolOptions, PgSslMode},
};
use tokio::{sync::Mutex, time::timeout};

use crate::{config::Secret, retry::CONNECT_TIMEOUT};

/// A connection that does not answer so long is given up: the host at its other end may be gone without a word.
const ASK_TIMEOUT: Duration = Duration::from_secs(2);

/// Where the database is and how much of it a service may use.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostgresConfig {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    #[serde(default = "default_port")]
    pub port: u16,
    /// Database name.
    pub database: String,
    /// Role to connect as.
    pub user: String,
    /// File that has the role's password.
    pub password_file: PathBuf,
    /// Schema that the service's tables live in; made when it is not there.
    #[serde(default = "default_schema")]
    pub schema: String,
    /// Connections that are kept once they were needed; those beyond are closed when they have nothing to do for ten
    /// minutes.
    #[serde(default)]
    pub min_connections: u32,
    /// Most connections at a time.
    #[serde(default = "default_max_connections")]
    pub max_connections: u32,
    /// A connection is replaced after this many seconds.
    #[serde(default = "default_recycle_seconds")]
    pub recycle_seconds: u64,
}

impl PostgresConfig {
    /// What serde cannot check.
    ///
    /// # Errors
    /// Names the first setting that makes no sense.
    pub fn validate(&self) -> Result<()> {
        for (name, value) in [("host", &self.host), ("database", &self.database), ("user", &self.user)] {
            ensure!(!value.is_empty(), "database.{name} is empty");
        }
        ensure!(self.port != 0, "database.port is 0");
        ensure!((1..=1000).contains(&self.max_connections), "database.max_connections is not between 1 and 1000");
        ensure!(self.min_connections <= self.max_connections, "database.min_connections is more than max_connections");
        ensure!(self.recycle_seconds >= 1, "database.recycle_seconds is 0");
        // It goes into the connection's options, where a blank or a quote would begin something else.
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        ensure!(!self.schema.is_empty() && self.schema.bytes().all(plain), "database.schema is not a plain name");
        Ok(())
    }
}

fn default_port() -> u16 {
    5432
}

fn default_schema() -> String {
    "public".to_owned()
}

fn default_max_connections() -> u32 {
    10
}

fn default_recycle_seconds() -> u64 {
    3600
}

/// One service's access to the database.
#[derive(Clone, Debug)]
pub struct Postgres {
    pool: PgPool,
    options: PgConnectOptions,
    schema: String,
    /// For [`Postgres::ask`].
    kept: Arc<Mutex<Option<PgConnection>>>,
}

impl Postgres {
    /// Prepares the access; nothing is connected yet.
    ///
    /// # Errors
    /// When the configuration makes no sense or the password cannot be read.
    pub fn new(config: &PostgresConfig, application: &str) -> Result<Self> {
        config.validate()?;
        let password = Secret::from_file(&config.password_file)?;
        let options = PgConnectOptions::new_without_pgpass()
            .host(&config.host)
            .port(config.port)
            .database(&config.database)
            .username(&config.user)
            .password(password.expose())
            .ssl_mode(PgSslMode::Disable)
            .application_name(application)
            .options([("search_path", config.schema.as_str())]);
        let pool = PgPoolOptions::new()
            .min_connections(config.min_connections)
            .max_connections(config.max_connections)
            .max_lifetime(Duration::from_secs(config.recycle_seconds))
            // A request that cannot have a connection soon is better answered than kept.
            .acquire_timeout(Duration::from_secs(2))
            .connect_lazy_with(options.clone());
        Ok(Self { pool, options, schema: config.schema.clone(), kept: Arc::default() })
    }

    /// The pool.
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Asks a question that has yes or no for an answer, on a connection that is kept for that. The pool would hide a
    /// database that is away behind its own patience, and one that is busy behind its queue.
    ///
    /// # Errors
    /// When the database is away, at once and with the reason.
    pub async fn ask(&self, question: &'static str) -> Result<bool> {
        let mut kept = self.kept.lock().await;
        let mut connection = match kept.take() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let asking = sqlx::query_scalar(question).fetch_one(&mut connection);
        let answer = timeout(ASK_TIMEOUT, asking).await.context("does not answer")?.context("cannot ask")?;
        *kept = Some(connection);
        Ok(answer)
    }

    /// sqlx's message has its cause in it already; a chain would say it twice.
    async fn connect(&self) -> Result<PgConnection> {
        match timeout(CONNECT_TIMEOUT, PgConnection::connect_with(&self.options)).await {
            Ok(result) => result.map_err(|error| anyhow!("cannot connect: {error}")),
            Err(_) => Err(anyhow!("cannot connect: no answer within {} s", CONNECT_TIMEOUT.as_secs_f32())),
        }
    }

    /// Brings the schema up to date. Instances that start together take turns under PostgreSQL's advisory lock; a
    /// connection of its own is used, so that the lock goes with it whatever happens.
    ///
    /// # Errors
    /// When the database is away or a migration fails.
    pub async fn migrate(&self, mut migrator: Migrator) -> Result<()> {
        let mut connection = self.connect().await?;
        if self.schema != "public" {
            migrator.create_schema(self.schema.clone());
        }
        migrator.run_direct(None, &mut connection, false).await.context("cannot migrate")?;
        connection.close().await.context("cannot close")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_that_make_no_sense_are_named() {
        let with = |name: &str, value: serde_json::Value| {
            let mut tree =
                json!({"host": "db", "database": "a", "user": "u", "password_file": "/p", "max_connections": 60});
            tree[name] = value;
            serde_json::from_value::<PostgresConfig>(tree).unwrap().validate()
        };
        assert!(with("min_connections", json!(20)).is_ok());
        let wrong = [
            ("host", json!("")),
            ("port", json!(0)),
            ("max_connections", json!(0)),
            ("min_connections", json!(61)),
            ("recycle_seconds", json!(0)),
            ("schema", json!("a b")),
        ];
        for (name, value) in wrong {
            let error = with(name, value).expect_err(name).to_string();
            assert!(error.contains(name), "{name}: {error}");
        }
    }
}
