//! `#[kind_harness::test]`: what tests get, and what is seen of those that fail.

mod failing;
mod namespaces;
mod resets;
mod specimens;
mod suites;
mod writing;

use kind_harness::environment::{TestNamespace, current_test};
use rstest::fixture;

/// A fixture is not given the test's arguments; the test that runs is known all the same.
#[fixture]
async fn another_namespace() -> TestNamespace {
    current_test().expect("a test in an environment").namespace().await.expect("a namespace")
}
