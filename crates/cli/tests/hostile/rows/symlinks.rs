//! Symbolic links in the state folder that lead to files that are not ours.

use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::{Result, ensure};

use super::ours::{dead, record};
use crate::judge::Fate;
use crate::row::Row;
use crate::{Situation, situation};

const NONE: &str = "00000000000000000000000000000000000000000000000000000000000000ff";

pub(super) fn table() -> Vec<Situation> {
    let mut rows = vec![
        situation("link::the_nodes_lock_is_one", nodes_lock),
        situation("link::the_bundles_are_one", bundles),
        situation("link::a_kubeconfig_is_the_users", kubeconfig),
        situation("link::a_lock_that_a_foreign_process_holds", held_lock),
        situation("link::the_locks_look_like_a_cluster", locks_like_a_cluster),
    ];
    for act in ["gc", "down"] {
        rows.push(situation(format!("link::a_clusters_folder_is_one_{act}"), move || folder(act)));
        rows.push(situation(format!("link::a_record_is_one_{act}"), move || record_file(act)));
        rows.push(situation(format!("link::the_locks_are_one_{act}"), move || locks(act)));
        rows.push(situation(format!("link::a_lock_is_one_{act}"), move || lock(act)));
    }
    rows
}

fn link(target: &Path, place: &Path) -> Result<()> {
    std::fs::create_dir_all(place.parent().unwrap_or(Path::new("/")))?;
    Ok(symlink(target, place)?)
}

fn act(row: &Row, act: &str) -> Result<()> {
    let ended = match act {
        "gc" => row.run(&["gc"])?,
        _ => row.run(&["down", "--name", &row.name])?,
    };
    // Refusing is as good as doing without; a panic is neither.
    ensure!(ended.code.is_some_and(|code| code != 101), "{ended:?}");
    Ok(())
}

fn dead_record(row: &Row) -> Result<String> {
    let engine = row.bench.map(|bench| bench.engine.clone());
    Ok(record(&row.name, &dead()?, engine, &[NONE])?.to_string())
}

/// The cluster's folder leads to the victim, which has a record in it.
fn folder(what: &str) -> Result<()> {
    let row = Row::on_engine("folder")?;
    row.write("victim/cluster.json", &dead_record(&row)?)?;
    row.write("victim/kubeconfig", "mine")?;
    link(&row.path("victim"), &row.state(&row.name))?;
    let before = row.picture()?;
    act(&row, what)?;
    row.judge(&before, &[Fate::file_ours(&row.state(&row.name))])
}

fn record_file(what: &str) -> Result<()> {
    let row = Row::on_engine("record")?;
    row.write("victim/cluster.json", &dead_record(&row)?)?;
    link(&row.path("victim/cluster.json"), &row.state(&row.name).join("cluster.json"))?;
    let before = row.picture()?;
    act(&row, what)?;
    row.judge(&before, &[Fate::file_ours(&row.state(&row.name))])
}

/// The folder of locks leads to the victim, which has a file of the cluster's name.
fn locks(what: &str) -> Result<()> {
    let row = Row::on_engine("locks")?;
    row.write(&format!("victim/{}", row.name), "precious")?;
    link(&row.path("victim"), &row.state("locks"))?;
    row.write(&format!("state/kind-harness/{}/cluster.json", row.name), &dead_record(&row)?)?;
    let before = row.picture()?;
    act(&row, what)?;
    row.judge(&before, &[Fate::file_ours(&row.state(&row.name))])
}

fn lock(what: &str) -> Result<()> {
    let row = Row::on_engine("lock")?;
    link(&row.path("victim/file"), &row.state("locks").join(&row.name))?;
    row.write(&format!("state/kind-harness/{}/cluster.json", row.name), &dead_record(&row)?)?;
    let before = row.picture()?;
    act(&row, what)?;
    row.judge(&before, &[Fate::file_ours(&row.state(&row.name))])
}

fn nodes_lock() -> Result<()> {
    let row = Row::on_engine("nodes")?;
    let id = row.node(&[])?;
    row.remember_dead(&[&id])?;
    link(&row.path("victim/file"), &row.state("nodes.lock"))?;
    let before = row.picture()?;
    act(&row, "gc")?;
    let container = Fate::Ours(format!("container {id}"));
    row.judge(&before, &[container, Fate::file_ours(&row.state(&row.name))])
}

fn bundles() -> Result<()> {
    let row = Row::on_engine("bundles")?;
    row.write("victim/cluster.json", &dead_record(&row)?)?;
    link(&row.path("victim"), &row.state("bundles"))?;
    let before = row.picture()?;
    act(&row, "gc")?;
    row.judge(&before, &[])
}

/// A cluster's kubeconfig leads to the user's own.
fn kubeconfig() -> Result<()> {
    let row = Row::on_engine("kubeconfig")?;
    row.write(&format!("state/kind-harness/{}/cluster.json", row.name), &dead_record(&row)?)?;
    link(&row.path("kubeconfig"), &row.state(&row.name).join("kubeconfig"))?;
    let before = row.picture()?;
    act(&row, "gc")?;
    row.judge(&before, &[Fate::file_gone(&row.state(&row.name))])
}

/// Whoever holds the lock works on the cluster: `gc` leaves it alone, at once.
fn held_lock() -> Result<()> {
    let row = Row::on_engine("busy")?;
    row.write(&format!("state/kind-harness/{}/cluster.json", row.name), &dead_record(&row)?)?;
    row.write(&format!("state/kind-harness/locks/{}", row.name), "")?;
    let held = std::fs::File::open(row.state("locks").join(&row.name))?;
    held.lock()?;
    let before = row.picture()?;
    act(&row, "gc")?;
    row.judge(&before, &[])?;
    ensure!(row.state("locks").join(&row.name).exists(), "the lock of another process was removed");
    Ok(())
}

/// A cluster may be called `kubeconfig`, and so its lock is a file that clusters' folders have.
fn locks_like_a_cluster() -> Result<()> {
    let row = Row::on_engine("alike")?;
    for lock in ["kubeconfig", "planted"] {
        row.write(&format!("state/kind-harness/locks/{lock}"), "")?;
    }
    let before = row.picture()?;
    act(&row, "gc")?;
    row.judge(&before, &[])?;
    ensure!(row.state("locks/kubeconfig").exists(), "the lock of another process was removed");
    Ok(())
}
