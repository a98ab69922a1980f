//! What specs have in common: the environment, a namespace for each, and a client for each service.

mod analysis;
mod answer;
mod controller;
mod data_storage;
mod exposition;
mod hapi;
mod healing;
mod pods;
mod trail;
mod waiting;

use std::ops::Deref;

use kind_harness::environment::{Environment, TestNamespace, current_test};
use rstest::fixture;

pub(crate) use analysis::{Fixture, analysis};
pub(crate) use controller::Controller;
pub(crate) use data_storage::{AuditEvent, DataStorage, NewEvent, Taken};
pub(crate) use exposition::Exposition;
pub(crate) use hapi::Hapi;
pub(crate) use healing::Alone;
pub(crate) use trail::{CYCLE, Trail};
pub(crate) use waiting::eventually;

/// A spec's view of the world: the shared environment, and a namespace of its own.
pub(crate) struct Spec {
    environment: &'static Environment,
    client: kube::Client,
    /// Deleted when the spec is over.
    pub(crate) namespace: TestNamespace,
    pub(crate) controller: Controller,
    pub(crate) hapi: Hapi,
    pub(crate) data_storage: DataStorage,
}

impl Deref for Spec {
    type Target = Environment;

    fn deref(&self) -> &Environment {
        self.environment
    }
}

impl Spec {
    async fn new(alone: bool) -> Spec {
        let test = current_test().expect("specs are marked `#[kind_harness::test]`");
        let environment = test.environment();
        // Specs that disturb what others use run while no other does.
        let namespace = if alone { environment.exclusive(test.name()).await } else { test.namespace().await };
        let at = |component, port| environment.endpoint(component, port).expect("e2e.yaml maps this port");
        Spec {
            environment,
            client: environment.client(),
            namespace: namespace.expect("a namespace for the spec"),
            controller: Controller::at(at("aianalysis", "health"), at("aianalysis", "metrics")),
            hapi: Hapi::at(at("holmesgpt-api", "http")),
            data_storage: DataStorage::at(at("data-storage", "http")),
        }
    }

    /// The spec's own client of the API server.
    pub(crate) fn client(&self) -> kube::Client {
        self.client.clone()
    }
}

/// For specs that disturb nobody: they run side by side.
#[fixture]
pub(crate) async fn spec() -> Spec {
    Spec::new(false).await
}

/// For specs that disturb what others use.
#[fixture]
pub(crate) async fn alone() -> Alone {
    Alone::new(Spec::new(true).await)
}
