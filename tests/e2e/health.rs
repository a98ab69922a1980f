//! Every component says how it is.

use std::time::Duration;

use anyhow::Result;
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{Spec, spec};

#[rstest]
#[kind_harness::test]
async fn controller_healthz_is_200(#[future(awt)] spec: Spec) -> Result<()> {
    let answer = spec.controller.healthz().await?;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.content_type.starts_with("text/plain"), "{answer:?}");
    Ok(())
}

#[rstest]
#[kind_harness::test]
async fn controller_healthz_answers_within_a_second(#[future(awt)] spec: Spec) -> Result<()> {
    let answer = spec.controller.healthz().await?;
    assert!(answer.took < Duration::from_secs(1), "{answer:?}");
    Ok(())
}

#[rstest]
#[kind_harness::test]
async fn controller_readyz_is_200(#[future(awt)] spec: Spec) -> Result<()> {
    let answer = spec.controller.readyz().await?;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.content_type.starts_with("text/plain"), "{answer:?}");
    Ok(())
}

#[rstest]
#[kind_harness::test]
async fn controller_readyz_verbose_lists_its_checks(#[future(awt)] spec: Spec) -> Result<()> {
    let answer = spec.controller.readyz_verbose().await?;
    assert_eq!(answer.status, 200, "{answer:?}");
    for check in ["kubernetes", "holmesgpt-api", "data-storage", "policy"] {
        assert!(answer.body.lines().any(|line| line == format!("[+]{check} ok")), "no {check} in:\n{}", answer.body);
    }
    Ok(())
}

#[rstest]
#[kind_harness::test(uses = "holmesgpt-api")]
async fn holmesgpt_api_health_tells_status_service_endpoints_and_features(#[future(awt)] spec: Spec) -> Result<()> {
    let health = spec.hapi.health().await?;
    assert_eq!((health.status.as_str(), health.service.as_str()), ("healthy", "holmesgpt-api"));
    for endpoint in ["/api/v1/incident/analyze", "/api/v1/recovery/analyze"] {
        assert!(health.endpoints.iter().any(|it| it == endpoint), "no {endpoint} in {health:?}");
    }
    assert!(!health.features.is_empty());
    Ok(())
}

#[rstest]
#[kind_harness::test(uses = "data-storage")]
async fn data_storage_health_is_connected(#[future(awt)] spec: Spec) -> Result<()> {
    let health: Value = spec.data_storage.health().await?.json(200)?;
    assert_eq!(health, json!({"status": "healthy", "database": "connected"}));
    Ok(())
}

/// Asked of the sessions that the services have at this moment, so that it is true of what they really connect as.
#[rstest]
#[kind_harness::test(uses = ["data-storage", "holmesgpt-api"])]
async fn the_databases_users_are_no_superusers(#[future(awt)] spec: Spec) -> Result<()> {
    let postgresql = spec.pod("postgresql").await?;
    let sessions = "SELECT application_name, rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls \
         FROM pg_stat_activity JOIN pg_roles ON rolname = usename \
         WHERE application_name IN ('data-storage', 'holmesgpt-api') GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1";
    let query = ["psql", "-U", "slm_user", "-d", "action_history", "-tAc", sessions];
    let rights = spec.exec(&postgresql, &query).await?;
    assert_eq!(rights.lines().collect::<Vec<_>>(), ["data-storage|f|f|f|f|f", "holmesgpt-api|f|f|f|f|f"]);
    Ok(())
}
