//! Guests: suites that run in a cluster that was there before, with objects of every kind in it.

mod furniture;
mod guest;
mod kubeconfig;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::{Situation, situation};
use furniture::{also_by_us, furniture, new, pod_that_fails};
use guest::Guest;

pub(super) fn table() -> Vec<Situation> {
    let mut rows = vec![
        situation("existing::up_and_down", up_and_down),
        situation("existing::a_failing_up", failing_up),
        situation("existing::a_failing_second_up", failing_second_up),
        situation("existing::killed_in_the_middle", killed),
        situation("existing::interrupted_in_the_middle", interrupted),
        situation("existing::pruning", pruning),
        situation("existing::the_suites_namespace_was_there", namespace_was_there),
        situation("existing::another_managers_field", other_managers_field),
        situation("existing::a_field_that_another_manager_wants", contested_field),
        situation("existing::made_again_by_somebody_else", made_again),
        situation("existing::the_record_is_lost", lost_record),
        situation("existing::down_by_another_home", other_home),
    ];
    rows.extend(kubeconfig::table());
    rows
}

fn up_and_down() -> Result<()> {
    let guest = Guest::new("both")?;
    guest.house().plant(&furniture(guest.name()))?;
    let before = guest.row.picture()?;
    guest.suite("30s", &[also_by_us(guest.name()), new(guest.name())].concat())?;
    guest.succeeds(&["up", "--yes"])?;
    for object in new(guest.name()) {
        ensure!(guest.house().get(&object)?.is_some(), "not applied: {object}");
    }
    guest.succeeds(&["down"])?;
    guest.judge(&before)
}

fn failing_up() -> Result<()> {
    let guest = Guest::new("fails")?;
    guest.house().plant(&furniture(guest.name()))?;
    let before = guest.row.picture()?;
    let fails = [pod_that_fails(guest.name())];
    guest.suite("3s", &[also_by_us(guest.name()), new(guest.name()), fails.into()].concat())?;
    guest.fails(&["up", "--yes"])?;
    guest.judge(&before)
}

/// What the first `up` has brought up runs on, with the same uids; `down` then takes it away.
fn failing_second_up() -> Result<()> {
    let guest = Guest::new("second")?;
    guest.house().plant(&furniture(guest.name()))?;
    let before = guest.row.picture()?;
    let all = [also_by_us(guest.name()), new(guest.name())].concat();
    guest.suite("30s", &all)?;
    guest.succeeds(&["up", "--yes"])?;
    let running = guest.row.picture()?;
    guest.suite("3s", &[all, vec![pod_that_fails(guest.name())]].concat())?;
    guest.fails(&["up", "--yes"])?;
    guest.judge(&running).context("after the second up")?;
    guest.succeeds(&["down"])?;
    guest.judge(&before).context("after down")
}

/// Begins an `up` that will not come to an end by itself, and waits until it has applied everything.
fn begun(guest: &Guest) -> Result<std::process::Child> {
    let fails = pod_that_fails(guest.name());
    guest.suite("60s", &[also_by_us(guest.name()), new(guest.name()), vec![fails.clone()]].concat())?;
    let mut up = guest.row.command(&["up", "--yes", "--name", guest.name()])?;
    let up = up.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn()?;
    guest.until(Duration::from_secs(30), || Ok(guest.house().get(&fails)?.is_some()))?;
    Ok(up)
}

fn killed() -> Result<()> {
    let guest = Guest::new("killed")?;
    guest.house().plant(&furniture(guest.name()))?;
    let before = guest.row.picture()?;
    let mut up = begun(&guest)?;
    up.kill()?;
    up.wait()?;
    guest.judge(&before)
}

fn interrupted() -> Result<()> {
    let guest = Guest::new("signal")?;
    guest.house().plant(&furniture(guest.name()))?;
    let before = guest.row.picture()?;
    let mut up = begun(&guest)?;
    let pid = rustix::process::Pid::from_child(&up);
    rustix::process::kill_process(pid, rustix::process::Signal::INT)?;
    ensure!(up.wait()?.code() == Some(130), "it did not end as interrupted");
    guest.judge(&before)
}

/// What is in the manifests no longer is deleted when we made it, and given back when we did not.
fn pruning() -> Result<()> {
    let guest = Guest::new("prune")?;
    guest.house().plant(&furniture(guest.name()))?;
    let before = guest.row.picture()?;
    guest.suite("30s", &[also_by_us(guest.name()), new(guest.name())].concat())?;
    guest.succeeds(&["up", "--yes"])?;
    let stays = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "stays"}});
    guest.suite("30s", std::slice::from_ref(&stays))?;
    guest.succeeds(&["up", "--yes"])?;
    let added = ["ConfigMap", "ServiceAccount"].map(|kind| format!("object v1/{kind} {}-guest/", guest.name()));
    let [maps, accounts] = added;
    guest.judge_but(&before, &[maps, accounts, guest.namespace_key()]).context("after pruning")?;
    guest.succeeds(&["down"])?;
    guest.judge(&before).context("after down")
}

fn namespace_was_there() -> Result<()> {
    let guest = Guest::new("home")?;
    let namespace = format!("{}-guest", guest.name());
    guest.house().plant(&[
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "mine", "namespace": namespace}, "data": {"a": "b"}}),
    ])?;
    let before = guest.row.picture()?;
    guest.suite("30s", &new(guest.name()).into_iter().skip(1).collect::<Vec<_>>())?;
    guest.succeeds(&["up", "--yes"])?;
    guest.succeeds(&["down"])?;
    guest.judge(&before)
}

fn shared_map(guest: &Guest, data: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "shared", "namespace": format!("{}-house", guest.name())}, "data": data})
}

/// A field beside those of another manager: it is there while the guest is.
fn other_managers_field() -> Result<()> {
    let guest = Guest::new("fields")?;
    guest.house().plant(&[furniture::namespace(guest.name()), shared_map(&guest, &json!({"a": "theirs"}))])?;
    let before = guest.row.picture()?;
    guest.suite("30s", &[shared_map(&guest, &json!({"b": "ours"}))])?;
    guest.succeeds(&["up", "--yes"])?;
    let shared = guest.house().get(&shared_map(&guest, &Value::Null))?.context("it is gone")?;
    ensure!(shared["data"] == json!({"a": "theirs", "b": "ours"}), "{shared}");
    guest.succeeds(&["down"])?;
    guest.judge(&before)
}

/// Both want another value of one field: it is theirs again at the end, whether `up` refuses or not.
fn contested_field() -> Result<()> {
    let guest = Guest::new("contest")?;
    guest.house().plant(&[furniture::namespace(guest.name()), shared_map(&guest, &json!({"a": "theirs"}))])?;
    let before = guest.row.picture()?;
    guest.suite("30s", &[shared_map(&guest, &json!({"a": "ours"}))])?;
    guest.run(&["up", "--yes"])?;
    guest.run(&["down"])?;
    guest.judge(&before)
}

/// An object of ours was deleted, and made again under its name by somebody else: that one is not ours.
fn made_again() -> Result<()> {
    let guest = Guest::new("again")?;
    guest.house().plant(&[furniture::namespace(guest.name())])?;
    let role = new(guest.name()).into_iter().find(|it| it["kind"] == "ClusterRole").context("a ClusterRole")?;
    let map = shared_map(&guest, &json!({"a": "b"}));
    guest.suite("30s", &[role.clone(), map.clone()])?;
    guest.succeeds(&["up", "--yes"])?;
    for object in [&role, &map] {
        guest.house().delete(object)?;
    }
    guest.house().plant(&[role, map])?;
    let before = guest.row.picture()?;
    guest.succeeds(&["down"])?;
    guest.judge_but(
        &before,
        &[
            guest.namespace_key(),
            format!("object v1/ConfigMap {}-guest/", guest.name()),
            format!("object v1/ServiceAccount {}-guest/", guest.name()),
        ],
    )
}

/// Nothing is known of the first run: `down` takes nothing that was there before it.
fn lost_record() -> Result<()> {
    let guest = Guest::new("lost")?;
    guest.house().plant(&furniture(guest.name()))?;
    guest.suite("30s", &also_by_us(guest.name()))?;
    guest.succeeds(&["up", "--yes"])?;
    std::fs::remove_dir_all(guest.row.state(guest.name()))?;
    let before = guest.row.picture()?;
    guest.run(&["down"])?;
    guest.row.run(&["gc"])?;
    guest.judge_but(
        &before,
        &[
            guest.namespace_key(),
            format!("object v1/ConfigMap {}-guest/", guest.name()),
            format!("object v1/ServiceAccount {}-guest/", guest.name()),
        ],
    )
}

/// Another user, or the same one with another HOME, takes the same suite down: what the first brought up is not theirs.
fn other_home() -> Result<()> {
    let guest = Guest::new("other")?;
    guest.house().plant(&furniture(guest.name()))?;
    guest.suite("30s", &[also_by_us(guest.name()), new(guest.name())].concat())?;
    guest.succeeds(&["up", "--yes"])?;
    let before = guest.row.picture()?;
    let mut down = guest.row.command(&["down", "--name", guest.name()])?;
    down.env("XDG_STATE_HOME", guest.row.path("home"));
    guest.row.finish(down)?;
    guest.row.judge(&before, &[crate::judge::Fate::file_ours(&guest.row.path("home"))])?;
    guest.succeeds(&["down"])
}
