//! What specs have in common: the environment, a namespace for each, and a client for each service.

mod analysis;
mod answer;
mod controller;
mod copies;
mod data_storage;
mod exposition;
mod hapi;
mod healing;
mod pods;
mod trail;
mod waiting;

use std::ops::Deref;

use kind_harness::environment::{Environment, Forward, TestNamespace, current_test};
use rstest::fixture;

pub(crate) use analysis::{Fixture, analysis};
pub(crate) use controller::Controller;
pub(crate) use data_storage::{AuditEvent, DataStorage, NewEvent, Taken};
pub(crate) use exposition::Exposition;
pub(crate) use hapi::Hapi;
pub(crate) use healing::Alone;
pub(crate) use trail::{CYCLE, Trail};
pub(crate) use waiting::eventually;

/// A spec's view of the world: the shared environment, or copies of its components, and a namespace of its own.
pub(crate) struct Spec {
    environment: Environment,
    client: kube::Client,
    /// Deleted when the spec is over.
    pub(crate) namespace: TestNamespace,
    pub(crate) controller: Controller,
    pub(crate) hapi: Hapi,
    pub(crate) data_storage: DataStorage,
    /// Whether analyses are those of a controller of the spec's own.
    has_own_controller: bool,
    /// How copies are reached.
    _forwards: Vec<Forward>,
}

impl Deref for Spec {
    type Target = Environment;

    fn deref(&self) -> &Environment {
        &self.environment
    }
}

impl Spec {
    async fn new() -> Spec {
        let test = current_test().expect("specs are marked `#[kind_harness::test]`");
        let environment = test.environment();
        // What the spec uses or disturbs is told by its attribute.
        let namespace = test.namespace().await.expect("a namespace for the spec");
        let at = |component, port| environment.endpoint(component, port).expect("e2e.yaml maps this port");
        Spec {
            environment: environment.clone(),
            client: environment.client(),
            namespace,
            controller: Controller::at(at("aianalysis", "health"), at("aianalysis", "metrics")),
            hapi: Hapi::at(at("holmesgpt-api", "http")),
            data_storage: DataStorage::at(at("data-storage", "http")),
            has_own_controller: false,
            _forwards: Vec::new(),
        }
    }

    /// The spec's own client of the API server.
    pub(crate) fn client(&self) -> kube::Client {
        self.client.clone()
    }
}

/// For specs that disturb nobody, or copies of their own: they run side by side.
#[fixture]
pub(crate) async fn spec() -> Spec {
    Spec::new().await
}

/// For specs that disturb what others use: their attribute has `exclusive`.
#[fixture]
pub(crate) async fn alone() -> Alone {
    Alone::new(Spec::new().await)
}
