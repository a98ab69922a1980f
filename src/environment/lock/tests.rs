use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::*;

/// Time limit that turns a deadlock into a failure.
const LIMIT: Duration = Duration::from_secs(60);

fn locks(environment: Mode, components: &[(&str, Mode)]) -> Locks {
    Locks { environment, components: components.iter().map(|(name, mode)| ((*name).to_owned(), *mode)).collect() }
}

fn shared(components: &[&str]) -> Locks {
    locks(Mode::Shared, &components.iter().map(|name| (*name, Mode::Shared)).collect::<Vec<_>>())
}

fn exclusive(components: &[&str]) -> Locks {
    locks(Mode::Shared, &components.iter().map(|name| (*name, Mode::Exclusive)).collect::<Vec<_>>())
}

fn alone() -> Locks {
    locks(Mode::Exclusive, &[])
}

async fn take(folder: &TempDir, locks: &Locks) -> EnvironmentLock {
    EnvironmentLock::take(folder.path(), locks).await.unwrap()
}

fn later(folder: &TempDir, locks: Locks) -> JoinHandle<EnvironmentLock> {
    let path = folder.path().to_owned();
    tokio::spawn(async move { EnvironmentLock::take(&path, &locks).await.unwrap() })
}

/// Resolves when a writer waits at this door.
async fn until_writer_waits(folder: &TempDir, door: &str) {
    let door = open(&folder.path().join(door)).unwrap();
    while door.try_lock().is_ok() {
        door.unlock().unwrap();
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn one_alone_or_many_and_nobody_starves() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (take(&folder, &shared(&["db"])).await, take(&folder, &shared(&[])).await);
    let mut alone = later(&folder, alone());
    until_writer_waits(&folder, "door.lock").await;
    let late = later(&folder, shared(&["db"]));
    drop(a);
    assert!(futures::poll!(&mut alone).is_pending(), "another is still there");
    assert!(!late.is_finished(), "who came later waits");
    drop(b);
    let alone = alone.await.unwrap();
    assert!(!late.is_finished(), "alone is alone");
    drop(alone);
    late.await.unwrap();
}

#[tokio::test]
async fn readers_queue_behind_a_waiting_writer_of_their_component_only() {
    let folder = tempfile::tempdir().unwrap();
    let reader = take(&folder, &shared(&["api", "cache"])).await;
    let mut writer = later(&folder, exclusive(&["api", "cache"]));
    until_writer_waits(&folder, "component-api.door.lock").await;
    let late = later(&folder, shared(&["api"]));
    // Of other components, and of nothing but the cluster.
    drop(take(&folder, &exclusive(&["db"])).await);
    drop(take(&folder, &shared(&["db"])).await);
    drop(take(&folder, &shared(&[])).await);
    assert!(futures::poll!(&mut writer).is_pending() && !late.is_finished());
    drop(reader);
    let writer = writer.await.unwrap();
    assert!(!late.is_finished(), "who came later waits");
    drop(take(&folder, &exclusive(&["db"])).await);
    writer.end();
    late.await.unwrap();
}

/// Takes overlapping sets of locks from many tasks at once, and counts readers and writers of each component.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn overlapping_locks_of_many_tests_exclude_each_other_without_deadlock() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let names = ["a", "b", "c", "d"];
    // How many readers are at each component; a writer counts as minus a thousand.
    let present: Arc<BTreeMap<&str, AtomicI64>> = Arc::new(names.map(|name| (name, AtomicI64::new(0))).into());
    let work = (0..24_usize).map(|number| {
        let (folder, present) = (folder.clone(), present.clone());
        tokio::spawn(async move {
            for round in 0..10 {
                let choice = number * 7 + round * 5;
                let mode = |at: usize| match (choice >> at) % 3 {
                    0 => None,
                    1 => Some(Mode::Shared),
                    _ => Some(Mode::Exclusive),
                };
                let chosen: Vec<(&str, Mode)> =
                    names.iter().enumerate().filter_map(|(at, name)| Some((*name, mode(at)?))).collect();
                let all = choice % 11 == 0;
                let wanted = if all { alone() } else { locks(Mode::Shared, &chosen) };
                let lock = take(&folder, &wanted).await;
                let weight = |mode: Mode| if mode == Mode::Exclusive { -1000 } else { 1 };
                let here: Vec<(&str, i64)> = if all {
                    names.iter().map(|name| (*name, -1000)).collect()
                } else {
                    chosen.iter().map(|(name, mode)| (*name, weight(*mode))).collect()
                };
                for (name, weight) in &here {
                    let before = present[name].fetch_add(*weight, Ordering::SeqCst);
                    assert!(if *weight > 0 { before >= 0 } else { before == 0 }, "{name}: {before} and {weight}");
                }
                tokio::task::yield_now().await;
                for (name, weight) in &here {
                    present[name].fetch_sub(*weight, Ordering::SeqCst);
                }
                drop(lock);
            }
        })
    });
    let all = futures::future::join_all(work.collect::<Vec<_>>());
    for ended in tokio::time::timeout(LIMIT, all).await.unwrap() {
        ended.unwrap();
    }
}

/// Takes a lock that another process holds.
#[test]
#[ignore = "started by `locks_exclude_other_processes`"]
fn another_process() {
    let folder = std::env::var("LOCKED_FOLDER").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _lock = runtime.block_on(EnvironmentLock::take(Path::new(&folder), &shared(&["db"]))).unwrap();
    std::fs::write(Path::new(&folder).join("entered"), "").unwrap();
}

#[tokio::test]
async fn locks_exclude_other_processes() {
    let folder = tempfile::tempdir().unwrap();
    let lock = take(&folder, &exclusive(&["db"])).await;
    let entered = folder.path().join("entered");
    let test = "environment::lock::tests::another_process";
    let other = duct::cmd!(std::env::current_exe().unwrap(), "--ignored", "--exact", test)
        .env("LOCKED_FOLDER", folder.path())
        .stdout_null()
        .start()
        .unwrap();
    until_writer_waits(&folder, "component-db.door.lock").await;
    assert!(!entered.exists() && other.try_wait().unwrap().is_none(), "it waits");
    drop(lock);
    tokio::task::spawn_blocking(move || other.wait().map(drop)).await.unwrap().unwrap();
    assert!(entered.exists());
}
