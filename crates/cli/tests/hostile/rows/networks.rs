//! Volumes and networks that bear our names, and are not ours.

use anyhow::{Result, bail};

use super::ours::node;
use crate::bench::MARK;
use crate::judge::Fate;
use crate::row::Row;
use crate::{NotHere, Situation, situation};

/// The network that our clusters' nodes are on.
const NETWORK: &str = "kind-harness";

pub(super) fn table() -> Vec<Situation> {
    vec![
        situation("volume::labelled_with_the_name_of_a_node_of_ours", volume),
        situation("network::of_our_name_that_the_user_has_made", || network(&["--label", "made-by=somebody-else"])),
        situation("network::of_our_name_without_labels", || network(&[])),
        situation("network::of_ours_with_a_foreign_container_on_it", foreign_container),
    ]
}

/// kind labels a node's volume with the node's name; so can anybody.
fn volume() -> Result<()> {
    let row = Row::on_engine("volume")?;
    let id = row.node(&[])?;
    let (volume, mark) = (format!("{}-data", row.name), format!("{MARK}={}", std::process::id()));
    row.ask(&["volume", "create", "--label", &node(&row.name), "--label", &mark, &volume])?;
    row.remove_later(&["volume", "rm", "-f", &volume]);
    row.remember_dead(&[&id])?;
    let before = row.picture()?;
    row.run(&["gc"])?;
    row.judge(&before, &gone(&row, &id))
}

fn gone(row: &Row, id: &str) -> [Fate; 2] {
    [Fate::container_gone(id), Fate::file_gone(&row.state(&row.name))]
}

fn is_there(row: &Row) -> Result<bool> {
    Ok(row.ask(&["network", "ls", "--format", "{{.Name}}"])?.lines().any(|name| name == NETWORK))
}

/// The user has a network of that name, which nothing is on at this moment.
fn network(labels: &[&str]) -> Result<()> {
    let row = Row::on_engine("network")?;
    if is_there(&row)? {
        bail!(NotHere(format!("clusters on this host use the network {NETWORK}")));
    }
    let id = row.node(&[])?;
    let mark = format!("{MARK}={}", std::process::id());
    row.ask(&[&["network", "create", "--label", &mark], labels, &[NETWORK]].concat())?;
    row.remove_later(&["network", "rm", NETWORK]);
    row.remember_dead(&[&id])?;
    let before = row.picture()?;
    row.run(&["gc"])?;
    row.judge(&before, &gone(&row, &id))
}

fn foreign_container() -> Result<()> {
    let row = Row::on_engine("guest")?;
    if !is_there(&row)? {
        row.ask(&["network", "create", "--label", &format!("{MARK}={}", std::process::id()), NETWORK])?;
        row.remove_later(&["network", "rm", NETWORK]);
    }
    row.container(&format!("{}-database", row.name), &[], &["--network", NETWORK])?;
    let id = row.node(&["--network", NETWORK])?;
    row.remember_dead(&[&id])?;
    let before = row.picture()?;
    row.run(&["gc"])?;
    row.judge(&before, &gone(&row, &id))
}
