//! Clusters that are known by their containers' labels.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};

use super::{ClusterError, Lease, Node, Owned, labels};
use crate::host::setup::{Engine, LOOK};
use crate::readiness::errors;
use crate::suite::name::ClusterName;

/// A cluster of this user, as the labels of its node containers tell.
#[derive(Debug, Clone)]
pub struct Labelled {
    /// Its name.
    pub name: ClusterName,
    /// The state folder that has its record: another one than ours where another home shares the engine.
    pub state: PathBuf,
    /// The lease under which it was made.
    pub lease: Lease,
    /// Its node containers.
    pub nodes: Vec<Node>,
    /// Whether all of them run.
    pub running: bool,
    /// The image of each node.
    pub(super) images: Vec<String>,
}

impl Labelled {
    /// Proof that its containers are ours, for a cluster whose record is lost.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub async fn owned(&self, engine: &Engine) -> Result<Owned, ClusterError> {
        Owned::labelled(engine, self).await
    }

    /// Whether the state folder that has its record is gone, or has no record of it any more. A folder that cannot be read
    /// has one.
    #[must_use]
    pub fn is_forgotten(&self) -> bool {
        let folder = self.state.join(self.name.as_str());
        matches!(std::fs::symlink_metadata(folder), Err(error) if error.kind() == std::io::ErrorKind::NotFound)
    }
}

/// The clusters on `engine` whose containers' labels say that they are this user's.
///
/// # Errors
/// When the engine does not say.
pub async fn labelled(engine: &Engine) -> Result<Vec<Labelled>, ClusterError> {
    super::owned::reach(engine).await?;
    // One that was listed may be gone a moment later.
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
        // Docker writes a name as a path.
        let node = node.trim_start_matches('/');
        let labels = serde_json::from_str(json).ok();
        let Some(found) = labels.and_then(|labels| labels::read(node, &labels)) else { continue };
        let cluster = clusters.entry((found.name.clone(), found.state.clone())).or_insert_with(|| Labelled {
            name: found.name,
            state: found.state,
            lease: found.lease,
            nodes: Vec::new(),
            running: true,
            images: Vec::new(),
        });
        cluster.nodes.push(Node { id: id.into(), name: node.into() });
        cluster.images.push(image.into());
        cluster.running &= running == "true";
    }
    Ok(clusters.into_values().collect())
}

/// A line for each container that has our label: id, name, whether it runs, image, labels.
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
