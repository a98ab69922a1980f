//! Specs that pass, fail and wait. Another test runs them.

use anyhow::Result;
use kind_harness::Environment;

#[kind_harness::test(suite = "tests/reports/e2e.yaml")]
#[ignore = "started by `main`"]
async fn passes(_environment: &Environment) {}

#[kind_harness::test(suite = "tests/reports/e2e.yaml")]
#[ignore = "started by `main`"]
async fn fails(environment: &Environment) -> Result<()> {
    anyhow::bail!("{} has no color\nit was <blue>", environment.namespace())
}

#[kind_harness::test(suite = "tests/reports/e2e.yaml")]
#[ignore = "started by `main`"]
async fn panics(_environment: &Environment) {
    panic!("panicked as it should");
}

#[kind_harness::test(suite = "tests/reports/e2e.yaml", timeout = "1m")]
#[ignore = "started by `main`"]
async fn waits(_environment: &Environment) {
    std::future::pending().await
}

#[kind_harness::test(suite = "tests/reports/absent.yaml")]
#[ignore = "started by `main`"]
async fn has_no_suite(_environment: &Environment) {}
