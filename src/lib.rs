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
//! use kind_harness::environment::{Environment, TestNamespace};
//!
//! #[kind_harness::test(timeout = "30s")]
//! async fn the_api_is_healthy(environment: &Environment, namespace: &TestNamespace) -> anyhow::Result<()> {
//!     let api = environment.endpoint("api", "http").expect("e2e.yaml maps this port");
//!     let answer = reqwest::get(format!("http://{api}/health")).await?;
//!     assert!(answer.status().is_success());
//!     Ok(())
//! }
//! ```

#![warn(missing_debug_implementations)]

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

#[doc(hidden)]
pub mod __test {
    //! What the expansion of `#[kind_harness::test]` names.
    pub use crate::environment::attribute::{Failure, Options, run, run_in_namespace};
}

pub use environment::{Environment, shared};
/// Runs an async test in the environment of a suite.
///
/// The environment is that of [`shared`]: the first test that asks brings it up. The test runs on a thread and a tokio runtime of its
/// own. It may take, in any order:
///
/// - `&Environment`;
/// - [`TestNamespace`](environment::TestNamespace) or `&TestNamespace`: a namespace that it has for itself and that is
///   deleted after it. Its default ServiceAccount exists.
///
/// ```no_run
/// use kind_harness::environment::{Environment, TestNamespace};
///
/// #[kind_harness::test(timeout = "30s")]
/// async fn the_api_is_healthy(environment: &Environment, namespace: &TestNamespace) -> anyhow::Result<()> {
///     let api = environment.endpoint("api", "http").expect("e2e.yaml maps this port");
///     assert!(reqwest::get(format!("http://{api}/health?in={}", namespace.name)).await?.status().is_success());
///     Ok(())
/// }
/// # fn main() {}
/// ```
///
/// # Failures
/// Every failure is seen: a panic, an error that is returned, a time-out, a namespace that cannot be had. A test that fails prints the
/// objects and pods of its namespaces with their states, and the path of a bundle that was written before anything is
/// removed (of the first four failures; the others share one, written at the end). `KIND_HARNESS_KEEP=on-failure` then keeps
/// the cluster, and the namespace of the test in it. The test may return `()`, or a `Result` whose error is `Debug`.
///
/// # Options
/// | option | meaning | default |
/// | --- | --- | --- |
/// | `suite = "shop.yaml"` | the suite, from the package's folder | `"e2e.yaml"` |
/// | `timeout = "1m 30s"` | how long the body may take, without the environment's start and the wait for a namespace | none |
/// | `exclusive` | no other test runs meanwhile that takes an environment or a namespace, in any process | |
/// | `flavor = "multi_thread"` | the test's tasks run on several threads | `"current_thread"` |
///
/// A body that blocks its thread past the time-out is left behind, and fails with that reason.
///
/// # With rstest
/// `#[rstest]` stands above this attribute. Arguments that this attribute provides are marked `#[ignore]`, so that rstest does not
/// look for fixtures of these names; all others are rstest's. Fixtures find the test with
/// [`current_test`](environment::current_test), and namespaces that they make are the test's.
///
/// ```no_run
/// use kind_harness::environment::Environment;
/// use rstest::rstest;
///
/// #[rstest]
/// #[case::api("api")]
/// #[case::shop("shop")]
/// #[kind_harness::test(timeout = "30s")]
/// async fn it_has_an_address(#[ignore] environment: &Environment, #[case] component: &str) {
///     assert!(environment.endpoint(component, "http").is_some());
/// }
/// # fn main() {}
/// ```
///
/// # Compile errors
/// What cannot be a test is refused: a function that is not async,
///
/// ```compile_fail
/// #[kind_harness::test]
/// fn it(environment: &kind_harness::Environment) {}
/// # fn main() {}
/// ```
///
/// a malformed time-out,
///
/// ```compile_fail
/// #[kind_harness::test(timeout = "soon")]
/// async fn it(environment: &kind_harness::Environment) {}
/// # fn main() {}
/// ```
///
/// and an argument that is neither of the two.
///
/// ```compile_fail
/// #[kind_harness::test]
/// async fn it(number: i32) {}
/// # fn main() {}
/// ```
pub use kind_harness_macros::test;
pub use run::session::Session;
