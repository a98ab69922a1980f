//! Records in the state folder that are old, spoilt, or about somebody else's cluster.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::ours::{KIND_CLUSTER, KIND_ROLE, Labels, dead, held, kept, node, record, with};
use crate::judge::Fate;
use crate::row::Row;
use crate::{Situation, situation};

/// An id that no container has.
const NONE: &str = "00000000000000000000000000000000000000000000000000000000000000ff";

/// Makes another text of a record's.
type Spoil = fn(&str) -> String;

pub(super) fn table() -> Vec<Situation> {
    let mut rows = vec![
        // The judge sees what is removed.
        situation("record::its_own_container_goes", its_own),
        situation("record::another_cluster_has_the_name_and_a_node_more", a_node_more),
        situation("record::no_engine", no_engine),
        situation("record::named_like_no_cluster", named_like_no_cluster),
        situation("record::its_name_is_another_than_its_folders", another_name),
        situation("record::held_by_its_owner", owner_runs),
        situation("record::kept_and_stopped", || kept_cluster(None, false)),
        situation("record::kept_until_later", || kept_cluster(Some("2999-01-01T00:00:00Z"), false)),
        situation("record::kept_and_its_time_is_over", || kept_cluster(Some("2026-01-02T00:00:00Z"), true)),
        situation("record::of_kind_and_the_suite_says_existing_now", provider_changed),
    ];
    for act in ["gc", "down"] {
        // A power cut came before the first node; then `kind create cluster --name dev` by hand.
        rows.push(situation(format!("record::without_nodes_then_kind_by_hand_{act}"), move || by_hand(act, &[])));
        rows.push(situation(format!("record::with_other_nodes_then_kind_by_hand_{act}"), move || {
            by_hand(act, &[NONE])
        }));
    }
    let spoilt: [(&str, Spoil); 6] = [
        ("empty", |_| String::new()),
        ("truncated", |text| text.chars().take(text.len() / 2).collect()),
        ("garbage", |_| "\u{0}\u{1}ELF".into()),
        ("a_list", |_| "[1, 2]".into()),
        ("of_a_newer_version", |text| text.replace("\"nodes\"", "\"machines\"").replace("\"lease\"", "\"claim\"")),
        ("nested_too_deeply", |_| "[".repeat(200_000)),
    ];
    let rest = spoilt.map(|(what, spoil)| situation(format!("record::{what}"), move || spoilt_beside_a_foreign(spoil)));
    rows.extend(rest);
    rows
}

/// What `kind create cluster --name NAME` leaves.
fn kinds_own(row: &Row, name: &str) -> Result<String> {
    let labels = with(with(Labels::new(), KIND_CLUSTER, Some(name)), KIND_ROLE, Some("control-plane"));
    row.container(&node(name), &labels, &[])
}

fn its_own() -> Result<()> {
    let row = Row::on_engine("own")?;
    let id = row.node(&[])?;
    row.remember_dead(&[&id])?;
    let before = row.picture()?;
    let gc = row.run(&["gc"])?;
    ensure!(gc.stdout.contains(&format!("cluster {} was removed: its owner is gone", row.name)), "{gc:?}");
    row.judge(&before, &[Fate::container_gone(&id), Fate::file_gone(&row.state(&row.name))])
}

/// The user's own cluster has the name of one that we remember.
fn by_hand(act: &str, remembered: &[&str]) -> Result<()> {
    let row = Row::on_engine("dev")?;
    kinds_own(&row, &row.name)?;
    row.remember_dead(remembered)?;
    let before = row.picture()?;
    match act {
        "gc" => row.run(&["gc"])?,
        _ => row.run(&["down", "--name", &row.name])?,
    };
    row.judge(&before, &[Fate::file_ours(&row.state(&row.name))])
}

fn a_node_more() -> Result<()> {
    let row = Row::on_engine("more")?;
    let id = row.node(&[])?;
    let labels = with(with(Labels::new(), KIND_CLUSTER, Some(&row.name)), KIND_ROLE, Some("worker"));
    row.container(&format!("{}-worker", row.name), &labels, &[])?;
    row.remember_dead(&[&id])?;
    let before = row.picture()?;
    row.run(&["gc"])?;
    row.judge(&before, &[Fate::container_gone(&id), Fate::file_ours(&row.state(&row.name))])
}

/// A record that can be read by nobody, beside the user's own cluster of that name.
fn spoilt_beside_a_foreign(spoil: Spoil) -> Result<()> {
    let row = Row::on_engine("spoilt")?;
    let id = kinds_own(&row, &row.name)?;
    let whole = record(&row.name, &dead()?, Some(row.engine()?.engine.clone()), &[&id])?;
    row.write(&format!("state/kind-harness/{}/cluster.json", row.name), &spoil(&whole.to_string()))?;
    let before = row.picture()?;
    let (gc, down) = (row.run(&["gc"])?, row.run(&["down", "--name", &row.name])?);
    ensure!(gc.code.is_some() && down.code.is_some_and(|code| code != 101), "{gc:?} {down:?}");
    row.judge(&before, &[Fate::file_ours(&row.state(&row.name))])
}

fn no_engine() -> Result<()> {
    let row = Row::on_engine("noengine")?;
    let id = kinds_own(&row, &row.name)?;
    let mut record = record(&row.name, &dead()?, None, &[&id])?;
    record["engine"] = Value::Null;
    record["provider"] = json!("existing");
    row.remember(&row.name, &record)?;
    let before = row.picture()?;
    row.run(&["gc"])?;
    row.judge(&before, &[Fate::file_ours(&row.state(&row.name))])
}

/// Folders that no cluster of ours can have. A user has put them there.
fn named_like_no_cluster() -> Result<()> {
    let row = Row::bare("planted")?;
    for name in ["Planted", "planted backup", "planted.old", "-planted", &"planted".repeat(10)] {
        row.remember(name, &record(&row.name, &dead()?, None, &[NONE])?)?;
        row.write(&format!("state/kind-harness/{name}/kubeconfig"), "mine")?;
    }
    let before = row.picture()?;
    row.run(&["gc"])?;
    row.judge(&before, &[])
}

fn another_name() -> Result<()> {
    let row = Row::on_engine("renamed")?;
    let other = format!("{}-other", row.name);
    kinds_own(&row, &other)?;
    row.write(&format!("state/kind-harness/{other}/kubeconfig"), "mine")?;
    let engine = row.engine()?.engine.clone();
    row.remember(&other, &record(&other, &held()?, Some(engine.clone()), &[NONE])?)?;
    for (folder, name) in [("a", "../../victim"), ("b", other.as_str()), ("c", "/"), ("d", "")] {
        row.remember(&format!("{}-{folder}", row.name), &record(name, &dead()?, Some(engine.clone()), &[NONE])?)?;
    }
    let before = row.picture()?;
    row.run(&["gc"])?;
    let ours = ["a", "b", "c", "d"].map(|folder| Fate::file_ours(&row.state(&format!("{}-{folder}", row.name))));
    row.judge(&before, &ours)
}

fn owner_runs() -> Result<()> {
    let row = Row::on_engine("held")?;
    let id = kinds_own(&row, &row.name)?;
    row.remember(&row.name, &record(&row.name, &held()?, Some(row.engine()?.engine.clone()), &[&id])?)?;
    let before = row.picture()?;
    row.run(&["gc"])?;
    row.judge(&before, &[])
}

/// A cluster that was kept, whose node does not run.
fn kept_cluster(until: Option<&str>, goes: bool) -> Result<()> {
    let row = Row::on_engine("kept")?;
    let id = row.node(&[])?;
    row.remember(&row.name, &record(&row.name, &kept(until)?, Some(row.engine()?.engine.clone()), &[&id])?)?;
    let before = row.picture()?;
    row.run(&["gc"])?;
    let gone = [Fate::container_gone(&id), Fate::file_gone(&row.state(&row.name))];
    row.judge(&before, if goes { &gone } else { &[] })
}

/// `down` after the suite was changed from a cluster of ours to an existing one: ours is not forgotten.
fn provider_changed() -> Result<()> {
    let row = Row::on_engine("changed")?;
    let id = row.node(&[])?;
    row.remember_dead(&[&id])?;
    let suite = std::fs::read_to_string(row.path("suite/e2e.yaml"))?;
    row.write("suite/e2e.yaml", &format!("{suite}cluster: {{provider: existing, context: nowhere}}\n"))?;
    let before = row.picture()?;
    let down = row.run(&["down", "--name", &row.name])?;
    ensure!(down.code == Some(0), "{down:?}");
    row.judge(&before, &[Fate::container_gone(&id), Fate::file_gone(&row.state(&row.name))])
}
