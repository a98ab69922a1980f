//! Every component says how it is.

use std::time::{Duration, Instant};

use anyhow::Result;
use rstest::rstest;
use serde_json::Value;

use crate::support::{Spec, get, spec};

#[rstest]
#[tokio::test]
async fn controller_healthz_is_200(#[future] spec: Spec) -> Result<()> {
    let spec = spec.await;
    let (status, _) = get(&spec.url("aianalysis", "health", "/healthz")).await?;
    assert_eq!(status, 200);
    Ok(())
}

#[rstest]
#[tokio::test]
async fn controller_healthz_answers_within_a_second(#[future] spec: Spec) -> Result<()> {
    let spec = spec.await;
    let began = Instant::now();
    get(&spec.url("aianalysis", "health", "/healthz")).await?;
    assert!(began.elapsed() < Duration::from_secs(1), "it took {:?}", began.elapsed());
    Ok(())
}

#[rstest]
#[tokio::test]
async fn controller_readyz_is_200(#[future] spec: Spec) -> Result<()> {
    let spec = spec.await;
    let (status, body) = get(&spec.url("aianalysis", "health", "/readyz")).await?;
    assert_eq!(status, 200, "{body}");
    Ok(())
}

#[rstest]
#[tokio::test]
async fn controller_readyz_verbose_lists_its_checks(#[future] spec: Spec) -> Result<()> {
    let spec = spec.await;
    let (status, body) = get(&spec.url("aianalysis", "health", "/readyz?verbose=true")).await?;
    assert_eq!(status, 200, "{body}");
    for check in ["holmesgpt-api", "data-storage", "policy"] {
        assert!(body.lines().any(|line| line.contains(check)), "no line for {check} in:\n{body}");
    }
    Ok(())
}

#[rstest]
#[tokio::test]
async fn holmesgpt_api_health_tells_status_service_endpoints_and_features(#[future] spec: Spec) -> Result<()> {
    let spec = spec.await;
    let (status, body) = get(&spec.url("holmesgpt-api", "http", "/health")).await?;
    assert_eq!(status, 200, "{body}");
    let health: Value = serde_json::from_str(&body)?;
    for field in ["status", "service", "endpoints", "features"] {
        assert!(health.get(field).is_some(), "no {field} in {health}");
    }
    Ok(())
}

#[rstest]
#[tokio::test]
async fn data_storage_health_is_connected(#[future] spec: Spec) -> Result<()> {
    let spec = spec.await;
    let (status, body) = get(&spec.url("data-storage", "http", "/health")).await?;
    assert_eq!(status, 200, "{body}");
    let health: Value = serde_json::from_str(&body)?;
    assert_eq!(health, serde_json::json!({"status": "healthy", "database": "connected"}));
    Ok(())
}
