//! A real Kubernetes environment for tests: creates a kind cluster (or uses an existing one), deploys a suite's components
//! concurrently, waits once until all of them are ready, hands the running environment to tests, reports where the time
//! went, and leaves nothing behind.
//!
//! A suite is a file, `e2e.yaml`, with one cluster and its components. A test takes the environment as an argument:
//!
//! ```no_run
//! use kind_harness::{Environment, TestNamespace};
//!
//! #[kind_harness::test(timeout = "30s")]
//! async fn the_api_is_healthy(environment: &Environment, namespace: &TestNamespace) -> anyhow::Result<()> {
//!     let api = environment.endpoint("api", "http").expect("e2e.yaml maps this port");
//!     let answer = reqwest::get(format!("http://{api}/health")).await?;
//!     assert!(answer.status().is_success());
//!     Ok(())
//! }
//! ```
//!
//! The first test that uses the environment brings it up; the last process that uses it removes it.
//!
//! - [`test`](macro@test) runs a test in the environment, with a namespace of its own if it takes one, and detects
//!   every failure.
//! - [`shared`] returns the environment, for tests with another attribute.
//! - [`Environment`] has the client, the endpoints, logs, commands and port-forwards of components, and changes them.
//! - [`readiness`] judges objects, waits for them, and has assertions such as
//!   [`eventually`](readiness::assert::eventually).
//!
//! # Versions of Kubernetes
//! This library enables no version of `k8s-openapi`: the crate that depends on it chooses one, as with kube. Both are
//! re-exported, as [`kube`] and [`k8s_openapi`].
//!
//! # Features
//! - `specs`: `Specs`, for a test target with a `main` of its own.
//! - `junit`: the JUnit report that `KIND_HARNESS_JUNIT` asks for.
//! - `cel`: assertions in the Common Expression Language.

#![warn(missing_debug_implementations)]

#[cfg(not(target_os = "linux"))]
compile_error!(
    "kind-harness runs on Linux: it reads /proc to watch the processes that own clusters (src/host/system). \
     kind-harness-readiness works on other systems"
);

pub use k8s_openapi;
pub use kind_harness_readiness as readiness;
pub use kube;

// The command line is another crate of this repository, which depends on exactly this version. The hidden items are for
// it, without any stability guarantee.
#[doc(hidden)]
#[cfg(target_os = "linux")]
pub mod cluster;
#[doc(hidden)]
#[cfg(target_os = "linux")]
pub mod deploy;
#[doc(hidden)]
#[cfg(target_os = "linux")]
pub mod host;
#[doc(hidden)]
#[cfg(target_os = "linux")]
pub mod images;
#[doc(hidden)]
#[cfg(target_os = "linux")]
pub mod report;
#[doc(hidden)]
#[cfg(target_os = "linux")]
pub mod run;
#[doc(hidden)]
#[cfg(target_os = "linux")]
pub mod sources;
#[cfg(target_os = "linux")]
pub mod suite;
#[doc(hidden)]
#[cfg(target_os = "linux")]
pub mod teardown;

#[cfg(target_os = "linux")]
pub mod environment;

#[doc(hidden)]
#[cfg(target_os = "linux")]
pub mod __test {
    //! Items used by the expansion of `#[kind_harness::test]`.
    pub use crate::environment::attribute::{Failure, Options, run, run_in_namespace};
}

#[cfg(target_os = "linux")]
pub use environment::{Environment, TestNamespace, current_test, shared};
/// Runs an async test in the environment of a suite.
///
/// The environment is that of [`shared`]: the first test that uses it brings it up. The test runs on a thread and a
/// tokio runtime of its own. It may take, in any order:
///
/// - `&Environment`;
/// - [`TestNamespace`] or `&TestNamespace`: a namespace of its own, which is deleted after the test. Its default
///   ServiceAccount exists.
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
/// Every failure is detected: a panic, a returned error, a time-out, a namespace that cannot be created. A failed test
/// prints the objects and pods of its namespaces with their states, and the path of a bundle that was written before
/// anything is removed (of the first four failures; the others share one, written at the end).
/// `KIND_HARNESS_KEEP=on-failure` then keeps the cluster, and the namespace of the test in it. The test may return
/// `()`, or a `Result` whose error is `Debug`.
///
/// # Options
/// | option | meaning | default |
/// | --- | --- | --- |
/// | `suite = "shop.yaml"` | the suite, from the package's folder | `"e2e.yaml"` |
/// | `timeout = "1m 30s"` | how long the body may take, without the environment's start and the wait for a namespace | none |
/// | `exclusive` | no other test runs meanwhile that takes an environment or a namespace, in any process | |
/// | `exclusive = "cache"`, `exclusive = ["cache", "db"]` | no other test runs meanwhile that uses these components, or one that needs them | |
/// | `uses = "api"`, `uses = ["api", "db"]`, `uses = []` | the components that the test uses: it runs beside tests that are exclusive on others. What these need is counted in | all; with `exclusive = …` none but those |
/// | `flavor = "multi_thread"` | the test's tasks run on several threads | `"current_thread"` |
///
/// Components that the suite does not have fail the test, and so does a lock that the test asks for later and did not name
/// here ([`Environment::exclusive_on`], [`Environment::test_namespace_on`]).
///
/// ```no_run
/// use kind_harness::environment::Environment;
///
/// #[kind_harness::test(exclusive = "cache")]
/// async fn the_api_survives_its_cache(environment: &Environment) -> anyhow::Result<()> {
///     environment.scale("cache", 0).await?;
///     // Check the API; tests of what needs no cache run meanwhile.
///     environment.scale("cache", 1).await?;
///     Ok(())
/// }
/// # fn main() {}
/// ```
///
/// A body that blocks its thread past the time-out is abandoned, and fails with that reason.
///
/// # With rstest
/// Put `#[rstest]` above this attribute. Arguments that this attribute provides are marked `#[ignore]`, so that rstest
/// does not look for fixtures of these names; all others are rstest's. Fixtures get the test from [`current_test`], and
/// namespaces that they create belong to the test.
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
/// Functions that cannot be a test are rejected: one that is not async,
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

#[cfg(doctest)]
mod documents {
    #[doc = include_str!("../README.md")]
    struct Readme;
    #[doc = include_str!("../docs/guide.md")]
    struct Guide;
}
