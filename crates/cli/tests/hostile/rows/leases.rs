//! Leases on node containers: which of them say that a cluster is ours and that nobody needs it.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::ours::{KIND_CLUSTER, KIND_ROLE, Labels, UID, dead, held, kept, labels, node, with};
use crate::judge::Fate;
use crate::row::Row;
use crate::{Situation, situation};

pub(super) fn table() -> Vec<Situation> {
    let mut rows = Vec::new();
    let mut stays = |what: &str, labels: fn(&str) -> Result<Labels>| {
        rows.push(situation(format!("lease::{what}"), move || lost(labels, false)));
    };
    stays("missing", |name| Ok(with(expired(name)?, "kind-harness.dev/lease", None)));
    stays("garbage", |name| Ok(labels(name, "{\"run\":4")));
    stays("of_another_shape", |name| Ok(labels(name, "[1,2]")));
    stays("huge", |name| Ok(labels(name, &"[".repeat(100_000))));
    stays("with_a_time_that_is_none", |name| leased(name, kept(Some("+999999-01-01T00:00:00Z"))?));
    stays("over_of_another_user", |name| Ok(with(expired(name)?, UID, Some("4242"))));
    stays("over_of_a_user_that_is_not_a_number", |name| Ok(with(expired(name)?, UID, Some("root"))));
    stays("over_without_a_user", |name| Ok(with(expired(name)?, UID, None)));
    stays("over_without_kinds_label", |name| Ok(with(expired(name)?, KIND_CLUSTER, None)));
    stays("over_with_kinds_label_of_another_cluster", |name| Ok(with(expired(name)?, KIND_CLUSTER, Some("dev"))));
    stays("over_without_kinds_role", |name| Ok(with(expired(name)?, KIND_ROLE, None)));
    stays("over_with_another_role_than_its_name_says", |name| Ok(with(expired(name)?, KIND_ROLE, Some("worker"))));
    stays("until_later", |name| leased(name, kept(Some("2999-01-01T00:00:00Z"))?));
    stays("without_an_end", |name| leased(name, kept(None)?));
    stays("from_the_future", |name| {
        leased(name, kept(Some("2026-01-02T00:00:00Z"))?.but("taken", "2999-01-01T00:00:00Z"))
    });
    stays("owner_runs", |name| leased(name, held()?));
    stays("owner_on_another_host", |name| leased(name, elsewhere()?));
    stays("owner_in_another_container", |name| leased(name, dead()?.of_owner("pids", json!("pid:[1]"))));
    stays("owner_with_a_negative_pid", |name| leased(name, held()?.of_owner("pid", json!(-4))));
    stays("owner_with_pid_0", |name| leased(name, held()?.of_owner("pid", json!(0))));
    stays("owner_with_a_pid_beyond_all", |name| leased(name, held()?.of_owner("pid", json!(1_i64 << 40))));
    let mut goes = |what: &str, labels: fn(&str) -> Result<Labels>| {
        rows.push(situation(format!("lease::{what}"), move || lost(labels, true)));
    };
    // What is ours never stays: the judge sees that, too.
    goes("over_and_ours", expired);
    goes("owner_is_gone", |name| leased(name, dead()?));
    goes("of_an_earlier_boot", |name| leased(name, held()?.of_owner("boot", json!("another"))));
    rows.push(situation("lease::over_but_the_name_is_not_that_of_a_node", other_name));
    rows.push(situation("lease::over_but_another_container_bears_kinds_label", a_second_container));
    rows.push(situation("lease::another_home_brings_up_the_same_name", another_home));
    rows
}

trait Spoil {
    fn but(self, field: &str, value: &str) -> Value;
    fn of_owner(self, field: &str, value: Value) -> Value;
}

impl Spoil for Value {
    fn but(mut self, field: &str, value: &str) -> Value {
        self[field] = json!(value);
        self
    }

    fn of_owner(mut self, field: &str, value: Value) -> Value {
        self["owner"][field] = value;
        self
    }
}

fn leased(name: &str, lease: Value) -> Result<Labels> {
    Ok(labels(name, &lease.to_string()))
}

/// Labels that say all that they must, and a lease that is over.
fn expired(name: &str) -> Result<Labels> {
    leased(name, kept(Some("2026-01-02T00:00:00Z"))?)
}

/// A lease whose every word about the host is another's.
fn elsewhere() -> Result<Value> {
    let mut lease = dead()?;
    let owner = lease["owner"].as_object_mut();
    for (_, value) in owner.into_iter().flatten().filter(|(_, value)| value.is_string()) {
        *value = json!("another");
    }
    Ok(lease)
}

/// A node whose record is lost, so that its labels are all that tells of it.
fn lost(labels: fn(&str) -> Result<Labels>, goes: bool) -> Result<()> {
    let row = Row::on_engine("lost")?;
    let id = row.container(&node(&row.name), &labels(&row.name)?, &[])?;
    let before = row.picture()?;
    let gc = row.run(&["gc"])?;
    let words = format!("cluster {} was removed", row.name);
    ensure!(gc.stdout.contains(&words) == goes, "{gc:?}");
    row.judge(&before, &if goes { vec![Fate::container_gone(&id)] } else { Vec::new() })
}

fn other_name() -> Result<()> {
    let row = Row::on_engine("other")?;
    row.container(&format!("{}-database", row.name), &expired(&row.name)?, &[])?;
    let before = row.picture()?;
    row.run(&["gc"])?;
    row.judge(&before, &[])
}

/// Beside a node of ours that nobody needs there is a container of the user's own with kind's label: `kind create` by hand.
fn a_second_container() -> Result<()> {
    let row = Row::on_engine("second")?;
    let id = row.container(&node(&row.name), &expired(&row.name)?, &[])?;
    let by_hand = with(with(Labels::new(), KIND_CLUSTER, Some(&row.name)), KIND_ROLE, Some("worker"));
    row.container(&format!("{}-worker", row.name), &by_hand, &[])?;
    let before = row.picture()?;
    row.run(&["gc"])?;
    // Ours may stay here: whether the lost record was one with a worker, nobody can tell.
    row.judge(&before, &[Fate::Ours(format!("container {id}"))])
}

/// A kept cluster of the same user's other HOME, on the same engine. Its record is there, not here.
fn another_home() -> Result<()> {
    let row = Row::on_engine("home")?;
    let id = row.container(&node(&row.name), &leased(&row.name, held()?.but("keep", "always"))?, &[])?;
    let engine = row.engine()?.engine.clone();
    let record = super::ours::record(&row.name, &kept(None)?, Some(engine), &[&id])?;
    row.write(&format!("other/kind-harness/{}/cluster.json", row.name), &record.to_string())?;
    let before = row.picture()?;
    row.run(&["gc"])?;
    row.judge(&before, &[])?;
    let up = row.run(&["up", "--name", &row.name])?;
    ensure!(up.code == Some(5), "{up:?}");
    row.judge(&before, &[Fate::file_ours(&row.state(&row.name)), Fate::file_ours(&row.state("bundles"))])
}
