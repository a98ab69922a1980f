//! The whole service inside the test's process, without its listeners.

use axum::Router;
use data_storage::{
    config::DeadLetterConfig,
    dead_letter::DeadLetter,
    dependencies::Dependencies,
    drain::Drain,
    group::Groups,
    http::{App, router},
    intake::{Checks, Intake},
    metrics::Metrics,
    store::Store,
};
use service_common::Readiness;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{PostgresServer, RedisServer, until};

/// One instance of the service; several may share the servers. It ends when dropped.
pub struct Instance {
    pub api: Router,
    pub readiness: Readiness,
    pub store: Store,
    pub metrics: Metrics,
    tasks: [JoinHandle<()>; 2],
}

impl Instance {
    /// Starts one, and waits until it is ready.
    pub async fn start(postgres: &PostgresServer, redis: &RedisServer) -> Self {
        let instance = Self::start_with(postgres, redis, DeadLetterConfig::default());
        until("the instance is ready", async || instance.readiness.report().ready).await;
        instance
    }

    /// Starts one, whatever is there.
    pub fn start_with(postgres: &PostgresServer, redis: &RedisServer, limits: DeadLetterConfig) -> Self {
        let (postgres, redis) = (postgres.postgres("public"), redis.redis());
        let readiness = Readiness::default();
        let checks = Checks::new(&readiness);
        let store = Store::new(postgres.pool().clone());
        let dead_letter = DeadLetter::new(redis.clone(), limits);
        let (metrics, _) = Metrics::new(store.pool().clone());
        let intake = Intake {
            store: store.clone(),
            dead_letter: dead_letter.clone(),
            checks: checks.clone(),
            metrics: metrics.clone(),
        };
        let app = App::new(Groups::start(intake.clone()), intake, readiness.clone());
        let drain = Drain { store: store.clone(), dead_letter, checks: checks.clone(), metrics: metrics.clone() };
        let keeping = Dependencies { postgres, store: store.clone(), redis, checks }.keep();
        let tasks = [tokio::spawn(keeping), tokio::spawn(drain.run(CancellationToken::new()))];
        Self { api: router(app), readiness, store, metrics, tasks }
    }

    /// Waits until it has noticed that a dependency came or went.
    pub async fn notices(&self, dependency: &str, is_up: bool) {
        let what = format!("{dependency} is {}", if is_up { "up" } else { "down" });
        until(&what, async || self.readiness.report().is_up(dependency) == is_up).await;
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}
