//! What the components are made of is taken away from them.

use std::collections::BTreeMap;
use std::time::Duration;

use aianalysis::api::Phase;
use anyhow::{Context, Result, ensure};
use futures::future::{join_all, try_join_all};
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use kube::ResourceExt;
use kube::runtime::wait::await_condition;
use rstest::rstest;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use crate::support::{Alone, CYCLE, DataStorage, NewEvent, Spec, Taken, alone, analysis, eventually, spec};

/// How long a service may take to notice that another is there, or not.
const NOTICING: Duration = Duration::from_secs(20);

impl Spec {
    /// Kills the one pod of a StatefulSet, and lets no other come.
    async fn take_away(&self, name: &str) -> Result<()> {
        let pod = self.pod(name).await?;
        self.scale::<StatefulSet>(name, 0).await?;
        self.kill(&pod).await
    }

    /// Waits until DataStorage says so of a dependency.
    async fn data_storage_says(&self, dependency: &str, connected: bool) -> Result<()> {
        eventually(&format!("{dependency} connected: {connected}"), NOTICING, async || {
            let (status, ready) = self.data_storage.ready().await?;
            let is = ready.dependencies.get(dependency).is_some_and(|state| state == "connected");
            // The whole is ready when each part is.
            ensure!(status == 200 || ready.status == "not_ready", "{status} {ready:?}");
            Ok(if is == connected { Ok(()) } else { Err(ready) })
        })
        .await
    }

    /// Waits until the events with this correlation id are those with the numbers from 0 on, each once.
    async fn stored_once_each(&self, correlation: &str, count: usize) -> Result<()> {
        eventually(&format!("each of {count} events, once"), NOTICING, async || {
            let page = self.data_storage.events(correlation).await?;
            let mut times = BTreeMap::new();
            for event in &page.data {
                *times.entry(event.number().context("an event that nobody sent")?).or_insert(0) += 1;
            }
            ensure!(times.values().all(|times| *times == 1), "events are there twice: {times:?}");
            Ok(if times.len() == count && page.pagination.total == count { Ok(()) } else { Err(times.len()) })
        })
        .await
    }
}

#[rstest]
#[kind_harness::test(uses = [])]
async fn postgres_killed_events_wait_in_the_stream_and_come_back_once_each(#[future(awt)] spec: Spec) -> Result<()> {
    spec.with_own(&["postgresql", "redis", "data-storage", "holmesgpt-api", "aianalysis"], async |spec| {
        const EVENTS: usize = 25;
        let storage = &spec.data_storage;
        let redis = spec.pod("redis").await?;
        spec.take_away("postgresql").await?;
        // A database that was killed may go on for a moment; what it takes then is lost with its volume.
        let dead = format!("{}-dead", spec.namespace.name);
        eventually("the end of the database", NOTICING, async || {
            let taken = storage.send(&NewEvent::numbered(&dead, 0)).await?;
            Ok(if taken == Taken::Accepted { Ok(()) } else { Err(taken) })
        })
        .await?;
        spec.data_storage_says("database", false).await?;
        assert_eq!(storage.health().await?.status, 503);

        let own = spec.namespace.name.clone();
        for number in 0..EVENTS {
            let taken = storage.send(&NewEvent::numbered(&own, number)).await?;
            assert_eq!(taken, Taken::Accepted, "event {number}");
        }
        let waiting: usize = spec.exec(&redis, &["redis-cli", "XLEN", "dlq-stream"]).await?.parse()?;
        assert!((EVENTS..=1000).contains(&waiting), "{waiting} events are in the stream");
        // HolmesGPT-API refuses this without its database, so it leaves a whole trail now.
        let refused = spec.create(analysis("OOMKilled").of_priority(" ")).await?;
        refused.failed().await?;

        spec.scale::<StatefulSet>("postgresql", 1).await?;
        spec.data_storage_says("database", true).await?;
        spec.stored_once_each(&own, EVENTS).await?;
        eventually("an empty stream", NOTICING, async || {
            let left = spec.exec(&redis, &["redis-cli", "XLEN", "dlq-stream"]).await?;
            Ok(if left == "0" { Ok(()) } else { Err(left) })
        })
        .await?;
        // Nothing is left that could come once more.
        spec.stored_once_each(&own, EVENTS).await?;
        let trail = refused.trail().await?;
        assert_eq!(trail.transitions(), [("Pending", "Investigating"), ("Investigating", "Failed")]);
        assert_eq!(trail.0.len(), 5, "each event once: {trail:#?}");
        assert_eq!(storage.send(&NewEvent::numbered(&dead, 1)).await?, Taken::Stored);
        eventually("everything that is ready again", NOTICING, async || {
            let (hapi, controller) = (spec.hapi.ready().await?, spec.controller.readyz().await?);
            Ok(if (hapi.status, controller.status) == (200, 200) { Ok(()) } else { Err((hapi, controller)) })
        })
        .await?;
        Ok(())
    })
    .await
}

#[rstest]
#[kind_harness::test(uses = "postgresql")]
async fn redis_killed_data_storage_stays_correct(#[future(awt)] spec: Spec) -> Result<()> {
    spec.with_own(&["redis", "data-storage"], async |spec| {
        let storage = &spec.data_storage;
        let own = spec.namespace.name.clone();
        let store = async |numbers: std::ops::Range<usize>| -> Result<()> {
            for number in numbers {
                let taken = timeout(Duration::from_secs(2), storage.send(&NewEvent::numbered(&own, number))).await;
                let taken = taken.with_context(|| format!("event {number} has waited for Redis"))??;
                assert_eq!(taken, Taken::Stored, "event {number}");
            }
            Ok(())
        };
        // First it hangs, then it is gone.
        let redis = spec.pod("redis").await?;
        let paused = spec.exec(&redis, &["redis-cli", "CLIENT", "PAUSE", "3000", "ALL"]).await?;
        assert_eq!(paused, "OK");
        store(0..10).await?;
        spec.take_away("redis").await?;
        spec.data_storage_says("redis", false).await?;
        store(10..20).await?;
        spec.stored_once_each(&own, 20).await?;
        assert_eq!(storage.health().await?.status, 200, "the database is there");
        let refused = storage.send_json(&serde_json::json!({"version": "1.0"})).await?;
        assert_eq!(refused.status, 400, "{refused:?}");

        spec.scale::<StatefulSet>("redis", 1).await?;
        spec.data_storage_says("redis", true).await?;
        store(20..30).await?;
        spec.stored_once_each(&own, 30).await
    })
    .await
}

fn is_rolled_out(deployment: Option<&Deployment>) -> bool {
    let Some((deployment, status)) = deployment.and_then(|it| Some((it, it.status.as_ref()?))) else { return false };
    status.observed_generation == deployment.metadata.generation
        && [status.replicas, status.updated_replicas, status.available_replicas] == [Some(1); 3]
}

/// Sends an event every 20 ms until it is told to stop: how many were stored, and what happened to the others.
async fn load(
    storage: &DataStorage,
    correlation: &str,
    worker: usize,
    stop: &CancellationToken,
) -> (usize, Vec<String>) {
    let (mut stored, mut failed) = (0, Vec::new());
    let mut ticks = interval(Duration::from_millis(20));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        match storage.send(&NewEvent::numbered(correlation, worker * 100_000 + stored + failed.len())).await {
            Ok(Taken::Stored) => stored += 1,
            Ok(Taken::Accepted) => failed.push("accepted, though the database is there".to_owned()),
            Err(error) => failed.push(format!("{error:#}")),
        }
    }
    (stored, failed)
}

#[rstest]
#[kind_harness::test(exclusive = "data-storage")]
async fn data_storage_rolled_under_load_fails_no_request(#[future(awt)] alone: Alone) -> Result<()> {
    alone
        .run(async |spec| {
            let before = spec.pod("data-storage").await?;
            let deployments = spec.objects::<Deployment>();
            let (stop, own) = (CancellationToken::new(), spec.namespace.name.clone());
            let roll = async {
                let _stop = stop.clone().drop_guard();
                deployments.restart("data-storage").await?;
                let rolled_out = await_condition(deployments.clone(), "data-storage", is_rolled_out);
                timeout(Duration::from_secs(45), rolled_out).await.context("it was not rolled out within 45 s")??;
                spec.gone(&before).await
            };
            let loads = join_all((0..4).map(|worker| load(&spec.data_storage, &own, worker, &stop)));
            let (rolled, results) = tokio::join!(roll, loads);
            rolled?;
            let stored: usize = results.iter().map(|(stored, _)| stored).sum();
            let failed: Vec<_> = results.into_iter().flat_map(|(_, failed)| failed).collect();
            assert!(failed.is_empty(), "{} of {} requests failed: {failed:#?}", failed.len(), stored + failed.len());
            assert!(stored > 100, "{stored} requests are no load");
            assert_ne!(spec.pod("data-storage").await?.uid(), before.uid());
            assert_eq!(spec.data_storage.events(&own).await?.pagination.total, stored, "each event once");
            Ok(())
        })
        .await
}

#[rstest]
#[kind_harness::test]
async fn seventy_analyses_at_once_all_complete(#[future(awt)] spec: Spec) -> Result<()> {
    let signals = ["OOMKilled", "CrashLoopBackOff", "NodeNotReady", "Evicted", "FailedScheduling"];
    let wanted = (0..70).map(|number| analysis(signals[number % signals.len()]).named(format!("n{number}")));
    let analyses = try_join_all(wanted.map(|wanted| spec.create(wanted))).await?;
    for analysis in &analyses {
        let status = analysis.over().await?;
        assert_eq!(status.phase, Some(Phase::Completed), "{}: {status:#?}", analysis.name);
    }
    let mut expected = CYCLE;
    expected.sort_unstable();
    for analysis in &analyses {
        let trail = analysis.trail().await?;
        assert_eq!(trail.sorted_types(), expected, "each event once: {trail:#?}");
    }
    Ok(())
}
