//! Gives a test suite a real Kubernetes environment: creates a kind cluster, deploys the suite's components concurrently,
//! waits once until all of them are ready, hands the running environment to tests, tells where the time went, and leaves
//! nothing behind.
//!
//! A suite is a file, `e2e.yaml`. From it the pipeline makes one value after the other:
//!
//! 1. [`config`] reads and checks the file, and [`plan`] puts the components in order. Nothing has run yet.
//! 2. [`setup`] finds, or installs, what the host needs.
//! 3. [`images`] builds or pulls what the components run, in the background, while
//! 4. [`cluster`] creates the cluster.
//! 5. [`deploy`] applies each component's [`manifests`] as soon as its images are on the nodes.
//! 6. [`ready`] waits, once, until everything is.
//! 7. [`environment`] is what tests get.
//! 8. [`diagnostics`] finds the root of a failure, and bundles what there is to see of it.
//! 9. [`teardown`] takes away what the run made, however it ended.
//!
//! What may fail for a passing reason on the way is retried by [`resilience`].
//!
//! [`session`] lists these stages in order. Every stage sends events to [`report`], from which the console, the table and
//! the JSON report are made; everything that is written goes through [`redact`].
//!
//! ```no_run
//! use kind_harness::environment::{Environment, shared};
//! use rstest::{fixture, rstest};
//!
//! #[fixture]
//! fn environment() -> &'static Environment {
//!     shared("e2e.yaml")
//! }
//!
//! #[rstest]
//! #[tokio::test]
//! async fn the_api_is_healthy(environment: &Environment) -> anyhow::Result<()> {
//!     let api = environment.endpoint("api", "http").expect("e2e.yaml maps this port");
//!     let answer = reqwest::get(format!("http://{api}/health")).await?;
//!     assert!(answer.status().is_success());
//!     Ok(())
//! }
//! ```

pub use kind_harness_readiness as readiness;

pub mod suite;

pub mod host;

pub mod cluster;
pub mod deploy;
pub mod images;
pub mod teardown;

pub mod run;

pub mod environment;

pub mod report;

pub use environment::{Environment, shared};
pub use run::session::Session;
