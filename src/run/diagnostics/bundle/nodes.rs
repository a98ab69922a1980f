//! Collects the logs of nodes, through the engine that runs them.

use futures::future::join_all;

use super::writer::Writer;
use crate::images::Nodes;

/// The systemd units of a node whose logs are collected.
const UNITS: [&str; 2] = ["kubelet", "containerd"];

/// The newest lines of each.
const LINES: &str = "4000";

/// Writes the logs of nodes that kind created.
pub(super) async fn collect(nodes: Option<&Nodes>, writer: &Writer) {
    let Some(nodes) = nodes else { return };
    let each = nodes.names.iter().flat_map(|node| UNITS.iter().map(move |unit| (node, unit)));
    join_all(each.map(|(node, unit)| async move {
        let journal = ["exec", node, "journalctl", "--no-pager", "--unit", unit, "--lines", LINES];
        match nodes.engine.command(journal).output().await {
            Ok(text) => writer.write(&format!("nodes/{node}/{unit}.log"), &format!("{text}\n")),
            Err(error) => writer.omit(&format!("the log of {unit} on node {node}"), &error.brief()),
        }
    }))
    .await;
}
