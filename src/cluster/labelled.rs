//! Clusters found by their containers' labels.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};

use super::{ClusterError, Lease, Node, labels};
use crate::host::setup::{Engine, LOOK};
use crate::readiness::errors;
use crate::suite::name::ClusterName;

/// Deadline for an engine to respond. One that is busy with our own removal still responds within it.
const ALIVE: Duration = Duration::from_secs(5);

/// A cluster of this user, described by the labels of its node containers.
#[derive(Debug, Clone)]
pub struct Labelled {
    /// Its name.
    pub name: ClusterName,
    /// The state folder that has its record; differs from ours where another home uses the same engine.
    pub state: PathBuf,
    /// The lease under which it was created.
    pub lease: Lease,
    /// Its node containers.
    pub nodes: Vec<Node>,
    /// Whether it has nodes, and all of them run.
    pub running: bool,
    /// The ids of all its containers, also of those that keep images for it, and their images.
    pub(super) containers: Vec<(String, String)>,
}

impl Labelled {
    /// Returns whether the state folder that had its record, or the record in it, no longer exists. A folder that
    /// cannot be read counts as having one.
    #[must_use]
    pub fn is_forgotten(&self) -> bool {
        let folder = self.state.join(self.name.as_str());
        matches!(std::fs::symlink_metadata(folder), Err(error) if error.kind() == std::io::ErrorKind::NotFound)
    }
}

/// Returns the clusters on `engine` whose container labels name this user.
///
/// # Errors
/// When the engine does not list them.
pub async fn labelled(engine: &Engine) -> Result<Vec<Labelled>, ClusterError> {
    reach(engine).await?;
    // A listed container may be removed before it is inspected.
    let vanished = |error: &ClusterError| errors::chain(error).to_lowercase().contains("no such");
    let soon = ExponentialBuilder::new().with_min_delay(Duration::from_millis(100));
    let text = (|| labelled_containers(engine)).retry(soon).when(vanished).await?;
    let mut clusters: BTreeMap<(ClusterName, PathBuf), Labelled> = BTreeMap::new();
    for line in text.lines() {
        let mut words = line.splitn(5, ' ');
        let (Some(id), Some(node), Some(running), Some(image), Some(json)) =
            (words.next(), words.next(), words.next(), words.next(), words.next())
        else {
            continue;
        };
        // Docker prefixes a name with `/`.
        let node = node.trim_start_matches('/');
        let labels = serde_json::from_str(json).ok();
        let Some(found) = labels.and_then(|labels| labels::read(node, &labels)) else { continue };
        let cluster = clusters.entry((found.name.clone(), found.state.clone())).or_insert_with(|| Labelled {
            name: found.name,
            state: found.state,
            lease: found.lease,
            nodes: Vec::new(),
            running: true,
            containers: Vec::new(),
        });
        cluster.containers.push((id.into(), image.into()));
        if found.is_node {
            cluster.nodes.push(Node { id: id.into(), name: node.into() });
            cluster.running &= running == "true";
        }
    }
    clusters.values_mut().for_each(|cluster| cluster.running &= !cluster.nodes.is_empty());
    Ok(clusters.into_values().collect())
}

/// Returns a line for each container with our label: id, name, whether it runs, image, labels.
async fn labelled_containers(engine: &Engine) -> Result<String, ClusterError> {
    let list = ["ps", "-aq", "--no-trunc", "--filter", &format!("label={}", labels::CLUSTER)];
    let list = engine.command(list).deadline(LOOK);
    let ids = list.output().await.map_err(ClusterError::command("listing our containers"))?;
    if ids.is_empty() {
        return Ok(String::new());
    }
    let format = "{{.Id}} {{.Name}} {{.State.Running}} {{.Image}} {{json .Config.Labels}}";
    let inspect = ids.lines().fold(engine.command(["inspect", "--format", format]), |inspect, id| inspect.arg(id));
    inspect.deadline(LOOK).output().await.map_err(ClusterError::command("looking at our containers"))
}

/// Checks once, for at most 5 s, whether `engine` is reachable.
pub(super) async fn reach(engine: &Engine) -> Result<(), ClusterError> {
    let ask = engine.command(["ps", "-q"]).deadline(ALIVE);
    let failed = ClusterError::command(format!("reaching {}", engine.kind.name()));
    ask.output().await.map(drop).map_err(failed)
}
