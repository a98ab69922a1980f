//! What the environment does for specs: logs, commands, ports, replicas, restarts.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures::{TryStreamExt, try_join};
use kind_harness::environment::{Environment, EnvironmentError};
use kube::ResourceExt;
use rstest::rstest;
use tokio::time::timeout;

use crate::support::{Spec, spec};

#[rstest]
#[kind_harness::test]
async fn logs_come_with_component_pod_and_container(#[future(awt)] spec: Spec) -> Result<()> {
    let environment: &Environment = &spec;
    let pod = spec.pod("data-storage").await?.name_any();
    let mut lines = environment.logs("data-storage").await?;
    let line = timeout(Duration::from_secs(10), lines.try_next()).await??.context("a line")?;
    let prefix = format!("data-storage/{pod}/data-storage | ");
    assert_eq!(line.to_string(), format!("{prefix}{}", line.text));
    ensure!(!line.text.is_empty(), "it says something when it starts");
    Ok(())
}

#[kind_harness::test(uses = ["postgresql", "redis"])]
async fn a_command_tells_what_it_printed_and_how_it_ended(environment: &Environment) -> Result<()> {
    let pong = environment.exec("redis", ["redis-cli", "ping"]).await?;
    assert_eq!((pong.stdout.trim(), pong.stderr.as_str(), pong.exit_code), ("PONG", "", 0));
    let query = ["psql", "-U", "slm_user", "-d", "action_history", "-c", "select 1/0"];
    let refused = environment.exec("postgresql", query).await?;
    assert_eq!((refused.stdout.as_str(), refused.exit_code), ("", 1));
    assert!(refused.stderr.contains("division by zero"), "{refused:?}");
    let missing = environment.exec("redis", ["no-such-command"]).await;
    ensure!(
        matches!(&missing, Err(EnvironmentError::NotRun { .. })) || missing.as_ref().is_ok_and(|it| it.exit_code > 0),
        "{missing:?}"
    );
    let unknown = environment.exec("redi", ["true"]).await.err().context("there is no such component")?;
    assert!(unknown.to_string().starts_with("the environment has no component redi; it has "), "{unknown}");
    Ok(())
}

#[kind_harness::test(timeout = "60s")]
async fn a_forwarded_port_takes_many_connections_and_ends_with_its_value(environment: &Environment) -> Result<()> {
    // No port of the host is mapped to this one.
    let forward = environment.port_forward("data-storage", 9181).await?;
    let url = format!("http://{}/metrics", forward.address());
    let get = || async { reqwest::get(&url).await?.error_for_status()?.text().await };
    for text in futures::future::try_join_all((0..4).map(|_| get())).await? {
        assert!(text.contains("# TYPE"), "{text}");
    }
    drop(forward);
    ensure!(get().await.is_err(), "nobody listens any more");
    Ok(())
}

#[rstest]
#[kind_harness::test(uses = "postgresql")]
async fn replicas_are_there_and_gone_when_scale_returns(#[future(awt)] spec: Spec) -> Result<()> {
    spec.with_own(&["holmesgpt-api", "redis"], async |spec| {
        let environment: &Environment = spec;
        let more_and_less = async {
            environment.scale("holmesgpt-api", 2).await?;
            assert_eq!(spec.pods("holmesgpt-api").await?.len(), 2);
            environment.scale("holmesgpt-api", 1).await?;
            assert_eq!(spec.pods("holmesgpt-api").await?.len(), 1);
            anyhow::Ok(())
        };
        let none_and_one = async {
            environment.scale("redis", 0).await?;
            assert_eq!(spec.pods("redis").await?.len(), 0);
            let nobody = environment.exec("redis", ["redis-cli", "ping"]).await;
            ensure!(matches!(nobody, Err(EnvironmentError::NoPod { .. })), "{nobody:?}");
            environment.scale("redis", 1).await?;
            assert_eq!(environment.exec("redis", ["redis-cli", "ping"]).await?.stdout.trim(), "PONG");
            Ok(())
        };
        try_join!(more_and_less, none_and_one)?;
        Ok(())
    })
    .await
}

#[rstest]
#[kind_harness::test(uses = "postgresql")]
async fn a_restart_leaves_new_pods_that_answer(#[future(awt)] spec: Spec) -> Result<()> {
    spec.with_own(&["holmesgpt-api", "redis"], async |spec| {
        let environment: &Environment = spec;
        let before = [spec.pod("holmesgpt-api").await?.uid(), spec.pod("redis").await?.uid()];
        try_join!(environment.restart("holmesgpt-api"), environment.restart("redis"))?;
        let after = [spec.pod("holmesgpt-api").await?.uid(), spec.pod("redis").await?.uid()];
        ensure!(before[0] != after[0] && before[1] != after[1], "{before:?} {after:?}");
        assert_eq!(environment.exec("redis", ["redis-cli", "ping"]).await?.stdout.trim(), "PONG");
        Ok(())
    })
    .await
}
